"""The database: durable, migrated, one writer, and refusals that say what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from daemon.errors import StateError
from daemon.jobs import holds, record
from daemon.jobs.lock import StateLock, is_locked
from daemon.jobs.model import Job
from daemon.jobs.schema import REVISION, metadata
from daemon.jobs.store import Store

MakeJob = Callable[..., Job]


def test_what_was_written_is_there_after_opening_again(tmp_path: Path, make_job: MakeJob) -> None:
    job = make_job(path="/in/name that is no UTF-8 \udcff.mp4")
    with Store(tmp_path / "jobs.db") as store:
        store.write_now(lambda connection: record.add_job(connection, job))
    with Store(tmp_path / "jobs.db") as store:
        assert store.read(lambda connection: record.get_job(connection, job.id)) == job


def test_a_write_that_returned_survives_sigkill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "jobs.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            last = writer.stdout.readline().strip()
        writer.send_signal(signal.SIGKILL)
    with Store(tmp_path / "jobs.db") as store:
        assert store.read(lambda connection: record.get_job(connection, last)) is not None


_WRITER = """
import sys
from pathlib import Path
from typing import Any
from daemon.jobs import holds, record
from daemon.jobs.model import Job, Recipe, Source
from daemon.jobs.store import Store
recipe = Recipe(instructions=("x",), skill="s", skill_version="1", by="embedded", language="en", folder=Path("/o"),
    base="b", on_conflict="rename", file_mode=None, format="auto", quality="high", attempts=1, first=1.0, longest=1.0,
    again="copy")
store = Store(Path(sys.argv[1]))
while True:
    job = Job(id=record.new_id(), rule="r", source=Source(Path("/i"), 1, 2, 3, 4, "c"), recipe=recipe, key="k")
    store.write_now(lambda connection: record.add_job(connection, job))
    print(job.id, flush=True)
"""


def test_changes_that_wait_together_share_a_commit_and_one_that_fails_spoils_no_other(
    store: Store, make_job: MakeJob
) -> None:
    jobs = [make_job() for _ in range(50)]

    def add_then_fail(connection: Connection) -> None:
        record.add_job(connection, make_job(id="half"))
        raise ValueError("no")

    async def write_all() -> list[object]:
        good = [store.write(partial(record.add_job, job=job)) for job in jobs]
        return await asyncio.gather(*good, store.write(add_then_fail), return_exceptions=True)

    answers = asyncio.run(write_all())
    assert isinstance(answers[-1], ValueError)
    assert answers[:-1] == [None] * 50
    found = store.read(lambda connection: record.list_jobs(connection))
    assert {job.id for job in found} == {job.id for job in jobs}


def test_a_change_that_fails_alone_leaves_nothing(tmp_path: Path) -> None:
    def fails(connection: Connection) -> None:
        holds.hold(connection, ["half"], 1.0)
        raise LookupError

    with Store(tmp_path / "jobs.db") as store:
        for _ in range(2):
            with pytest.raises(LookupError):
                store.write_now(fails)
        store.write_now(lambda connection: holds.hold(connection, ["whole"], 1.0))
        assert store.read(holds.held) == ["whole"]


def test_the_database_is_synced_and_private(tmp_path: Path) -> None:
    with Store(tmp_path / "jobs.db") as store:
        modes = store.write_now(
            lambda connection: [
                connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous")
            ]
        )
    assert modes == ["wal", 2]
    assert (tmp_path / "jobs.db").stat().st_mode & 0o777 == 0o600


def test_migrations_make_the_very_tables_that_the_program_uses(tmp_path: Path) -> None:
    Store(tmp_path / "jobs.db").close()
    with create_engine(f"sqlite:///{tmp_path / 'jobs.db'}").connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert [one for one in differences if "alembic_version" not in str(one)] == []


def test_the_newest_migration_is_the_one_the_program_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", "daemon:jobs/migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_a_damaged_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.write_bytes(b"this is no database, but somebody may want it" * 100)
    before = path.read_bytes()
    with pytest.raises(StateError, match="not touched"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("left", [b"", b"SQL"])
def test_a_database_that_lost_its_content_is_no_new_one(tmp_path: Path, left: bytes, readonly: bool) -> None:
    path = tmp_path / "jobs.db"
    Store(path).close()
    path.write_bytes(left)
    with pytest.raises(StateError, match="reeldrop recover"):
        Store(path, readonly=readonly)
    assert path.read_bytes() == left


@pytest.mark.parametrize("readonly", [False, True])
def test_a_database_without_a_record_is_no_new_one(tmp_path: Path, readonly: bool) -> None:
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
        connection.execute("CREATE TABLE something_else (id)")
    with pytest.raises(StateError, match=r"holds no record.*reeldrop recover"):
        Store(tmp_path / "jobs.db", readonly=readonly)


def test_a_log_without_its_database_is_not_thrown_away(tmp_path: Path) -> None:
    log = tmp_path / "jobs.db-wal"
    log.write_bytes(b"what was committed last")
    with pytest.raises(StateError, match=r"only its log is left.*reeldrop recover"):
        Store(tmp_path / "jobs.db")
    assert [one.name for one in tmp_path.iterdir()] == [log.name]


@pytest.mark.parametrize("readonly", [False, True])
def test_a_database_whose_log_was_taken_away_is_not_gone_on_with(
    tmp_path: Path, make_job: MakeJob, readonly: bool
) -> None:
    (tmp_path / "busy").mkdir()
    with Store(tmp_path / "busy" / "jobs.db") as store:
        store.write_now(partial(record.add_job, job=make_job()))
        # As a killed daemon leaves them, but for the log.
        for name in ("jobs.db", "jobs.db-shm"):
            shutil.copyfile(tmp_path / "busy" / name, tmp_path / name)
    with pytest.raises(StateError, match=r"log jobs.db-wal is gone.*reeldrop recover"):
        Store(tmp_path / "jobs.db", readonly=readonly)


def test_a_first_start_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "jobs.db.new").write_bytes(b"half of a database")
    (tmp_path / "jobs.db.new-journal").write_bytes(b"and of its journal")
    Store(tmp_path / "jobs.db").close()
    assert [one.name for one in tmp_path.iterdir()] == ["jobs.db"]


_SHUT_OUT = """
import os, sys
from pathlib import Path
from daemon.errors import StateError
from daemon.jobs.store import Store

folder, name, mode, whose = Path(sys.argv[1]) / "state", sys.argv[2], int(sys.argv[3], 8), sys.argv[4]
folder.mkdir()
path = folder / "jobs.db"
Store(path).close()
if name.endswith("-wal"):
    (folder / name).touch()
(folder / name).chmod(mode)
if os.geteuid() == 0:
    for one in (folder, *folder.iterdir()):
        if whose == "mine" or one != folder / name:
            os.chown(one, 65534, -1)
    os.setuid(65534)
for readonly in (False, True):
    try:
        Store(path, readonly=readonly).close()
    except StateError as error:
        print(error)
    else:
        print("opened")
"""


def told_when_shut_out(name: str, mode: str, whose: str = "mine") -> list[str]:
    """What the store says, asked to write and to read, of a file in a state folder that has this mode."""
    # Not below `tmp_path`, which is closed to the user that root becomes.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        command = [sys.executable, "-c", _SHUT_OUT, folder, name, mode, whose]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        (Path(folder) / "state").chmod(0o700)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(folder, "FOLDER").splitlines()


def test_a_state_folder_that_may_not_be_written_is_told_with_what_mends_it() -> None:
    told = told_when_shut_out(".", "0555")
    assert [("FOLDER/state cannot be read and written by" in line) for line in told] == [True, True]
    assert all("mode 0555). `chmod u+rwx FOLDER/state` mends it." in line for line in told)
    assert not any("recover" in line for line in told)


@pytest.mark.parametrize("mode", ["0400", "0000"])
def test_a_database_that_may_not_be_written_is_told_with_what_mends_it(mode: str) -> None:
    told = told_when_shut_out("jobs.db", mode)
    assert f"mode {mode}). `chmod u+rw FOLDER/state/jobs.db` mends it." in told[0]
    assert "recover" not in told[0] and ("opened" in told[1] or told[1] == told[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave files to another user")
def test_what_another_user_left_in_the_state_folder_is_told_with_whose_it_is() -> None:
    told = told_when_shut_out("jobs.db-wal", "0600", "theirs")
    assert "FOLDER/state/jobs.db-wal cannot be read and written by" in told[0]
    assert "(it belongs to root, mode 0600). Work as root, or `sudo chown -R" in told[0]
    assert "recover" not in told[0]


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "jobs.db") as store:
        store.write_now(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    with pytest.raises(StateError, match="newer Reeldrop"):
        Store(tmp_path / "jobs.db")


def test_a_command_that_only_asks_keeps_no_daemon_from_starting(tmp_path: Path) -> None:
    StateLock(tmp_path).release()
    asking = threading.Event()

    def ask() -> None:
        while not asking.is_set():
            is_locked(tmp_path)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(200):
            StateLock(tmp_path).release()
    finally:
        asking.set()
        thread.join()
    assert not is_locked(tmp_path)


def test_one_daemon_for_a_state_folder(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with StateLock(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(StateError, match=f"process {os.getpid()}"):
            StateLock(tmp_path)
    assert not is_locked(tmp_path)


def test_a_record_is_closed_only_once_the_last_read_of_it_has_ended(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.db")
    reading, found = threading.Event(), list[Any]()

    def count(connection: Connection) -> None:
        endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        rows = connection.execute(text(endless))
        reading.set()
        found.extend(rows.fetchmany(200_000)[:1])
        rows.close()

    thread = threading.Thread(target=lambda: store.read(count))
    thread.start()
    assert reading.wait(5.0)
    store.close()
    thread.join()
    assert found == [(1,)]
