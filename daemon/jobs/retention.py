"""What leaves the record of jobs that ended long ago, so that the file does not grow without end.

Their timelines go, and their steps. What stays is what money and identity hang on: the job's own row, its name,
delivery and known file; of a paid message the balances and times that `jobs.spending` tells costs from; and all
steps of a job that did not succeed and may have been paid, since a new drop of its content goes on from them.

Freed pages are used again by later jobs, so the file stays at its largest size and is not given back: that would
rewrite all of it, with the writer shut out meanwhile and twice the space taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from daemon.jobs.model import Outcome, Step
from daemon.jobs.schema import jobs, steps, timeline
from daemon.jobs.states import FINISHED, State
from daemon.jobs.store import Store

_BATCH: Final = 250
"""Jobs in one look or change: others want to read and write. A look at 100,000 at once kept them for 0.3 s."""

_MAY_HAVE_COST = and_(
    steps.c.step == Step.EDIT.value,
    or_(steps.c.outcome.is_(None), steps.c.outcome != Outcome.REFUSED.value),
)


async def retire(store: Store, before: float) -> int:
    """Removes the details of all jobs that ended before `before` (seconds since 1970); returns of how many."""
    last: str | None = ""
    count = 0
    while last is not None:
        found, last = await asyncio.to_thread(store.read, partial(_ended, before=before, last=last))
        if found:
            count += await store.write(partial(remove_details, of=found, before=before))
    return count


def open_sessions(connection: Connection) -> set[str]:
    """The sessions of the embedded studio that a job may still go on in."""
    query = select(jobs.c.session_id).where(jobs.c.made_by == "embedded", ~_is_finished())
    return {session for session in connection.execute(query).scalars() if session}


def remove_details(connection: Connection, of: Sequence[str], before: float) -> int:
    """The same for these jobs; one that has been begun again meanwhile is left alone."""
    query = select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(of), _is_finished())
    ended: dict[str, str] = {row.id: row.state for row in connection.execute(query.where(_is_old(before)))}
    paid = set(
        connection.execute(
            select(steps.c.job)
            .join(jobs, steps.c.job == jobs.c.id)
            .where(steps.c.job.in_(ended), jobs.c.made_by == "service", _MAY_HAVE_COST)
        ).scalars()
    )
    whole = {job for job in paid if ended[job] != State.SUCCEEDED.value}
    connection.execute(delete(timeline).where(timeline.c.job.in_(ended)))
    connection.execute(delete(steps).where(steps.c.job.in_(ended.keys() - paid)))
    connection.execute(delete(steps).where(steps.c.job.in_(paid - whole), ~_MAY_HAVE_COST))
    _strip(connection, paid - whole)
    return len(ended)


def _strip(connection: Connection, of: set[str]) -> None:
    """Leaves of these jobs' messages what `jobs.spending` reads."""
    query = select(steps.c.id, steps.c.intent, steps.c.result).where(steps.c.job.in_(of))
    for number, intent, result in connection.execute(query).all():
        connection.execute(
            update(steps)
            .where(steps.c.id == number)
            .values(intent={"before": _kept(intent["before"], "total")}, result=_told(result))
        )


def _told(result: dict[str, Any]) -> dict[str, Any]:
    told = _kept(result, "credits")
    if set(result) == {"error"}:
        return _kept(result, "error")
    return {**told, "after": _kept(result["after"], "total", "at")} if "after" in result else told


def _kept(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _ended(connection: Connection, before: float, last: str) -> tuple[list[str], str | None]:
    """Of the jobs that follow `last`, by id, those of which something is left to remove; and the last one looked at."""
    some = select(jobs.c.id).where(jobs.c.id > last).order_by(jobs.c.id).limit(_BATCH).subquery()
    reached = connection.execute(select(func.max(some.c.id))).scalar()
    if reached is None:
        return [], None
    told = select(timeline.c.id).where(timeline.c.job == jobs.c.id).exists()
    query = select(jobs.c.id).where(
        jobs.c.id > last, jobs.c.id <= reached, _is_finished(), _is_old(before), told
    )
    return list(connection.execute(query).scalars()), reached


def _is_finished() -> Any:
    return jobs.c.state.in_([state.value for state in FINISHED])


def _is_old(before: float) -> Any:
    return jobs.c.updated_at < before
