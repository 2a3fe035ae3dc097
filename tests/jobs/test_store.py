"""The database: durable, migrated, one writer, and refusals that say what to do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
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
from daemon.jobs import record
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
from daemon.jobs import record
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
