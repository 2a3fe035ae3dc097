"""What was begun without a person's word, and what waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from daemon.jobs.schema import jobs
from daemon.jobs.states import State

CODE: Final = "approval"
"""What the reason of a job begins with that waits for `reeldrop approve`."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The files of a rule that wait for a person for the same reason, and about how many credits they cost."""

    rule: str
    reason: str
    files: int
    credits: float


def waiting(connection: Connection) -> list[Waiting]:
    """All that waits for a person's word, by rule and reason."""
    query = (
        select(jobs.c.rule, jobs.c.reason, func.count(), func.coalesce(func.sum(jobs.c.estimate), 0.0))
        .where(jobs.c.state == State.HELD.value, jobs.c.reason.startswith(f"{CODE}:"))
        .group_by(jobs.c.rule, jobs.c.reason)
        .order_by(jobs.c.rule, jobs.c.reason)
    )
    return [Waiting(*row) for row in connection.execute(query)]


def begun(connection: Connection, since: float) -> float:
    """The estimated credits of what was begun after `since` without a person's word."""
    query = select(func.coalesce(func.sum(jobs.c.estimate), 0.0))
    return float(
        connection.execute(query.where(jobs.c.begun_at > since, jobs.c.asked.is_(False))).scalar_one()
    )
