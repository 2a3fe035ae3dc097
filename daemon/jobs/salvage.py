"""What can still be read of a damaged record, carried into a new one; and which of its jobs may go on by themselves.

Read is a copy, so that the damaged database stays as it is. A table is read forward and, where that meets damage,
backward from its other end; what an index of it names in between is asked for row by row. Indexes lie on pages of
their own, so they also tell what is missing: how many rows, of which jobs, and what those jobs worked on.

A message that was sent and forgotten would be paid twice. So a job that may have lost one goes on only where a later
step shows that all of them were carried out; else it is held `maybe-paid`, without its session: like one whose session
the service has lost, it sends nothing before a person says `retry --resend`.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args

from sqlalchemy import Connection, delete, select

from daemon.config.fields import By
from daemon.jobs import record, schema
from daemon.jobs.model import Job, Outcome, Source, Step, StepRecord
from daemon.jobs.states import FINISHED, Move, State
from daemon.jobs.store import begin, lacks_log, must_be_known

Row = tuple[Any, ...]

_PAGE: Final = 4096
_NOT_SENT: Final = (None, Step.SESSION, Step.UPLOAD)
_AFTER_EDITS: Final = (Step.RENDER, Step.DOWNLOAD, Step.DELIVER)
_NOTHING_SENT: Final = (Outcome.REFUSED, Outcome.VOID)
_UNKNOWN_BALANCE: Final = {"draft": "", "media": "", "available": 0.0, "frozen": 0.0, "total": 0.0}
"""What `jobs.spending` then finds no cost in."""


class Fate(Enum):
    """What a job's records, as they were carried over, allow."""

    GOES_ON = "goes on"
    FILLED = "filled"  # records of messages are missing, and later ones show that all were carried out
    FORGETS = "forgets"  # a message may have been sent that no record tells of


@dataclass(frozen=True, slots=True)
class Gone:
    """A job whose own row is lost, and what its file is, where that is known. `sent`: it may have been paid for."""

    id: str
    source: Source | None
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What could not be carried from the damaged database into the new one.

    `lost`: rows, by table; None: some, and nobody knows how many. `unsure`: jobs that lost records of their steps;
    None: any may have. `gone`: jobs whose own row is lost. `stale`: what was written last is missing, of every job.
    """

    lost: Mapping[str, int | None]
    unsure: frozenset[str] | None
    gone: tuple[Gone, ...]
    stale: bool


def fate(job: Job, steps: Sequence[StepRecord], *, unsure: bool, stale: bool) -> Fate:
    """What a job of a damaged record may do. `unsure`: records of its steps are missing, or may be.

    The studio of this machine is paid nothing, so its jobs go on. A job's row names the step that it is at before that
    step begins; until the edit, nothing was sent.
    """
    if job.made_by == "embedded" or job.state is State.SUCCEEDED:
        return Fate.GOES_ON
    if not stale:
        forgot_all = job.state not in FINISHED and job.session_id is not None and not steps
        if job.step in _NOT_SENT or not (unsure or forgot_all):
            return Fate.GOES_ON
    later = any(one.step in _AFTER_EDITS and one.outcome is not Outcome.VOID for one in steps)
    return Fate.FILLED if later else Fate.FORGETS


def carry(damaged: Path, target: Path) -> Carried | None:
    """Makes the database `target` in an empty folder, of the damaged one's revision, from what of that can be read.

    None where nothing can: then it is empty. Raises StateError for one of a newer program, OSError and sqlite3.Error
    for a full disk.
    """
    begin(target)
    old = _opened(damaged, target)
    if old is None:
        return None
    with closing(old):
        revision = _revision(old)
        if revision not in (None, schema.REVISION):
            must_be_known(revision)
            target.unlink()
            begin(target, revision)
        with closing(sqlite3.connect(target)) as new:
            tables = _Tables(old, new)
            carried = tables.carry(stale=lacks_log(damaged))
            new.commit()
    return carried if tables.any_kept else None


def settle(connection: Connection, carried: Carried, stand_ins: Iterable[Job], now: float) -> list[Job]:
    """Makes the new record one that a daemon may go on from; returns the jobs that are held from now on.

    `stand_ins`: held jobs in the place of lost ones, so that their content is not paid for again.
    """
    found = record.list_jobs(connection, states=set(State) - {State.SUCCEEDED})
    held = []
    for job in stand_ins:
        record.add_job(connection, job)
        held += _hold(connection, job, record.steps_of(connection, job.id), now)
    for table in (schema.steps, schema.timeline, schema.names):
        connection.execute(delete(table).where(table.c.job.not_in(select(schema.jobs.c.id))))
    if carried.lost["jobs"] != 0:
        # Known files make no jobs: those whose jobs are lost would wait for ever.
        connection.execute(delete(schema.files))
    if any(carried.lost[table] != 0 for table in ("jobs", "files")):
        # Else a file that is not known any more would count as one that was dropped, and be paid for unasked.
        connection.execute(delete(schema.folders))
    for job in found:
        steps = record.steps_of(connection, job.id)
        unsure = carried.unsure is None or job.id in carried.unsure
        verdict = fate(job, steps, unsure=unsure, stale=carried.stale)
        is_copy = any("copy_of" in one.intent for one in steps)
        if verdict is Fate.FILLED and not is_copy:
            _fill(connection, job, steps, range(len(job.recipe.instructions)), Outcome.DONE)
        elif verdict is Fate.FORGETS:
            held += _hold(connection, job, steps, now)
    return held


def forgotten(job_id: str) -> str:
    """The reason of a job that may have forgotten a message."""
    return (
        "maybe-paid: the job database was damaged, and a record that an instruction was sent may be missing. "
        f"Look at the project; `reeldrop retry {job_id} --resend` sends it again and may pay twice, "
        f"`reeldrop cancel {job_id}` gives it up"
    )


def _hold(connection: Connection, job: Job, steps: Sequence[StepRecord], now: float) -> list[Job]:
    sent = any(one.step is Step.EDIT and one.outcome not in _NOTHING_SENT for one in steps)
    _fill(connection, job, steps, [] if sent else [0], None)
    record.void_steps(connection, job, _AFTER_EDITS, now)
    told = f"its session was {job.session_id}" if job.session_id else "its session is not known"
    record.note(connection, job.id, f"taken from a damaged job database: {told}", now)
    # At the edit: what a sidecar tells of its delivery is believed then, and not awaited from it.
    changes: dict[str, Any] = {"session_id": None, "render_id": None, "step": Step.EDIT.value}
    if job.state in FINISHED:
        record.set_job(connection, job, now=job.updated_at, **changes)
        return []
    reason = forgotten(job.id)
    return [record.move(connection, job, Move.HOLD, now=now, reason=reason, **changes)]


def _fill(
    connection: Connection,
    job: Job,
    steps: Sequence[StepRecord],
    edits: Iterable[int],
    outcome: Outcome | None,
) -> None:
    """Puts records in the place of those that are missing up to the last edit; `outcome` None: nobody knows it."""
    kept = {(one.step, one.index) for one in steps if one.outcome is Outcome.DONE}
    ahead: list[tuple[Step, int, Outcome | None]] = [
        (Step.SESSION, 0, Outcome.DONE),
        (Step.UPLOAD, 0, Outcome.DONE),
    ]
    for index in edits:
        ahead += [(Step.EDIT, index, outcome)]
        ahead += [] if outcome is None else [(Step.CONFIRM, index, outcome)]
    at = job.updated_at
    for step, index, ended in ahead:
        if (step, index) not in kept:
            intent = {"before": _UNKNOWN_BALANCE, "sent_at": at} if step is Step.EDIT else {}
            opened = record.open_step(connection, job, step, index, intent, at)
            if ended is not None:
                record.close_step(connection, opened, ended, {}, at)


# Reading


class _Tables:
    """The tables of a damaged database (`old`), and an empty one of the same revision (`new`) that they go into."""

    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection) -> None:
        self._old = old
        self._new = new
        self._is_damaged = False
        self._kept: dict[str, set[int]] = {}
        self._lost: dict[str, int | None] = {}

    def carry(self, *, stale: bool) -> Carried:
        there = {name for (name,) in self._new.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in schema.metadata.sorted_tables:
            self._kept[table.name], self._lost[table.name] = set(), 0
            if table.name in there:
                self._lost[table.name] = self._copy(table.name)
        unsure = self._unsure()
        gone = tuple(self._gone(unsure))
        return Carried(lost=self._lost, unsure=unsure, gone=gone, stale=stale)

    @property
    def any_kept(self) -> bool:
        return any(self._kept.values())

    def _copy(self, table: str) -> int | None:
        """How many rows of the table are lost; None: some, and nobody knows how many."""
        columns = [_Column(*told[1:4]) for told in self._new.execute(f"PRAGMA table_info({table})")]
        names = ", ".join(f'"{column.name}"' for column in columns)
        into = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
        kept, unfit, query = self._kept[table], set[int](), f"SELECT rowid, {names} FROM {table} NOT INDEXED"

        def fitting(rows: Iterator[Row]) -> Iterator[Row]:
            for number, *values in rows:
                if number in kept:
                    return
                if all(map(_Column.takes, columns, values)):
                    kept.add(number)
                    yield tuple(values)
                else:
                    unfit.add(number)

        self._is_damaged = False
        self._new.executemany(into, fitting(self._asked(f"{query} ORDER BY rowid")))
        if damaged := self._is_damaged:
            self._new.executemany(into, fitting(self._asked(f"{query} ORDER BY rowid DESC")))
        named = self._named(table)
        if named is None:
            return None if damaged else len(unfit)
        for number in named - kept:
            self._new.executemany(into, fitting(self._asked(f"{query} WHERE rowid = ?", number)))
        return len(named - kept)

    def _asked(self, query: str, *values: object) -> Iterator[Row]:
        """The rows up to the first that cannot be read."""
        try:
            yield from self._old.execute(query, values)
        except sqlite3.DatabaseError:
            self._is_damaged = True

    def _indexed(self, table: str, index: str, column: str) -> dict[int, Any] | None:
        """A column by the number of its row, as an index of it has them; None where that is damaged too."""
        self._is_damaged = False
        found: dict[int, Any] = dict(self._asked(f"SELECT rowid, {column} FROM {table} INDEXED BY {index}"))
        return None if self._is_damaged else found

    def _named(self, table: str) -> set[int] | None:
        """The numbers of all rows of a table, by the first of its indexes that can be read."""
        for _, index, _, _, partial in self._new.execute(f"PRAGMA index_list({table})").fetchall():
            found = None if partial else self._indexed(table, index, "rowid")
            if found is not None:
                return set(found)
        return None

    def _unsure(self) -> frozenset[str] | None:
        named = self._indexed("steps", "steps_job", "job")
        if named is None:
            return None if self._lost["steps"] != 0 else frozenset()
        kept = dict(self._new.execute("SELECT id, job FROM steps"))
        return frozenset(job for number, job in named.items() if kept.get(number) != job)

    def _gone(self, unsure: frozenset[str] | None) -> Iterator[Gone]:
        """The jobs that are lost, by the indexes of their table and by the steps that they left."""
        sources: dict[str, Source | None] = dict(self._without_recipe())
        kept, left, delivered = (
            {job for (job,) in self._new.execute(f"SELECT {column} FROM {table}")}
            for column, table in (("id", "jobs"), ("job", "steps"), ("job", "deliveries"))
        )
        ids = self._indexed("jobs", "sqlite_autoindex_jobs_1", "id")
        contents = self._indexed("jobs", "jobs_identity", "content") or {}
        if ids is not None:
            self._lost["jobs"] = len(set(ids.values()) - kept)
        elif sources:
            self._lost["jobs"] = None
        for number, job in (ids or {}).items():
            if job not in kept:
                sources.setdefault(job, self._source(contents.get(number)))
        for job in (sources.keys() | left) - kept - delivered:
            yield Gone(job, sources.get(job), unsure is None or job in unsure or self._has_sent(job))

    def _without_recipe(self) -> Iterator[tuple[str, Source]]:
        """Takes away the jobs whose instructions are lost."""
        if self._lost["recipes"] == 0:
            return
        query = f"SELECT id, {_SOURCE} FROM jobs WHERE recipe_id NOT IN (SELECT id FROM recipes)"
        found = self._new.execute(query).fetchall()
        for job, *source in found:
            yield job, _source(source)
        self._new.executemany("DELETE FROM jobs WHERE id = ?", [(job,) for job, *_ in found])

    def _source(self, content: str | None) -> Source | None:
        """The file of this content that was known last."""
        query = f"SELECT {_SOURCE} FROM files WHERE content = ? ORDER BY gone_at IS NOT NULL LIMIT 1"
        found = self._new.execute(query, (content,)).fetchone()
        return None if found is None else _source(found)

    def _has_sent(self, job: str) -> bool:
        query = "SELECT outcome FROM steps WHERE job = ? AND step = 'edit'"
        return any(outcome not in _NOTHING_SENT for (outcome,) in self._new.execute(query, (job,)))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a table as SQLite tells it. `kind`: its declared type."""

    name: str
    kind: str
    required: int

    def takes(self, value: object) -> bool:
        """Whether a value that was read of a damaged page can stand in this column at all."""
        if value is None:
            return not self.required
        kind = self.kind.partition("(")[0]
        if not isinstance(value, _TYPES[kind]):
            return False
        if self.name in _WORDS:
            return value in _WORDS[self.name]
        return kind != "JSON" or _is_json(str(value))


def _opened(damaged: Path, fresh: Path) -> sqlite3.Connection | None:
    """A copy of the damaged database to read from, beside the `fresh` one; None where not even its tables are found.

    A database begins with the list of its tables. Where that cannot be read, another's takes its place: in databases
    that were begun by the same program the tables begin on the same pages.
    """
    copy = fresh.with_name("damaged.db")
    first = fresh.read_bytes()
    for pages in ({}, {1: 100}, dict.fromkeys(_list_of_tables(first), _PAGE)):
        for ending in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{damaged}{ending}", f"{copy}{ending}")
        copy.touch()
        with copy.open("r+b") as file:
            for page, size in pages.items():
                file.seek((page - 1) * _PAGE)
                file.write(first[(page - 1) * _PAGE :][:size])
            if pages:
                file.seek(_SIZE_AT)
                file.write(bytes(4))  # not known: as large as the file
        old = sqlite3.connect(copy)
        old.text_factory = _text
        with suppress(sqlite3.DatabaseError):
            old.execute("PRAGMA cell_size_check = ON")
            if {name for (name,) in old.execute("SELECT name FROM sqlite_master")} >= _FIRST_TABLES:
                return old
        old.close()
    return None


def _list_of_tables(database: bytes) -> list[int]:
    """The pages of a whole database's list of tables: the first one and those that it names."""
    if database[100] != _INTERIOR:
        return [1]
    count = int.from_bytes(database[103:105])
    cells = [int.from_bytes(database[at : at + 2]) for at in range(112, 112 + 2 * count, 2)]
    return [1, *(int.from_bytes(database[at : at + 4]) for at in [*cells, 108])]


def _revision(old: sqlite3.Connection) -> str | None:
    with suppress(sqlite3.DatabaseError):
        found = old.execute("SELECT version_num FROM alembic_version").fetchone()
        if found is not None and isinstance(found[0], str) and found[0].isdecimal() and int(found[0]) > 0:
            return found[0]
    return None


def _source(row: Sequence[Any]) -> Source:
    path, *about = row
    return Source(Path(os.fsdecode(path)), *about)


def _text(raw: bytes) -> str | bytearray:
    """Text that is none is nothing that a column takes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return bytearray(raw)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


_SOURCE: Final = "path, device, inode, size, mtime_ns, content"
_FIRST_TABLES: Final = {"jobs", "steps", "timeline", "names", "deliveries", "files"}
"""Those of the first revision."""
_SIZE_AT: Final = 28
"""Where a database's header has its number of pages."""
_INTERIOR: Final = 5
"""The first byte of a page that names others."""
_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "VARCHAR": str,
    "TEXT": str,
    "JSON": str,
    "BLOB": bytes,
    "INTEGER": int,
    "BIGINT": int,
    "BOOLEAN": int,
    "FLOAT": (float, int),
}
_WORDS: Final[dict[str, Collection[object]]] = {
    "state": frozenset(State),
    "step": frozenset(Step),
    "outcome": frozenset(Outcome),
    "made_by": get_args(By),
}
