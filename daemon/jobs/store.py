"""The database file: opening, migrating, one writer with group commit, readers beside it.

synchronous=FULL, because NORMAL loses acknowledged rows on a power cut; a commit then costs an fsync, and
group commit shares it among all who wait (measured with 64 waiters: 58,000 rows/s against 1,800).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Transaction, create_engine, event, text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.pool import StaticPool

from daemon.errors import StateError
from daemon.jobs.lock import shut_out
from daemon.jobs.schema import REVISION

T = TypeVar("T")
Change = Callable[[Connection], T]
Troubled = Callable[[str | None], None]

_GROUP: Final = 256
"""Changes in one commit at the most, so that the first of them is not kept waiting for long."""
_WAITS: Final = (1.0, 2.0, 5.0, 10.0)
"""Seconds between tries of a commit that the disk does not take."""
_PASSING: Final = {
    sqlite3.SQLITE_FULL: "Make room on its disk, and try again.",
    sqlite3.SQLITE_IOERR: "Look whether its disk is full (`df`) or fails (`dmesg`), and try again.",
    sqlite3.SQLITE_BUSY: "Another program has it open: close that, and try again.",
    sqlite3.SQLITE_LOCKED: "Another program has it open: close that, and try again.",
    sqlite3.SQLITE_READONLY: "Look who may write it and the folder it lies in (`ls -la`), and try again.",
    sqlite3.SQLITE_CANTOPEN: "Look who may open it and the folder it lies in (`ls -la`), and try again.",
    sqlite3.SQLITE_PERM: "Look who may open it and the folder it lies in (`ls -la`), and try again.",
}
"""What keeps the file from being written now and may pass, and what a person can do. All else is damage."""
RECOVERED: Final = ".recovered"
"""The end of the name of a database that `reeldrop recover` has finished and not yet put in its place."""


class Store:
    """The record on disk. `write` commits before it returns; `read` sees the last commit.

    Opened for writing, it belongs to the holder of the state's lock (`jobs.lock`). With `troubled`, a change
    that a full or read-only disk keeps from being committed waits until it can be, and so does whoever waits
    for it; `troubled` hears why, and None when that is over (on the writer's thread).

    Raises StateError for a file that is damaged, newer than this program, not to be opened by this user, or
    (read-only) not there.
    """

    def __init__(self, path: Path, *, readonly: bool = False, troubled: Troubled | None = None) -> None:
        self.path = path
        self._troubled = troubled
        self._closing = threading.Event()
        self._reading = threading.Lock()
        self._queue: SimpleQueue[tuple[Change[Any], Future[Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        try:
            _must_be_whole(path)
            if not readonly:
                if not path.exists():
                    begin(path)
                elif (shut := shut_out(path)) is not None:
                    # SQLite would open it all the same, and refuse the first change.
                    raise StateError("job database", *shut)
                self._writer = _engine(path, "rw").connect()
                _check_pages(self._writer)
                _migrate(self._writer)
                _make_private(path)
                self._thread = threading.Thread(target=self._write_all, name="store", daemon=True)
                self._thread.start()
            self._reader = _engine(path, "ro").connect()
            if readonly:
                _check_revision(self._reader)
        except (DatabaseError, OperationalError, sqlite3.DatabaseError, OSError) as error:
            raise refusal(path, error) from None

    async def write(self, change: Change[T]) -> T:
        """Runs `change` in a transaction shared with others; returns once it is on disk."""
        return await asyncio.wrap_future(self._submit(change))

    def write_now(self, change: Change[T]) -> T:
        """The same for callers without an event loop; blocks."""
        return self._submit(change).result()

    def write_later(self, change: Change[None]) -> None:
        """The same without waiting, in the order of the calls; for marks that the next look would make again."""
        self._submit(change)

    def read(self, query: Change[T]) -> T:
        """Runs `query` on the reader's connection: indexed look-ups of well under a millisecond."""
        with self._reading:
            try:
                return query(self._reader)
            except DatabaseError as error:
                raise refusal(self.path, error) from None
            finally:
                self._reader.rollback()

    def stop_waiting(self) -> None:
        """From now on a change that the disk does not take is refused with StateError; the others are made."""
        self._closing.set()

    def close(self) -> None:
        # A thread may still read for somebody who was cancelled: closed under it, SQLite refuses the rollback.
        with self._reading:
            self._reader.close()
            self._reader.engine.dispose()
        if self._thread:
            self._closing.set()
            # Last: only a connection that may write folds the write-ahead log back into the file.
            self._queue.put(None)
            self._thread.join()
            self._writer.close()
            self._writer.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, change: Change[T]) -> Future[T]:
        done: Future[T] = Future()
        # A waiter that is cancelled must not take the change back: it is committed, and answered to nobody.
        done.set_running_or_notify_cancel()
        self._queue.put((change, done))
        return done

    def _write_all(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            last = False
            while len(group) < _GROUP and not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    last = True
                    break
                group.append(item)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[tuple[Change[Any], Future[Any]]]) -> None:
        """Commits a group, waiting for a disk that takes nothing now; then everybody is answered."""
        waits = iter(_WAITS)
        told = False
        while True:
            try:
                answers = self._try(group)
            except Exception as error:
                cause = _passing(error)
                if cause is None or self._troubled is None or self._closing.is_set():
                    failed = refusal(self.path, error) if isinstance(error, DatabaseError) else error
                    answers = [partial(Future.set_exception, exception=failed)] * len(group)
                    told = False
                else:
                    if not told:
                        self._troubled(f"the job database {self.path} cannot be written ({cause})")
                    told = True
                    self._closing.wait(next(waits, _WAITS[-1]))
                    continue
            if told and self._troubled is not None:
                self._troubled(None)
            for (_, done), answer in zip(group, answers, strict=True):
                answer(done)
            return

    def _try(self, group: list[tuple[Change[Any], Future[Any]]]) -> list[Callable[[Future[Any]], None]]:
        """One transaction for all; how each of them is to be answered. A change that raises spoils no other."""
        with self._writer.begin() as whole:
            return [self._make(change, whole if len(group) == 1 else None) for change, _ in group]

    def _make(self, change: Change[Any], whole: Transaction | None) -> Callable[[Future[Any]], None]:
        """Makes a change, in a savepoint unless the `whole` transaction is its own; how it is to be answered."""
        try:
            if whole is not None:
                return partial(Future.set_result, result=change(self._writer))
            with self._writer.begin_nested():
                return partial(Future.set_result, result=change(self._writer))
        except Exception as error:
            if isinstance(error, DatabaseError) and not isinstance(error, IntegrityError):
                raise
            if whole is not None:
                whole.rollback()
            return partial(Future.set_exception, exception=error)


def _passing(error: Exception) -> str | None:
    """What keeps the file from being written now and may pass: a full disk, lost rights; None for damage."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _PASSING:
        return None
    return str(getattr(error, "orig", error))


def _check_pages(connection: Connection) -> None:
    """Damage in the middle of the file shows when a page is read; better now than in the middle of a job."""
    found = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    connection.rollback()
    if found != "ok":
        raise sqlite3.DatabaseError(str(found).splitlines()[-1])


def _make_private(path: Path) -> None:
    try:
        path.chmod(0o600)
    except OSError as error:
        raise StateError(
            "job database",
            f"{path} cannot be made readable by its owner alone ({error.strerror})",
            "Let the daemon's user own it, and look for a flag that forbids changes (`lsattr`).",
        ) from None


def _engine(path: Path, mode: str) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,  # the driver's own BEGIN comes too late for savepoints
            check_same_thread=False,
            timeout=10.0,
        )
        if mode == "rw":
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if mode == "ro" else "BEGIN IMMEDIATE")

    return engine


def _found(connection: Connection) -> str:
    """The revision of the database."""
    tables = connection.execute(text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"))
    query = text("SELECT version_num FROM alembic_version")
    found = connection.execute(query).scalar() if tables.scalar() else None
    connection.rollback()
    if found is None:
        raise sqlite3.DatabaseError("it holds no record")
    return str(found)


def _check_revision(connection: Connection) -> None:
    found = _found(connection)
    if found != REVISION:
        raise StateError(
            "job database",
            f"is of version {found}, this program needs {REVISION}",
            "Start the daemon (`reeldrop run`) of this version once; it brings the database up to date.",
        )


def _migrate(connection: Connection) -> None:
    found = _found(connection)
    if found != REVISION:
        must_be_known(found)
        _upgrade(connection, "head")


def must_be_known(revision: str) -> None:
    """Raises StateError for a database that a newer program wrote."""
    if revision > REVISION:
        raise StateError(
            "job database",
            f"was written by a newer Reeldrop (schema {revision}, this one knows {REVISION})",
            "Install that version again, or point `state:` at another folder.",
        )


def begin(path: Path, revision: str = "head") -> None:
    """Makes an empty database. It has its name only once it is whole: an empty file of that name is damage."""
    begun = path.with_name(f"{path.name}.new")
    for left in (begun, begun.with_name(f"{begun.name}-journal")):
        left.unlink(missing_ok=True)
    engine = _engine(begun, "rwc")
    try:
        with engine.connect() as connection:
            _upgrade(connection, revision)
    finally:
        engine.dispose()
    put(begun, path)


def put(source: Path, target: Path) -> None:
    """Renames a file, and returns once no power cut takes that back."""
    source.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "daemon:jobs/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.commit()


def torn(path: Path) -> str | None:
    """How a database that must not be opened shows that a part of it is gone: SQLite would begin without that part."""
    log = Path(f"{path}-wal")
    if not path.exists():
        return "it is gone, and only its log is left" if log.exists() and log.stat().st_size else None
    if path.stat().st_size == 0:
        return "it is empty"
    return f"its log {log.name} is gone, and with it what was written last" if lacks_log(path) else None


def lacks_log(path: Path) -> bool:
    """Whether a database's log was taken away: its index is there alone.

    SQLite makes the log before the index and removes the index first. A log that was taken away together with its
    index leaves no trace.
    """
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    # Asked for twice: a daemon may have begun in between.
    return not log.exists() and index.exists() and not log.exists()


def _must_be_whole(path: Path) -> None:
    if path.with_name(path.name + RECOVERED).exists():
        raise StateError(
            "job database",
            f"`reeldrop recover` was stopped before the new {path} was in its place",
            "`reeldrop recover` ends it.",
        )
    if (gone := torn(path)) is not None:
        raise sqlite3.DatabaseError(gone)


def refusal(path: Path, error: Exception) -> StateError:
    """Why the database at `path` cannot be used, and what a person can do about it."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if isinstance(cause, OSError) or code in _PASSING:
        if (shut := shut_out(path)) is not None:
            return StateError("job database", *shut)
        if code == sqlite3.SQLITE_CANTOPEN and not path.exists():
            return StateError(
                "job database", f"{path} does not exist", "Nothing has run with this state folder yet."
            )
        why = cause.strerror if isinstance(cause, OSError) else cause
        return StateError("job database", f"{path} cannot be used now ({why})", _PASSING.get(code, ""))
    return StateError(
        "job database",
        f"{path} cannot be used ({cause})",
        "It was not touched. `reeldrop recover` sets it aside and carries into a new one what can still be read.",
    )
