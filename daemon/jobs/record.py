"""What is read from the record and written to it: functions over a connection, run by the store.

`now` is passed in (seconds since 1970). Nothing here commits; the store does.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update
from sqlalchemy.engine import Row

from daemon.errors import UsageError
from daemon.jobs import schema
from daemon.jobs.model import Delivery, Entry, Job, Outcome, Recipe, Record, Source, Step, StepRecord
from daemon.jobs.states import UNFINISHED, Move, State, after

_jobs, _steps, _timeline = schema.jobs, schema.steps, schema.timeline


def new_id() -> str:
    """Eight hex digits. Random, because a record begun anew must not reuse the ids that sidecars carry."""
    return secrets.token_hex(4)


# Jobs


def add_job(connection: Connection, job: Job) -> None:
    source = asdict(job.source)
    connection.execute(
        insert(_jobs).values(
            **{name: getattr(job, name) for name in _PLAIN},
            **{name: source[name] for name in _SOURCE},
            recipe=_recipe_out(job.recipe),
            state=job.state.value,
            step=job.step.value if job.step else None,
            outputs=[str(path) for path in job.outputs],
        )
    )


def get_job(connection: Connection, job_id: str) -> Job | None:
    row = connection.execute(select(_jobs).where(_jobs.c.id == job_id)).one_or_none()
    return None if row is None else _job(row)


def find_job(connection: Connection, prefix: str) -> Job:
    """The one job whose id begins with `prefix`; raises UsageError for none or several."""
    rows = connection.execute(
        select(_jobs).where(_jobs.c.id.startswith(prefix, autoescape=True)).limit(2)
    ).all()
    if len(rows) == 1:
        return _job(rows[0])
    cause = "fits several jobs, give more of it" if rows else "is no job's id"
    raise UsageError(f"job {prefix}", cause, "`reeldrop jobs` lists them.")


def list_jobs(
    connection: Connection,
    *,
    states: Iterable[State] = (),
    rule: str | None = None,
    source: Path | None = None,
    limit: int | None = None,
) -> list[Job]:
    """Jobs, newest first."""
    query = select(_jobs).order_by(_jobs.c.created_at.desc(), _jobs.c.id)
    wanted = [state.value for state in states]
    if wanted:
        query = query.where(_jobs.c.state.in_(wanted))
    if rule is not None:
        query = query.where(_jobs.c.rule == rule)
    if source is not None:
        query = query.where(_jobs.c.path == source)
    if limit is not None:
        query = query.limit(limit)
    return [_job(row) for row in connection.execute(query)]


def jobs_for(connection: Connection, content: str, key: str) -> list[Job]:
    """All jobs of this content under these instructions, newest first."""
    query = select(_jobs).where(_jobs.c.content == content, _jobs.c.key == key)
    return [_job(row) for row in connection.execute(query.order_by(_jobs.c.created_at.desc()))]


def counts(connection: Connection) -> dict[State, int]:
    rows = connection.execute(select(_jobs.c.state, func.count()).group_by(_jobs.c.state))
    return {State(state): number for state, number in rows}


def is_busy(connection: Connection) -> bool:
    """Whether a job is queued, running, or waiting for its time, and not for a held job of its content."""
    busy = [State.QUEUED.value, State.RUNNING.value, State.WAITING.value]
    blocked = _twin(_jobs, [State.HELD]).exists()
    found = connection.execute(select(_jobs.c.id).where(_OPEN, _jobs.c.state.in_(busy), ~blocked).limit(1))
    return found.first() is not None


def held_twin(connection: Connection, job: Job) -> Job | None:
    """The older job of the same content and instructions that is held, and so holds up this queued one."""
    query = (
        select(_jobs)
        .where(_jobs.c.content == job.source.content, _jobs.c.key == job.key, _jobs.c.id != job.id)
        .where(_jobs.c.state == State.HELD.value, _jobs.c.created_at <= job.created_at)
    )
    row = connection.execute(query.limit(1)).one_or_none() if job.state is State.QUEUED else None
    return None if row is None else _job(row)


def _twin(of: Any, states: Iterable[State]) -> Any:
    """A select of older jobs of the same content under the same instructions, in one of these states."""
    older = _jobs.alias("older")
    earlier = or_(
        older.c.created_at < of.c.created_at,
        and_(older.c.created_at == of.c.created_at, older.c.id < of.c.id),
    )
    same = and_(older.c.content == of.c.content, older.c.key == of.c.key)
    return select(older.c.id).where(same, older.c.state.in_([state.value for state in states]), earlier)


def claim(connection: Connection, now: float) -> Job | None:
    """Starts the next job that may run now, and returns it as it is then.

    By priority, then by age. A job whose content an older unfinished job already works on under the same
    instructions is passed over: it will be served from that one's result.
    """
    twin = _twin(_jobs, UNFINISHED).exists()
    due = or_(
        _jobs.c.state == State.QUEUED.value,
        and_(_jobs.c.state.in_([State.WAITING.value, State.HELD.value]), _jobs.c.not_before <= now),
    )
    query = (
        select(_jobs).where(_OPEN, due, ~twin).order_by(_jobs.c.priority.desc(), _jobs.c.created_at).limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return move(connection, _job(row), Move.START, now=now, reason=_job(row).reason)


def next_due(connection: Connection, now: float) -> float | None:
    """When the next waiting or held job wants to be looked at, after `now`; None if none names a time.

    Those that are due already and yet not to be claimed wait for another job, not for a time.
    """
    query = select(func.min(_jobs.c.not_before)).where(
        _OPEN, _jobs.c.state.in_([State.WAITING.value, State.HELD.value]), _jobs.c.not_before > now
    )
    found = connection.execute(query).scalar()
    return None if found is None else float(found)


def move(
    connection: Connection,
    job: Job,
    by: Move,
    *,
    now: float,
    reason: str | None = None,
    not_before: float | None = None,
    **changes: Any,
) -> Job:
    """Moves a job by the table of `jobs.states`; `changes` are further columns (attempt, outputs, …)."""
    values = {
        "state": after(job.state, by).value,
        "reason": reason,
        "not_before": not_before,
        "updated_at": now,
        **changes,
    }
    return _set(connection, job.id, values)


def set_job(connection: Connection, job: Job, *, now: float, **changes: Any) -> Job:
    """Changes columns other than the state: step, session_id, task_id, render_id, account, credits."""
    return _set(connection, job.id, {"updated_at": now, **changes})


def _set(connection: Connection, job_id: str, values: dict[str, Any]) -> Job:
    if "outputs" in values:
        values["outputs"] = [str(path) for path in values["outputs"]]
    connection.execute(update(_jobs).where(_jobs.c.id == job_id).values(**values))
    return _job(connection.execute(select(_jobs).where(_jobs.c.id == job_id)).one())


def set_source(connection: Connection, job: Job, source: Source, now: float) -> Job:
    """The same content has come again, from another path or with another inode."""
    values = {name: value for name, value in asdict(source).items() if name in _SOURCE}
    return _set(connection, job.id, {"updated_at": now, **values})


def set_recipe(connection: Connection, job: Job, recipe: Recipe) -> Job:
    return _set(connection, job.id, {"recipe": _recipe_out(recipe)})


def repath(connection: Connection, source: Path, target: Path) -> None:
    """A file was renamed: its unfinished jobs go on from its new path."""
    connection.execute(update(_jobs).where(_jobs.c.path == source, _OPEN).values(path=target))


def recover(connection: Connection, now: float) -> list[Job]:
    """Puts back in the queue what a daemon that died left running."""
    running = list_jobs(connection, states=[State.RUNNING])
    return [move(connection, job, Move.RECOVER, now=now, reason=job.reason) for job in running]


def untold(connection: Connection) -> list[Job]:
    """Failed jobs without a name for their note: the daemon died between the two."""
    query = select(_jobs).outerjoin(schema.names, schema.names.c.job == _jobs.c.id)
    query = query.where(_jobs.c.state == State.FAILED.value, schema.names.c.job.is_(None))
    return [_job(row) for row in connection.execute(query)]


# Steps


def open_step(
    connection: Connection, job: Job, step: Step, index: int, intent: Record, now: float
) -> StepRecord:
    """Writes an intent down. Committed before the request it announces."""
    key = connection.execute(
        insert(_steps).values(
            job=job.id, step=step.value, index=index, intent=dict(intent), intent_at=now, result={}
        )
    ).inserted_primary_key
    assert key is not None
    return StepRecord(id=key[0], job=job.id, step=step, index=index, intent=intent, intent_at=now)


def close_step(
    connection: Connection, record: StepRecord, outcome: Outcome, result: Record, now: float
) -> None:
    """Writes an intent's result down."""
    connection.execute(
        update(_steps)
        .where(_steps.c.id == record.id)
        .values(outcome=outcome.value, result=dict(result), result_at=now)
    )


def note_step(connection: Connection, record: StepRecord, intent: Record) -> None:
    """Adds to an intent what was learnt while its result is unknown (how often it was looked at)."""
    connection.execute(
        update(_steps).where(_steps.c.id == record.id).values(intent={**record.intent, **intent})
    )


def void_steps(connection: Connection, job: Job, steps: Iterable[Step], now: float) -> None:
    """Gives up records whose session or attempt is gone; the next try writes new ones."""
    connection.execute(
        update(_steps)
        .where(_steps.c.job == job.id, _steps.c.step.in_([step.value for step in steps]))
        .where(or_(_steps.c.outcome.is_(None), _steps.c.outcome != Outcome.VOID.value))
        .values(outcome=Outcome.VOID.value, result_at=now)
    )


def steps_of(connection: Connection, job_id: str) -> tuple[StepRecord, ...]:
    """A job's step records, oldest first."""
    rows = connection.execute(select(_steps).where(_steps.c.job == job_id).order_by(_steps.c.id))
    return tuple(_step(row) for row in rows)


def paid_between(connection: Connection, account: str, since: float, but: int) -> int:
    """How many other paid steps of this account were open at any time after `since`."""
    query = (
        select(func.count())
        .select_from(_steps.join(_jobs, _steps.c.job == _jobs.c.id))
        .where(
            _jobs.c.account == account,
            _steps.c.step == Step.EDIT.value,
            _steps.c.id != but,
            or_(_steps.c.outcome.is_(None), _steps.c.result_at >= since),
        )
    )
    return connection.execute(query).scalar_one()


# Timeline


def note(connection: Connection, job_id: str, text: str, now: float) -> None:
    connection.execute(insert(_timeline).values(job=job_id, at=now, text=text))


def timeline_of(connection: Connection, job_id: str) -> list[Entry]:
    rows = connection.execute(
        select(_timeline.c.at, _timeline.c.text).where(_timeline.c.job == job_id).order_by(_timeline.c.id)
    )
    return [Entry(at, text) for at, text in rows]


# Names and deliveries


def reserve(connection: Connection, job: Job, base: str) -> bool:
    """Takes a base name in the job's folder for it; False where another job has it."""
    names = schema.names
    folder = job.recipe.folder
    holder = connection.execute(
        select(names.c.job).where(names.c.folder == folder, names.c.base == base)
    ).scalar_one_or_none()
    if holder is None:
        connection.execute(insert(names).values(folder=folder, base=base, job=job.id))
    return holder in (None, job.id)


def holder_of(connection: Connection, folder: Path, base: str) -> Job | None:
    """The job that has a base name in a folder."""
    names = schema.names
    query = select(_jobs).join(names, names.c.job == _jobs.c.id)
    row = connection.execute(query.where(names.c.folder == folder, names.c.base == base)).one_or_none()
    return None if row is None else _job(row)


def release_name(connection: Connection, folder: Path, base: str) -> None:
    names = schema.names
    connection.execute(names.delete().where(names.c.folder == folder, names.c.base == base))


def release(connection: Connection, job_id: str) -> None:
    connection.execute(schema.names.delete().where(schema.names.c.job == job_id))


def reserved(connection: Connection, job_id: str) -> str | None:
    """The base name that a job has taken."""
    found = connection.execute(select(schema.names.c.base).where(schema.names.c.job == job_id)).scalar()
    return None if found is None else str(found)


def add_delivery(connection: Connection, delivery: Delivery) -> None:
    connection.execute(insert(schema.deliveries).values(**asdict(delivery)))


def deliveries_of(connection: Connection, content: str, key: str) -> list[Delivery]:
    """Where results of this content under these instructions were put, newest first."""
    table = schema.deliveries
    rows = connection.execute(
        select(table).where(table.c.content == content, table.c.key == key).order_by(table.c.id.desc())
    )
    return [Delivery(**{name: value for name, value in row._mapping.items() if name != "id"}) for row in rows]


def is_delivered(connection: Connection, path: Path, content: str) -> bool:
    """Whether this file is a result of ours, where we put it: an output folder may be a watch folder too."""
    table = schema.deliveries
    query = select(table.c.id).where(table.c.media == path, table.c.media_hash == content).limit(1)
    return connection.execute(query).first() is not None


# Rows to values and back

_PLAIN = (
    "id", "rule", "key", "variant", "parent", "attempt", "reason", "not_before", "priority", "credits",
    "account", "session_id", "task_id", "render_id", "created_at", "updated_at",
)  # fmt: skip
_SOURCE = ("path", "device", "inode", "size", "mtime_ns", "content")
_OPEN = _jobs.c.state.in_([state.value for state in (State.QUEUED, State.RUNNING, State.WAITING, State.HELD)])


def _recipe_out(recipe: Recipe) -> dict[str, Any]:
    return asdict(recipe) | {"folder": str(recipe.folder)}


def _recipe_in(kept: dict[str, Any]) -> Recipe:
    return Recipe(**kept | {"folder": Path(kept["folder"]), "instructions": tuple(kept["instructions"])})


def _job(row: Row[Any]) -> Job:
    held = row._mapping
    return Job(
        **{name: held[name] for name in _PLAIN},
        source=Source(**{name: held[name] for name in _SOURCE}),
        recipe=_recipe_in(held["recipe"]),
        state=State(held["state"]),
        step=Step(held["step"]) if held["step"] else None,
        outputs=tuple(Path(path) for path in held["outputs"]),
    )


def _step(row: Row[Any]) -> StepRecord:
    held = dict(row._mapping)
    held["step"] = Step(held["step"])
    held["outcome"] = Outcome(held["outcome"]) if held["outcome"] else None
    return StepRecord(**held)
