"""What waits for a person's word, and what was begun without one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from daemon.jobs import record
from daemon.jobs.approvals import Waiting, begun, waiting
from daemon.jobs.model import Job
from daemon.jobs.states import State
from daemon.jobs.store import Store

MakeJob = Callable[..., Job]


def add(store: Store, make_job: MakeJob, **fields: Any) -> None:
    store.write_now(partial(record.add_job, job=make_job(**fields)))


def test_files_that_wait_are_counted_by_rule_and_reason(store: Store, make_job: MakeJob) -> None:
    for rule, reason, estimate in (
        ("a", "approval: old", 50.0),
        ("a", "approval: old", 70.0),
        ("a", "approval: many", None),
        ("b", "approval: old", 0.0),
        ("b", "credits: none", 50.0),
    ):
        add(store, make_job, rule=rule, state=State.HELD, reason=reason, estimate=estimate)
    add(store, make_job, rule="a", state=State.CANCELLED, reason="approval: ignored", estimate=50.0)
    assert store.read(waiting) == [
        Waiting("a", "approval: many", 1, 0.0),
        Waiting("a", "approval: old", 2, 120.0),
        Waiting("b", "approval: old", 1, 0.0),
    ]


def test_only_what_began_since_then_and_unasked_counts(store: Store, make_job: MakeJob) -> None:
    add(store, make_job, estimate=1.0, begun_at=100.0)
    add(store, make_job, estimate=10.0, begun_at=50.0)
    add(store, make_job, estimate=100.0, begun_at=100.0, asked=True)
    add(store, make_job, estimate=1000.0, state=State.HELD, reason="approval: many")
    assert store.read(partial(begun, since=60.0)) == 1.0
    assert store.read(partial(begun, since=0.0)) == 11.0
