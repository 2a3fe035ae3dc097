"""What is read from the record and written to it: functions over a connection, run by the store.

`now` is passed in (seconds since 1970). Nothing here commits; the store does.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, fields, replace
from functools import cache, lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    false,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.engine import Row

from daemon.config.fields import By
from daemon.errors import UsageError
from daemon.jobs import plain, schema
from daemon.jobs.model import (
    Companion,
    Delivery,
    Entry,
    Job,
    Outcome,
    Recipe,
    Record,
    Source,
    Step,
    StepRecord,
)
from daemon.jobs.states import UNFINISHED, IllegalMove, Move, State, after

_jobs, _steps, _timeline = schema.jobs, schema.steps, schema.timeline
_recipe = select(schema.recipes.c.recipe).where(schema.recipes.c.id == _jobs.c.recipe_id)
_ALL = select(_jobs, _recipe.scalar_subquery().label("recipe"))


def new_id() -> str:
    """Twelve hex digits: of eight, two among 50,000 were equal.

    Random, because a record begun anew must not reuse the ids that sidecars carry.
    """
    return secrets.token_hex(6)


# Jobs


def add_job(connection: Connection, job: Job) -> None:
    add_jobs(connection, [job])


def add_jobs(connection: Connection, jobs: Sequence[Job]) -> None:
    """By the driver: of 50,000 jobs at once, SQLAlchemy's part took 150 µs for each, this 30."""
    shared: dict[Any, int] = {}
    for job in jobs:
        if (asked := _asked_of(job.recipe)) not in shared:
            shared[asked] = _shared(connection, job.recipe)
    rows = (
        (
            *_plain_of(job),
            job.source.path,
            *_stat_of(job.source),
            [_kept(one) for one in job.source.companions] or None,
            shared[_asked_of(job.recipe)],
            job.recipe.base,
            job.made_by,
            job.state.value,
            job.step.value if job.step else None,
            [str(path) for path in job.outputs],
        )
        for job in jobs
    )
    plain.add(connection, _jobs, _ADDED, rows)


def get_job(connection: Connection, job_id: str) -> Job | None:
    row = connection.execute(_ALL.where(_jobs.c.id == job_id)).one_or_none()
    return None if row is None else _job(row)


def find_job(connection: Connection, prefix: str) -> Job:
    """The one job whose id begins with `prefix`; raises UsageError for none or several."""
    if (whole := get_job(connection, prefix)) is not None:
        return whole  # by the index; a beginning is looked for in all rows
    rows = connection.execute(_ALL.where(_jobs.c.id.startswith(prefix, autoescape=True)).limit(2)).all()
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
    but: str | None = None,
    limit: int | None = None,
) -> list[Job]:
    """Jobs, newest first; those whose reason has the code `but` left out."""
    query = _newest()
    if wanted := list(states):
        query = query.where(or_(*(_is(state) for state in wanted)))
    if rule is not None:
        query = query.where(_jobs.c.rule == rule)
    if source is not None:
        query = query.where(_jobs.c.path == source)
    if but is not None:
        query = query.where(or_(_jobs.c.reason.is_(None), ~_jobs.c.reason.startswith(f"{but}:")))
    if limit is not None:
        query = query.limit(limit)
    return [_job(row) for row in connection.execute(query)]


def jobs_for(connection: Connection, content: str, key: str) -> list[Job]:
    """All jobs of this content under these instructions, newest first."""
    query = _ALL.where(_jobs.c.content == content, _jobs.c.key == key)
    return [_job(row) for row in connection.execute(query.order_by(_jobs.c.created_at.desc()))]


def jobs_with(connection: Connection, contents: Collection[str]) -> list[Job]:
    """All jobs of these contents (a few hundred at most), newest first."""
    contents = plain.among(connection, _jobs.c.content, contents)
    if not contents:
        return []
    query = _ALL.where(_jobs.c.content.in_(contents)).order_by(_jobs.c.created_at.desc())
    return [_job(row) for row in connection.execute(query)]


def counts(connection: Connection) -> dict[State, int]:
    rows = connection.execute(select(_jobs.c.state, func.count()).group_by(_jobs.c.state))
    return {State(state): number for state, number in rows}


def is_busy(connection: Connection) -> bool:
    """Whether a job is queued, running, or waiting for its time, and not for a held job of its content."""
    return bool(connection.execute(_any_busy()).scalar())


@cache
def _any_busy() -> Select[Any]:
    blocked = _twin([State.HELD]).exists()
    states = (State.QUEUED, State.RUNNING, State.WAITING)
    return select(
        or_(
            *(
                select(_jobs.c.id).where(_is(state, by), ~blocked).exists()
                for by in _EDITORS
                for state in states
            )
        )
    )


def any_open(connection: Connection, by: By) -> bool:
    """Whether a job of this editor is unfinished."""
    return bool(connection.execute(_any_open(by)).scalar())


@cache
def _any_open(by: By) -> Select[Any]:
    return select(or_(*(select(_jobs.c.id).where(_is(state, by)).exists() for state in UNFINISHED)))


def held_twin(connection: Connection, job: Job) -> Job | None:
    """The older job of the same content and instructions that is held, and so holds up this queued one."""
    query = _ALL.where(
        _jobs.c.content == job.source.content, _jobs.c.key == job.key, _jobs.c.id != job.id
    ).where(_jobs.c.state == State.HELD.value, _jobs.c.created_at <= job.created_at)
    row = connection.execute(query.limit(1)).one_or_none() if job.state is State.QUEUED else None
    return None if row is None else _job(row)


def _twin(states: Iterable[State]) -> Select[Any]:
    """A select of older jobs of the same content under the same instructions, in one of these states."""
    earlier = or_(
        _older.c.created_at < _jobs.c.created_at,
        and_(_older.c.created_at == _jobs.c.created_at, _older.c.id < _jobs.c.id),
    )
    same = and_(_older.c.content == _jobs.c.content, _older.c.key == _jobs.c.key)
    return select(_older.c.id).where(same, _older.c.state.in_([state.value for state in states]), earlier)


def claim(
    connection: Connection, now: float, *, shut: Collection[By] = (), alone: Collection[By] = ()
) -> Job | None:
    """Starts the next job that may run now, and returns it as it is then.

    By priority, then by age. A job whose content an older unfinished job already works on under the same
    instructions is passed over: it will be served from that one's result. Editors in `shut` get no job, and
    those in `alone` none beside the one that they have begun.
    """
    heads = []
    for by in _EDITORS:
        if by in shut:
            continue
        begun = _begun(connection, by) if by in alone else None
        for state in (State.QUEUED, State.WAITING, State.HELD):
            query = _first_due(state, by)
            if begun is not None:
                query = query.where(_jobs.c.id == begun)
            head = connection.execute(query, {"now": now}).one_or_none()
            heads += [] if head is None else [head]
    if not heads:
        return None
    first = min(heads, key=lambda row: (-row.priority, row.created_at))
    return _move(connection, first.id, State(first.state), Move.START, now=now, reason=first.reason)


@cache
def _first_due(state: State, by: By) -> Select[Any]:
    """What of this editor's jobs in this state may start first at `:now`, in the order of the state's index."""
    head = (_jobs.c.id, _jobs.c.state, _jobs.c.reason, _jobs.c.priority, _jobs.c.created_at)
    query = select(*head).where(_is(state, by), ~_twin(UNFINISHED).exists())
    if state is not State.QUEUED:
        query = query.where(_jobs.c.not_before <= bindparam("now")).order_by(_jobs.c.not_before)
    return query.order_by(_jobs.c.priority.desc(), _jobs.c.created_at).limit(1)


def _begun(connection: Connection, by: By) -> str | None:
    """The job of this editor that is under way: it runs, or waits in a session for its time.

    One that will look a last time whether it was paid is under way too. Seen without: the next one took its
    place, gave way to that look, and kept it from its place.
    """
    looks = and_(_HAS_TIME, _jobs.c.reason.startswith("maybe-paid:"))
    at_work: dict[State, Any] = {
        State.RUNNING: true(),
        State.HELD: looks,
        State.WAITING: _jobs.c.session_id.is_not(None),
    }
    for state, condition in at_work.items():
        query = select(_jobs.c.id).where(_is(state, by), condition).order_by(_jobs.c.created_at)
        found = connection.execute(query.limit(1)).scalar()
        if found is not None:
            return str(found)
    return None


def next_due(connection: Connection, now: float) -> float | None:
    """When the next waiting or held job wants to be looked at, after `now`; None if none names a time.

    Those that are due already and yet not to be claimed wait for another job, not for a time.
    """
    found = connection.execute(_next_due(), {"now": now}).one()
    return min((float(one) for one in found if one is not None), default=None)


@cache
def _next_due() -> Select[Any]:
    at = _jobs.c.not_before
    return select(
        *(
            select(at).where(_is(state, by), at > bindparam("now")).order_by(at).limit(1).scalar_subquery()
            for by in _EDITORS
            for state in (State.WAITING, State.HELD)
        )
    )


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
    """Moves a job by the table of `jobs.states`; `changes` are further columns (attempt, outputs, …).

    Raises IllegalMove also where the job is no longer in the state that `job` says.
    """
    return _move(connection, job.id, job.state, by, now=now, reason=reason, not_before=not_before, **changes)


def _move(connection: Connection, job_id: str, state: State, by: Move, *, now: float, **changes: Any) -> Job:
    values = {
        "reason": None,
        "not_before": None,
        **changes,
        "state": after(state, by).value,
        "updated_at": now,
    }
    return _set(connection, job_id, values, state)


def set_job(connection: Connection, job: Job, *, now: float, **changes: Any) -> Job:
    """Changes columns other than the state: step, session_id, task_id, render_id, account, credits."""
    return _set(connection, job.id, {"updated_at": now, **changes})


def _set(connection: Connection, job_id: str, values: dict[str, Any], state: State | None = None) -> Job:
    if "outputs" in values:
        values["outputs"] = [str(path) for path in values["outputs"]]
    change = update(_jobs).where(_jobs.c.id == job_id).values(**values)
    if state is not None:
        change = change.where(_jobs.c.state == state.value)
    if connection.execute(change).rowcount == 0 and state is not None:
        raise IllegalMove(f"job {job_id} is no longer {state}")
    return _job(connection.execute(_ALL.where(_jobs.c.id == job_id)).one())


def set_source(connection: Connection, job: Job, source: Source, now: float) -> Job:
    """The same content has come again, from another path or with another inode."""
    return _set(connection, job.id, {"updated_at": now, **_source_columns(source)})


def set_recipe(connection: Connection, job: Job, recipe: Recipe) -> Job:
    shared = _shared(connection, recipe)
    return _set(connection, job.id, {"recipe_id": shared, "base": recipe.base, "made_by": recipe.by})


def repath(connection: Connection, source: Path, target: Path) -> None:
    """A known file was renamed, and is known at `target` by now: its unfinished jobs go on from there.

    So do those that it accompanies.
    """
    old, new = os.fsencode(source), os.fsencode(target)
    # By its content, which is indexed: a rename looked at every job of the record.
    here = "content = (SELECT content FROM files WHERE path = ?) AND path = ?"
    plain.run(connection, f"UPDATE jobs SET path = ? WHERE {here} AND {_UNENDED}", (new, new, old, *_STATES))
    for job in accompanied_by(connection, source):
        companions = [
            replace(one, path=target) if one.path == source else one for one in job.source.companions
        ]
        _set(connection, job.id, {"companions": [_kept(one) for one in companions]})


def accompany(connection: Connection, source: Source) -> None:
    """What belongs with a source has moved along with it: its unfinished jobs go on from there."""
    mine = [one.content for one in source.companions]
    for job in list_jobs(connection, states=UNFINISHED, source=source.path) if mine else ():
        if [one.content for one in job.source.companions] == mine:
            _set(connection, job.id, {"companions": [_kept(one) for one in source.companions]})


def accompanied_by(connection: Connection, path: Path) -> list[Job]:
    """The unfinished jobs that the file at this path goes up with."""
    # Mostly no job has any, and a burst of renames asks for each of its files.
    if not plain.fetched(
        connection, f"SELECT 1 FROM jobs WHERE companions IS NOT NULL AND {_UNENDED} LIMIT 1", _STATES
    ):
        return []
    query = _ALL.where(_jobs.c.companions.is_not(None), _OPEN)
    found = [_job(row) for row in connection.execute(query)]
    return [job for job in found if any(one.path == path for one in job.source.companions)]


def release_held(connection: Connection, by: By, codes: Collection[str], now: float) -> list[Job]:
    """Queues again what this editor's jobs were held for, once it is no more."""
    held = connection.execute(_newest(_waits_for(State.HELD, codes, by))).all()
    return [move(connection, _job(row), Move.RETRY, now=now) for row in held]


def release_budgets(connection: Connection, now: float) -> None:
    """Queues again what waits for another day's budget: the limits may be others now."""
    queued = after(State.WAITING, Move.RETRY).value
    change = update(_jobs).where(_waits_for(State.WAITING, ["budget"]))
    connection.execute(change.values(state=queued, reason=None, not_before=None, updated_at=now))


def any_held(connection: Connection, by: By, code: str) -> bool:
    """Whether a job of this editor is held for this reason."""
    return _any(connection, _waits_for(State.HELD, [code], by))


def have_one_try(connection: Connection, by: By, code: str, now: float) -> None:
    """Where nobody finds out whether the reason they are held for is over, the oldest of those held does."""
    held = _waits_for(State.HELD, [code], by)
    at_it = [
        and_(held, _HAS_TIME),
        *(_waits_for(state, [code], by) for state in (State.RUNNING, State.QUEUED)),
    ]
    if any(_any(connection, one) for one in at_it):
        return
    oldest = select(_jobs.c.id).where(held).order_by(_jobs.c.created_at, _jobs.c.id.desc()).limit(1)
    for job_id in connection.execute(oldest).scalars():
        _set(connection, job_id, {"not_before": now, "updated_at": now})


def release_output(connection: Connection, folder: Path, now: float) -> None:
    """Queues again what was held because this output folder took no file."""
    for row in connection.execute(_newest(_waits_for(State.HELD, ["output"]))).all():
        job = _job(row)
        if job.recipe.folder == folder:
            move(connection, job, Move.RETRY, now=now)


def _any(connection: Connection, condition: Any) -> bool:
    return connection.execute(select(_jobs.c.id).where(condition).limit(1)).first() is not None


def shift_waits(connection: Connection, seconds: float, since: float, now: float) -> None:
    """Moves the times that unfinished jobs wait for; not those of a budget or a schedule, which are the calendar's.

    Nor those of jobs that changed between `since` and `now`, by the clock as it is set now: their times are its own.
    """
    by_calendar = or_(_jobs.c.reason.startswith("budget:"), _jobs.c.reason.startswith("schedule:"))
    connection.execute(
        update(_jobs)
        .where(_OPEN, _jobs.c.not_before.is_not(None), or_(_jobs.c.reason.is_(None), not_(by_calendar)))
        .where(not_(_jobs.c.updated_at.between(since, now)))
        .values(not_before=_jobs.c.not_before + seconds)
    )


def recover(connection: Connection, now: float) -> list[Job]:
    """Puts back in the queue what a daemon that died left running."""
    return [put_back(connection, job, now) for job in list_jobs(connection, states=[State.RUNNING])]


def put_back(connection: Connection, job: Job, now: float) -> Job:
    """Queues a running job again that no slot works on any more; one whose hold was asked for meanwhile is held."""
    asked = hold_asked(connection, job)
    if asked is not None:
        return move(connection, job, Move.HOLD, now=now, reason=asked)
    return move(connection, job, Move.RECOVER, now=now, reason=job.reason)


def hold_asked(connection: Connection, job: Job) -> str | None:
    """The reason for which a person has asked for this running job to be held at its next step."""
    kept = get_job(connection, job.id)
    return kept.reason if kept is not None and kept.reason_code == "user" else None


def untold(connection: Connection) -> list[Job]:
    """Failed jobs without a name for their note: the daemon died between the two."""
    query = _ALL.outerjoin(schema.names, schema.names.c.job == _jobs.c.id)
    query = query.where(_jobs.c.state == State.FAILED.value, schema.names.c.job.is_(None))
    return [_job(row) for row in connection.execute(query)]


def jobs_of(connection: Connection, source: Source) -> list[Job]:
    """The jobs of this very file, newest first: its content at its path, or under another name of its inode."""
    here = _jobs.c.path == source.path
    inode = and_(_jobs.c.device == source.device, _jobs.c.inode == source.inode)
    query = _ALL.where(_jobs.c.content == source.content, or_(here, inode))
    return [_job(row) for row in connection.execute(query.order_by(_jobs.c.created_at.desc()))]


def jobs_with_source(
    connection: Connection, delivered: Collection[str], failed: Collection[str]
) -> list[Job]:
    """Finished jobs whose source may still be theirs to dispose of.

    Those of the rules `delivered` that succeeded, where the source stood at the last look, and those of the
    rules `failed` that failed.
    """
    known = schema.files
    standing = select(known.c.path).where(
        known.c.path == _jobs.c.path, known.c.content == _jobs.c.content, known.c.gone_at.is_(None)
    )
    done = and_(_jobs.c.state == State.SUCCEEDED.value, _jobs.c.rule.in_(delivered), standing.exists())
    over = and_(_jobs.c.state == State.FAILED.value, _jobs.c.rule.in_(failed))
    return [_job(row) for row in connection.execute(_ALL.where(or_(done, over)))]


def delivering(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Which of these are ids of jobs in this record that are at their last step, the delivery."""
    listed, found = list(ids), set[str]()
    for first in range(0, len(listed), 500):
        query = select(_jobs.c.id).where(_OPEN, _jobs.c.id.in_(listed[first : first + 500]))
        found.update(connection.execute(query.where(_jobs.c.step == Step.DELIVER.value)).scalars())
    return found


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
        .where(or_(_steps.c.outcome.is_(None), _steps.c.outcome.not_in(_NOTHING_DONE)))
        .values(outcome=Outcome.VOID.value, result_at=func.coalesce(_steps.c.result_at, now))
    )


def steps_of(connection: Connection, job_id: str) -> tuple[StepRecord, ...]:
    """A job's step records, oldest first."""
    rows = connection.execute(select(_steps).where(_steps.c.job == job_id).order_by(_steps.c.id))
    return tuple(_step(row) for row in rows)


def paid_between(connection: Connection, account: str, since: float, but: int, limit: float) -> int:
    """How many other paid steps of this account were open at any time after `since`.

    One without a result counts for `limit` seconds after it was sent: nothing is done to a message after that.
    Seen without this limit: a job that stayed `maybe-paid` kept every later lost answer from being told. One with
    a result counts though the clock was set ahead by up to a day in between.
    """
    unanswered = and_(_steps.c.outcome.is_(None), _steps.c.intent_at >= since - limit)
    query = (
        select(func.count())
        .select_from(_steps.join(_jobs, _steps.c.job == _jobs.c.id))
        .where(_IS_EDIT, _jobs.c.account == account, _steps.c.id != but)
        .where(_steps.c.intent_at >= since - limit - _DAY, or_(unanswered, _steps.c.result_at >= since))
    )
    return connection.execute(query).scalar_one()


def is_unclear(connection: Connection, account: str, heard: Collection[str], limit: float) -> bool:
    """Whether the balance will tell of a message of this account that was lost, so long as nothing new is paid.

    Nobody listens to it (its job is none of those `heard`), its job was not left to a person for good, and no
    other message was open beside it, for `limit` seconds at the most.
    """
    left = and_(_jobs.c.state == State.HELD.value, _jobs.c.not_before.is_(None))
    query = (
        select(_steps.c.id, _steps.c.intent_at)
        .select_from(_steps.join(_jobs, _steps.c.job == _jobs.c.id))
        .where(_OPEN, _jobs.c.account == account, _jobs.c.id.not_in(heard), not_(left))
        .where(_IS_EDIT, _IS_UNANSWERED)
    )
    lost = connection.execute(query).all()
    return any(paid_between(connection, account, sent_at, number, limit) == 0 for number, sent_at in lost)


def has_lost(connection: Connection, account: str, heard: Collection[str], last: int) -> bool:
    """Whether the answer to one of this many last messages of the account was lost; those `heard` are still awaited."""
    lost = or_(
        and_(_steps.c.outcome.is_(None), _steps.c.job.not_in(heard)),
        _steps.c.intent["looks"].as_integer() > 0,
        _steps.c.result["reconciled"].as_boolean(),
    )
    latest = (
        select(lost.label("lost"))
        .select_from(_steps.join(_jobs, _steps.c.job == _jobs.c.id))
        .where(_IS_EDIT, _jobs.c.account == account)
        .order_by(_steps.c.intent_at.desc())
        .limit(last)
    )
    return any(connection.execute(latest).scalars())


# Timeline


def note(connection: Connection, job_id: str, text: str, now: float) -> None:
    connection.execute(insert(_timeline).values(job=job_id, at=now, text=text))


def note_all(connection: Connection, notes: Iterable[tuple[str, str]], now: float) -> None:
    """A line (the second of each pair) for the timeline of each job."""
    rows = ((job_id, now, text) for job_id, text in notes)
    plain.add(connection, _timeline, ("job", "at", "text"), rows)


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
    query = _ALL.join(names, names.c.job == _jobs.c.id)
    row = connection.execute(query.where(names.c.folder == folder, names.c.base == base)).one_or_none()
    return None if row is None else _job(row)


def names_in(connection: Connection, folder: Path) -> dict[str, bool]:
    """The base names that are reserved in a folder; true where the job that has one has succeeded."""
    names = schema.names
    query = select(names.c.base, _jobs.c.state).join(_jobs, names.c.job == _jobs.c.id)
    rows = connection.execute(query.where(names.c.folder == folder))
    return {base: state == State.SUCCEEDED.value for base, state in rows}


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


def deliveries_with(connection: Connection, contents: Collection[str]) -> list[Delivery]:
    """Where results of these contents (a few hundred at most) were put, newest first."""
    table = schema.deliveries
    contents = plain.among(connection, table.c.content, contents)
    if not contents:
        return []
    rows = connection.execute(select(table).where(table.c.content.in_(contents)).order_by(table.c.id.desc()))
    return [Delivery(**{name: value for name, value in row._mapping.items() if name != "id"}) for row in rows]


def results_at(connection: Connection, paths: Collection[Path]) -> frozenset[tuple[Path, str]]:
    """The results of ours that were put at these paths (a few hundred), and their hashes.

    An output folder may be a watch folder too.
    """
    table = schema.deliveries
    paths = plain.among(connection, table.c.media, paths)
    if not paths:
        return frozenset()
    rows = connection.execute(select(table.c.media, table.c.media_hash).where(table.c.media.in_(paths)))
    return frozenset((media, content) for media, content in rows)


# Rows to values and back

_PLAIN = (
    "id", "rule", "key", "variant", "parent", "attempt", "reason", "not_before", "priority", "credits",
    "asked", "estimate", "begun_at", "account", "session_id", "task_id", "render_id", "created_at", "updated_at",
)  # fmt: skip
_STAT = ("device", "inode", "size", "mtime_ns", "content")
_SOURCE = ("path", *_STAT)
_ADDED = (*_PLAIN, *_SOURCE, "companions", "recipe_id", "base", "made_by", "state", "step", "outputs")
_plain_of, _stat_of = attrgetter(*_PLAIN), attrgetter(*_STAT)
_ASKED = tuple(one.name for one in fields(Recipe) if one.name != "base")
_asked_of = attrgetter(*_ASKED)
"""All that jobs of a rule share of their recipes."""
_FOLDERS = ("folder", "archive", "quarantine")
_DAY = 86_400.0
_IS_EDIT = _steps.c.step == literal_column(f"'{Step.EDIT.value}'")
"""Said so that the partial index of the paid steps is taken."""
_IS_UNANSWERED = _steps.c.outcome.is_(None)
_NOTHING_DONE = (Outcome.VOID.value, Outcome.REFUSED.value)
_EDITORS: tuple[By, ...] = get_args(By)
_STATES = tuple(state.value for state in UNFINISHED)
_OPEN = _jobs.c.state.in_(_STATES)
_UNENDED = f"state IN ({plain.marks(_STATES)})"
"""The same in SQL's own words, with `_STATES` for its places."""
_HAS_TIME = _jobs.c.not_before > 0
"""Not `IS NOT NULL`, for which SQLite took no index: each pick looked at all jobs that are held."""
_older = _jobs.alias("older")


def _is(state: State, by: By | None = None) -> Any:
    """Jobs in this state (and of this editor), said so that the state's partial index is taken."""
    exact = _jobs.c.state == literal_column(f"'{state.value}'")
    return and_(exact, _jobs.c.made_by.in_(_EDITORS if by is None else [by]))


def _waits_for(state: State, codes: Collection[str], by: By | None = None) -> Any:
    """Jobs in an unfinished state (of this editor) for one of these reasons.

    A condition, because the others must not be made values first: of 100,000 held jobs, that took half a minute.
    """
    return and_(_is(state, by), or_(false(), *(_jobs.c.reason.startswith(f"{code}:") for code in codes)))


def _newest(*conditions: Any) -> Select[Any]:
    return _ALL.where(*conditions).order_by(_jobs.c.created_at.desc(), _jobs.c.id)


def _shared(connection: Connection, recipe: Recipe) -> int:
    """The number of the row that all jobs with this recipe share; the result's name is each job's own."""
    kept, digest = _asked(_asked_of(recipe))
    found = plain.fetched(connection, "SELECT id FROM recipes WHERE digest = ?", (digest,))
    if not found:
        row = insert(schema.recipes).values(digest=digest, recipe=kept)
        key = connection.execute(row).inserted_primary_key
        assert key is not None
        return int(key[0])
    return int(found[0][0])


@lru_cache(256)
def _asked(values: tuple[Any, ...]) -> tuple[dict[str, Any], str]:
    """What jobs of a rule share of their recipes as it is kept, and a digest of that."""
    kept = dict(zip(_ASKED, values, strict=True))
    folders = {name: kept.pop(name) for name in _FOLDERS}
    kept |= {name: str(folder) for name, folder in folders.items() if folder is not None}
    return kept, hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:32]


def _recipe_in(kept: dict[str, Any], base: str) -> Recipe:
    folders = {name: Path(kept[name]) for name in _FOLDERS if name in kept}
    return Recipe(**kept | folders | {"instructions": tuple(kept["instructions"])}, base=base)


def _source_columns(source: Source) -> dict[str, Any]:
    kept = [_kept(one) for one in source.companions]
    return {name: getattr(source, name) for name in _SOURCE} | {"companions": kept or None}


def _kept(companion: Companion) -> dict[str, Any]:
    return asdict(companion) | {"path": str(companion.path)}


def _job(row: Row[Any]) -> Job:
    held = row._mapping
    companions = (Companion(**one | {"path": Path(one["path"])}) for one in held["companions"] or ())
    return Job(
        **{name: held[name] for name in _PLAIN},
        source=Source(**{name: held[name] for name in _SOURCE}, companions=tuple(companions)),
        recipe=_recipe_in(held["recipe"], held["base"]),
        state=State(held["state"]),
        step=Step(held["step"]) if held["step"] else None,
        outputs=tuple(Path(path) for path in held["outputs"]),
    )


def _step(row: Row[Any]) -> StepRecord:
    held = dict(row._mapping)
    held["step"] = Step(held["step"])
    held["outcome"] = Outcome(held["outcome"]) if held["outcome"] else None
    return StepRecord(**held)
