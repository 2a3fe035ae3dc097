"""What a job will cost, as far as that can be said beforehand: an estimate, never a promise."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import Connection, select

from daemon.config.fields import By
from daemon.config.routing import Route, route
from daemon.jobs.model import Job
from daemon.jobs.schema import jobs
from daemon.media.types import Kind, kind_of

GENERATION: Final = 100.0
"""Credits for a clip made from a text alone (the service's public, rough price)."""
EDITING: Final = 50.0
"""Credits for a session of edits (the service's public, rough price)."""
_LAST: Final = 100
"""Jobs that a rule's own price is taken from: enough to be steady, few enough to follow a changed instruction."""


class Asked(Protocol):
    """What a rule and a job's recipe both say."""

    @property
    def by(self) -> By: ...
    @property
    def instructions(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Estimate:
    """About how many credits; `known`: the median of what the rule's own jobs cost, not a public price."""

    credits: float
    known: bool


def estimate(connection: Connection | None, rule: str, kind: Kind | None, asked: Asked) -> Estimate:
    """What one job of `rule` for a source of this kind will cost. `connection` None: there is no record yet."""
    return Prices(connection).estimate(rule, kind, asked)


def estimate_job(connection: Connection, job: Job) -> Estimate:
    """The same for a job that has been made."""
    return Prices(connection).of(job)


class Prices:
    """Estimates for many jobs at one time: each rule's own price is looked up once, those of `rules` at once."""

    def __init__(self, connection: Connection | None, rules: Iterable[str] = ()) -> None:
        self._connection = connection
        self._known: dict[str, float | None] = {}
        for rule in rules:
            self._own(rule)

    def estimate(self, rule: str, kind: Kind | None, asked: Asked) -> Estimate:
        """What one job of `rule` for a source of this kind will cost."""
        public = public_price(kind, asked)
        own = self._own(rule) if public else None
        return Estimate(public, False) if own is None else Estimate(own, True)

    def of(self, job: Job) -> Estimate:
        """The same for a job that has been made."""
        return self.estimate(job.rule, kind_of(job.source.path), job.recipe)

    def _own(self, rule: str) -> float | None:
        if rule not in self._known:
            costs = [] if self._connection is None else _costs(self._connection, rule)
            self._known[rule] = statistics.median(costs) if costs else None
        return self._known[rule]


def public_price(kind: Kind | None, asked: Asked) -> float:
    """Nothing where the embedded studio works or the export alone is asked for, else by the kind of the source."""
    if asked.by == "embedded" or all(route(text) is Route.EXPORT for text in asked.instructions):
        return 0.0
    return GENERATION if kind == "text" else EDITING


def _costs(connection: Connection, rule: str) -> list[float]:
    """What the rule's last jobs cost that the service edited; a copy of an earlier result has no session."""
    query = (
        select(jobs.c.credits)
        .where(jobs.c.rule == rule, jobs.c.made_by == "service")
        .where(jobs.c.credits.is_not(None), jobs.c.session_id.is_not(None))
        .order_by(jobs.c.updated_at.desc())
        .limit(_LAST)
    )
    return list(connection.execute(query).scalars())
