"""What was spent, told from the balances that stand in the record with each message to the editor.

No answer names a message's price; it shows as the difference of the balance read before it was sent and the one
read after it was answered. Messages of several jobs overlap in time, so a difference belongs to all that were
open in between: they are a cluster, and only a cluster's cost is known. Pure but for `edits` and `takings`, which
read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, literal_column, or_, select

from daemon.jobs import record, schema
from daemon.jobs.model import Outcome, Step
from daemon.jobs.prices import Prices

LONGEST: Final = 900.0
"""Seconds after which a message is over, answered or not (the service's documents: "at most 15 min")."""
_READING: Final = 10.0
"""Seconds that a balance may be older than the record of it: a state is read and an intent written in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A message that the service may have charged for.

    `before` and `after`: the account's total credits when it was sent and at `ended_at`, once it was answered;
    `ended_at` None: nobody knows yet whether it was. `credits`: its own cost, where an older Reeldrop noted that
    alone.
    """

    job: str
    rule: str
    folder: Path
    account: str
    sent_at: float
    ended_at: float | None
    before: float
    after: float | None
    credits: float | None = None

    @property
    def end(self) -> float:
        """Until when it may have been charged."""
        longest = self.sent_at + LONGEST
        if self.ended_at is None:
            return longest
        return self.ended_at if self.after is not None else min(self.ended_at, longest)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Edits of one account that cost `credits` together; None where that cannot be told."""

    edits: tuple[Edit, ...]
    credits: float | None


@dataclass(frozen=True, slots=True)
class Sum:
    """What a group's edits cost. `unknown` of its `edits` are not in `credits`; `exact`: nothing was shared out."""

    name: str
    edits: int
    credits: float
    exact: bool
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What one job takes of the budgets: `costs`, when each message was sent and what it cost, as far as that is known;
    `to_come`, about what its other messages cost; `last_at`, when the last one was sent (infinite: not yet).
    """

    job: str
    rule: str
    costs: tuple[tuple[float, float], ...]
    to_come: float
    last_at: float

    def spent(self, since: float) -> float:
        return sum(credits for at, credits in self.costs if at >= since)

    def reserved(self, since: float) -> float:
        return self.to_come if self.last_at >= since else 0.0


def edits(connection: Connection, since: float | None = None) -> list[Edit]:
    """Every message in the record that may have cost something (and was sent at or after `since`), oldest first."""
    jobs, steps = schema.jobs, schema.steps
    query = (
        select(
            *(jobs.c.id, jobs.c.rule, jobs.c.path, jobs.c.account),
            *(steps.c.intent, steps.c.intent_at, steps.c.outcome, steps.c.result, steps.c.result_at),
        )
        .select_from(steps.join(jobs, steps.c.job == jobs.c.id))
        # As a literal, or SQLite leaves the partial index of the messages aside.
        .where(steps.c.step == literal_column(f"'{Step.EDIT}'"))
        .where(jobs.c.made_by == "service", jobs.c.account.is_not(None))
        .where(or_(steps.c.outcome.is_(None), steps.c.outcome != Outcome.REFUSED.value))
        .order_by(steps.c.intent_at, steps.c.id)
    )
    if since is not None:
        query = query.where(steps.c.intent_at >= since)
    return [_edit(row) for row in connection.execute(query) if not _was_refused(row)]


def clusters(edits: Iterable[Edit]) -> list[Cluster]:
    """Groups the edits of each account that overlap in time, and tells what each group cost."""
    found = []
    open_clusters: dict[str, list[Edit]] = {}
    for edit in sorted(edits, key=lambda one: (one.sent_at, -one.before)):
        if edit.after is None and edit.credits is not None:
            found.append(Cluster((edit,), edit.credits if edit.credits >= 0 else None))
            continue
        current = open_clusters.setdefault(edit.account, [])
        if current and not _overlaps(current, edit):
            found.append(_cluster(current))
            current.clear()
        current.append(edit)
    return found + [_cluster(left) for left in open_clusters.values() if left]


def summed(clusters: Iterable[Cluster], name: Callable[[Edit], str | None]) -> list[Sum]:
    """What each group cost, by name. `name` None leaves an edit out.

    A cluster with edits of several groups is shared evenly among its edits, and those groups are not exact.
    """
    counts: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    credits: dict[str, float] = {}
    shared: set[str] = set()
    for cluster in clusters:
        names = Counter(name(edit) for edit in cluster.edits)
        for one, number in names.items():
            if one is None:
                continue
            counts[one] += number
            if cluster.credits is None:
                unknown[one] += number
                continue
            credits[one] = credits.get(one, 0.0) + cluster.credits * number / len(cluster.edits)
            if len(names) > 1:
                shared.add(one)
    return [
        Sum(one, counts[one], credits.get(one, 0.0), one not in shared, unknown[one])
        for one in sorted(counts)
    ]


def shares(cluster: Cluster) -> list[tuple[Edit, float | None]]:
    """What each edit of a cluster cost, evenly shared.

    In a cluster that is not over, what the answered ones cost is told by the last balance that was read.
    """
    if cluster.credits is not None:
        return [(edit, cluster.credits / len(cluster.edits)) for edit in cluster.edits]
    told = [edit for edit in cluster.edits if edit.after is not None]
    spent = cluster.edits[0].before - (_last(told).after or 0.0) if told else -1.0
    if spent < 0:
        return [(edit, None) for edit in cluster.edits]
    return [(edit, None if edit.after is None else spent / len(told)) for edit in cluster.edits]


def takings(connection: Connection, since: float, begun: Collection[str]) -> list[Taking]:
    """What jobs take of the budgets of a time that began at `since`.

    `begun`: jobs that are about to send messages, whose whole estimate is taken. So it is for messages whose cost is
    not known (yet).
    """
    sent: dict[str, list[tuple[Edit, float | None]]] = {job: [] for job in begun}
    for cluster in clusters(edits(connection, since - LONGEST)):
        for edit, credits in shares(cluster):
            sent.setdefault(edit.job, []).append((edit, credits))
    prices = Prices(connection)
    found = []
    for job_id, messages in sent.items():
        costs = tuple((edit.sent_at, credits) for edit, credits in messages if credits is not None)
        job = record.get_job(connection, job_id) if len(costs) < len(messages) or job_id in begun else None
        left = 0.0 if job is None else prices.of(job).credits - sum(credits for _, credits in costs)
        found.append(
            Taking(
                job=job_id,
                rule=job.rule if job is not None else messages[0][0].rule,
                costs=costs,
                to_come=max(0.0, left),
                last_at=math.inf if job_id in begun else max(edit.sent_at for edit, _ in messages),
            )
        )
    return found


def _overlaps(current: Sequence[Edit], edit: Edit) -> bool:
    last = _last(current)
    if edit.sent_at <= last.end:
        return True
    # Read before the other's charge and written down after it: apart, both would count that charge.
    return last.after is not None and edit.before > last.after and edit.sent_at <= last.end + _READING


def _last(edits: Sequence[Edit]) -> Edit:
    return max(edits, key=lambda one: one.end)


def _cluster(edits: Sequence[Edit]) -> Cluster:
    after = _last(edits).after
    spent = None if after is None else edits[0].before - after
    # Below nothing: somebody topped the account up meanwhile, and by how much is not known.
    return Cluster(tuple(edits), spent if spent is not None and spent >= 0 else None)


def _edit(row: Any) -> Edit:
    after = row.result.get("after") or {}
    return Edit(
        job=row.id,
        rule=row.rule,
        folder=row.path.parent,
        account=row.account,
        sent_at=row.intent_at,
        # A record may be closed a second time, long after its balance was read.
        ended_at=after.get("at", row.result_at),
        before=float(row.intent["before"]["total"]),
        after=float(after["total"]) if "total" in after else None,
        credits=row.result.get("credits"),
    )


def _was_refused(row: Any) -> bool:
    """A refused message that was given up later: its result is still an error and nothing else."""
    return row.outcome == Outcome.VOID.value and set(row.result) == {"error"}
