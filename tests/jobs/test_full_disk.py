"""A record on a disk that takes nothing now: a daemon waits, a command says so, damage is told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.errors import StateError
from daemon.jobs.store import Store

# In a process of its own: the limit on file sizes stands for the full disk, and can be lifted again.
_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from sqlalchemy import text
from daemon.errors import StateError
from daemon.jobs.store import Store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
heard = []
LIMIT = resource.RLIM_INFINITY

def fill(connection):
    connection.execute(text("CREATE TABLE IF NOT EXISTS filler (x BLOB)"))
    connection.execute(text("INSERT INTO filler VALUES (zeroblob(400000))"))

def troubled(cause):
    heard.append(cause)
    if cause is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

def filled():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, LIMIT))

async def wait():
    with Store(path, troubled=troubled) as store:
        filled()
        await store.write(fill)
        print("waited", len(heard), heard[0] is not None and str(path) in heard[0], heard[-1])

asyncio.run(wait())
with Store(path) as store:
    filled()
    try:
        store.write_now(fill)
    except StateError as error:
        print("told", str(path) in str(error), "is full (`df`)" in str(error), "recover" in str(error))
"""


def test_a_daemon_waits_for_a_full_disk_and_a_command_says_what_is_wrong(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DISK, str(tmp_path / "jobs.db")], capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[:2] == ["waited 2 True None", "told True True False"], done.stderr


_FIRST = """
import resource, signal, sys
from pathlib import Path
from daemon.errors import StateError
from daemon.jobs.store import Store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
try:
    Store(path)
except StateError as error:
    print("is full (`df`)" in str(error), path.exists())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
Store(path).close()
print("begun")
"""


def test_a_first_start_on_a_full_disk_leaves_nothing_that_counts_as_damaged(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FIRST, str(tmp_path / "jobs.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "True False\nbegun\n", done.stderr


_STOPPED = """
import asyncio, resource, signal, sys
from pathlib import Path
from sqlalchemy import text
from daemon.errors import StateError
from daemon.jobs.store import Store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
LIMIT = resource.RLIM_INFINITY

def fill(connection):
    connection.execute(text("CREATE TABLE IF NOT EXISTS filler (x BLOB)"))
    connection.execute(text("INSERT INTO filler VALUES (zeroblob(400000))"))

async def wait():
    full = asyncio.Event()
    loop = asyncio.get_running_loop()
    heard = []

    def troubled(cause):
        heard.append(cause is None)
        loop.call_soon_threadsafe(full.set)

    with Store(Path(sys.argv[1]), troubled=troubled) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, LIMIT))
        waiting = asyncio.ensure_future(store.write(fill))
        await full.wait()
        store.stop_waiting()
        try:
            await waiting
        except StateError:
            print("given up", heard)

asyncio.run(wait())
"""


def test_a_daemon_that_ends_waits_for_no_full_disk(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _STOPPED, str(tmp_path / "jobs.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "given up [False]\n", done.stderr


def test_a_page_damaged_in_the_middle_is_found_at_the_start_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    Store(path).close()
    data = bytearray(path.read_bytes())
    page = 4096
    data[3 * page : 4 * page] = os.urandom(page)
    path.write_bytes(data)
    with pytest.raises(StateError, match="reeldrop recover"):
        Store(path)
    assert path.read_bytes() == bytes(data)
