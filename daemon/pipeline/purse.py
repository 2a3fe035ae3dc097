"""What jobs at work may still spend. The record says what was spent; this, who is about to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daemon.jobs.model import Job
from daemon.jobs.prices import estimate_job
from daemon.jobs.spending import takings
from daemon.jobs.store import Store
from daemon.pipeline.budget import Budget, judge, since
from daemon.pipeline.retry import Hold, Park


class Purse:
    """`budgets`: the limits as the rules file sets them now; `now`: seconds since 1970."""

    def __init__(
        self, store: Store, now: Callable[[], float], budgets: Callable[[], Sequence[Budget]]
    ) -> None:
        self._store = store
        self._now = now
        self._budgets = budgets
        self._begun: set[str] = set()

    def take(self, job: Job) -> Park | Hold | None:
        """Sets aside what the job may cost, until it is given back; or says why it must wait.

        Nothing is awaited in between, so jobs that ask at the same time cannot all slip under a limit. After a crash
        the intents in the record stand for what was set aside.
        """
        now, budgets = self._now(), self._budgets()
        if not budgets:
            return None
        taken = self._store.read(lambda connection: takings(connection, since(budgets, now), self._begun))
        estimate = self._store.read(lambda connection: estimate_job(connection, job)).credits
        refused = judge(job, estimate, taken, budgets, now)
        if refused is None:
            self._begun.add(job.id)
        return refused

    def give_back(self, job: Job) -> None:
        """The job sends no more messages: what it has cost is in the record."""
        self._begun.discard(job.id)
