"""What a job will cost: the rule's own median where it has one, else the service's public price."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from daemon.jobs import record
from daemon.jobs.model import Job
from daemon.jobs.prices import Estimate, estimate, estimate_job
from daemon.jobs.store import Store

MakeJob = Callable[..., Job]


@pytest.mark.parametrize(
    ("path", "fields", "credits"),
    [
        ("/in/clip.mp4", {"by": "service"}, 50),
        ("/in/clip.mp4", {"by": "service", "instructions": ("trim", "add music", "export it")}, 50),
        ("/in/script.txt", {"by": "service"}, 100),
        ("/in/place.url", {"by": "service"}, 50),
        ("/in/clip.mp4", {"by": "service", "instructions": ("export it",)}, 0),
        ("/in/clip.mp4", {"by": "embedded"}, 0),
        ("/in/script.txt", {"by": "embedded"}, 0),
    ],
)
def test_a_rule_that_has_delivered_nothing_costs_the_public_price(
    store: Store, make_job: MakeJob, path: str, fields: dict[str, object], credits: float
) -> None:
    job = make_job(path=path, **fields)
    assert store.read(partial(estimate_job, job=job)) == Estimate(credits, False)
    assert estimate(None, "rule", "video", make_job(by="service").recipe) == Estimate(50, False)


def test_a_rule_costs_the_median_of_what_its_last_hundred_paid_jobs_did(
    store: Store, make_job: MakeJob
) -> None:
    def done(at: int, credits: float | None, **fields: object) -> None:
        kept = {"by": "service", "session_id": "s", "updated_at": float(at), **fields}
        store.write_now(partial(record.add_job, job=make_job(credits=credits, **kept)))

    for at in range(60):
        done(at, 900.0)  # before the instruction was made cheaper
    for at in range(60, 160):
        done(at, 10.0 + at % 3)
    for at in range(160, 300):
        done(at, None)  # overlapped with others: its own cost is not known
        done(at, 0.0, session_id=None)  # served from an earlier result
        done(at, 700.0, rule="another")
        done(at, 0.0, by="embedded")
    job = make_job(by="service")
    assert store.read(partial(estimate_job, job=job)) == Estimate(11.0, True)
    export = make_job(by="service", instructions=("export it",))
    assert store.read(partial(estimate_job, job=export)) == Estimate(0.0, False)
