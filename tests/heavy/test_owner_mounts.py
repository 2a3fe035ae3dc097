"""Owner files where a file system comes, goes, or takes no files; for root, who may mount."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.uptime import uptime
from daemon.watch.owner import NAME, read
from daemon.watch.owner_file import OwnerFile, we
from daemon.watch.owners import Owners

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount"),
]
DEADLINE = 60.0
EVERY = 0.2
RULES = """\
state: state
rules:
  - {name: r, watch: in, instruction: trim to 1 s, output: out, settle: 200ms}
"""


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own."""
    made = tmp_path / "in"
    made.mkdir()
    mount("-t", "tmpfs", "none", str(made))
    try:
        yield made
    finally:
        subprocess.run(["umount", "-q", str(made)], check=False)


def test_a_read_only_folder_is_watched_and_both_run_and_check_say_what_protects_it(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    mount("-o", "remount,ro", str(folder))
    for words, code in ((("run", "--once"), 0), (("check",), 0)):
        command = [sys.executable, "-m", "daemon", *words, "--config", str(tmp_path / "rules.yaml")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
        assert done.returncode == code, done.stderr
        assert "only the lock of the state folder" in done.stdout + done.stderr, words
        assert "Traceback" not in done.stderr
    assert not list(folder.iterdir())


def test_another_daemon_is_respected_where_we_may_not_write(folder: Path) -> None:
    assert OwnerFile(folder, we(Path("/other"))).place()
    mount("-o", "remount,ro", str(folder))

    async def refused() -> None:
        for over in (False, True):
            owners = Owners({folder: True}, Path("/ours"), lambda *_: None, every=EVERY)
            with pytest.raises(Exception, match="state /other"):
                await owners.take(over=over)
            await owners.release()

    asyncio.run(refused())


def test_an_unmounted_folder_gets_no_file_below_its_mount_point_and_is_ours_again_when_it_is_back(
    folder: Path,
) -> None:
    told: list[str] = []

    async def away() -> None:
        owners = Owners(
            {folder: True}, Path("/ours"), lambda word, *_: told.append(word), every=EVERY, clock=uptime
        )
        await owners.take(over=False)
        unmount(folder)  # nothing of ours keeps it busy
        await until(lambda: not owners.holds(folder))
        assert "not mounted" in owners.troubles()[0]
        assert not list(folder.iterdir())
        mount("-t", "tmpfs", "none", str(folder))
        await until(lambda: owners.holds(folder))
        assert told == ["regained"]
        owner = read((folder / NAME).read_bytes())
        assert owner is not None and owner.state == "/ours"
        await owners.release()
        assert not list(folder.iterdir())

    asyncio.run(away())


def test_a_full_file_system_stops_nothing(tmp_path: Path, folder: Path) -> None:
    mount("-o", "remount,size=4k", str(folder))
    (folder / "full").write_bytes(b"\0" * 4096)
    told: list[str] = []

    async def full() -> None:
        owners = Owners({folder: True}, Path("/ours"), lambda word, *_: told.append(word), every=EVERY)
        await owners.take(over=False)
        assert told == ["unkept"] and owners.holds(folder)
        assert [one.name for one in folder.iterdir()] == ["full"], "no half file stays"
        (folder / "full").unlink()
        await until(lambda: (folder / NAME).exists())
        await owners.release()

    asyncio.run(full())
