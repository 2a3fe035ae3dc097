"""What leaves the record of jobs that ended long ago, and what never does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from daemon.jobs import files, record, schema
from daemon.jobs.model import Delivery, Job, Outcome, Step
from daemon.jobs.retention import remove_details, retire
from daemon.jobs.spending import clusters, edits, summed
from daemon.jobs.states import FINISHED, Move, State
from daemon.jobs.store import Store

MakeJob = Callable[..., Job]

BEFORE = 1_000_000.0
OUTCOMES = [None, *Outcome]


def balance(total: float, **more: float) -> dict[str, float]:
    return {"available": total, "frozen": 0.0, "total": total, **more}


def write_job(connection: Connection, job: Job, dice: random.Random) -> None:
    """A job with all that one leaves behind: timeline, steps, a name, a known file, a delivery."""
    record.add_job(connection, job)
    for number in range(dice.randint(1, 6)):
        record.note(connection, job.id, f"line {number}", job.updated_at)
    for step in (Step.SESSION, Step.UPLOAD, Step.EDIT, Step.EDIT, Step.CONFIRM, Step.RENDER, Step.DELIVER):
        at, total = job.updated_at - dice.random() * 3000, dice.randint(100, 1000)
        marks = {"draft": "d" * 32, "media": "m" * 32}
        intent = {"before": {**balance(total), **marks}, "message": "x"} if step is Step.EDIT else {"x": 1}
        kept = record.open_step(connection, job, step, 0, intent, at)
        outcome = dice.choice(OUTCOMES)
        told: dict[str, Any] = dice.choice(
            [
                {
                    "text": "Done. " * 20,
                    "tools": ["cut"],
                    "after": balance(total - 50, at=at + 9),
                    "credits": 50.0,
                },
                {"text": "Done.", "after": balance(total - 50, at=at + 9)},
                {"text": "charged", "credits": None},
                {"error": "refused"},
                {"reconciled": True},
                {},
            ]
        )
        if outcome is not None:
            record.close_step(
                connection, kept, outcome, told if step is Step.EDIT else {"url": "u" * 99}, at + 10
            )
    record.reserve(connection, job, f"base {job.id}")
    files.remember(connection, [job.source])
    if job.state is State.SUCCEEDED:
        record.add_delivery(
            connection,
            Delivery(
                content=job.source.content,
                key=job.key,
                job=job.id,
                media=Path(f"/out/{job.id}.mp4"),
                media_hash="h",
                size=1,
                at=job.updated_at,
            ),
        )


def rows(connection: Connection, *tables: Any) -> list[Any]:
    return [list(connection.execute(select(table)).all()) for table in tables]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_only_details_of_jobs_that_ended_long_ago_go_and_no_credit_is_forgotten(
    store: Store, make_job: MakeJob, seed: int
) -> None:
    dice = random.Random(seed)
    jobs = [
        make_job(
            content=f"{number:032}",
            path=f"/in/{number}.mp4",
            base=f"{number}",
            state=dice.choice(list(State)),
            by=(by := dice.choice(["embedded", "service"])),
            account="https://s#1" if by == "service" else None,
            rule=dice.choice(["a", "b"]),
            updated_at=BEFORE + dice.choice([-1.0, 1.0]) * dice.randint(1, 9000),
        )
        for number in range(500)
    ]

    def fill(connection: Connection) -> None:
        for job in jobs:
            write_job(connection, job, dice)

    store.write_now(fill)
    kept = (schema.jobs, schema.recipes, schema.deliveries, schema.names, schema.files)
    fingerprints = store.read(lambda connection: rows(connection, *kept))
    spent = store.read(edits)
    details = {job.id: store.read(partial(detail, job=job.id)) for job in jobs}
    gone = {job.id for job in jobs if job.state in FINISHED and job.updated_at < BEFORE}

    assert asyncio.run(retire(store, BEFORE)) == len(gone)

    assert store.read(lambda connection: rows(connection, *kept)) == fingerprints
    assert store.read(edits) == spent
    by_rule = summed(clusters(spent), lambda edit: edit.rule)
    assert summed(clusters(store.read(edits)), lambda edit: edit.rule) == by_rule and by_rule
    for job in jobs:
        steps, timeline = store.read(partial(detail, job=job.id))
        if job.id not in gone:
            assert (steps, timeline) == details[job.id]
            continue
        assert timeline == []
        if job.made_by == "embedded":
            assert steps == ()
        elif job.state is State.SUCCEEDED:
            assert {step.step for step in steps} <= {Step.EDIT}
            assert all(set(step.intent) == {"before"} and "text" not in step.result for step in steps)
        else:
            # What may have been paid and was not delivered: a new drop goes on from there.
            assert steps in ((), details[job.id][0])
            sent = [step for step in details[job.id][0] if step.step is Step.EDIT]
            assert bool(steps) == any(step.outcome is not Outcome.REFUSED for step in sent)
    assert asyncio.run(retire(store, BEFORE)) == 0


def detail(connection: Connection, job: str) -> tuple[Any, Any]:
    return record.steps_of(connection, job), record.timeline_of(connection, job)


def test_a_job_that_is_begun_again_meanwhile_keeps_everything(store: Store, make_job: MakeJob) -> None:
    dice = random.Random(4)
    job = make_job(state=State.FAILED, updated_at=BEFORE - 1)
    store.write_now(partial(write_job, job=job, dice=dice))
    before = store.read(partial(detail, job=job.id))
    store.write_now(lambda connection: record.move(connection, job, Move.RETRY, now=BEFORE - 1, attempt=1))
    assert store.write_now(partial(remove_details, of=[job.id], before=BEFORE)) == 0
    assert store.read(partial(detail, job=job.id)) == before


def test_a_record_that_is_kept_tidy_grows_by_fingerprints_alone(store: Store, make_job: MakeJob) -> None:
    dice = random.Random(5)

    def month(number: int) -> int:
        """Work of a month, with all that is older forgotten; the pages that the file then has."""

        def fill(connection: Connection) -> None:
            for one in range(100):
                job = make_job(
                    content=f"{number:016}{one:016}",
                    path=f"/in/{number}/{one}.mp4",
                    state=State.SUCCEEDED,
                    updated_at=float(number),
                )
                write_job(connection, job, dice)

        store.write_now(fill)
        asyncio.run(retire(store, float(number)))
        return int(store.read(lambda c: c.execute(text("PRAGMA page_count")).scalar()) or 0)

    pages = [month(number) for number in range(1, 13)]
    steps = store.read(lambda c: c.execute(select(func.count()).select_from(schema.steps)).scalar_one())
    assert steps == 7 * 100  # the last month's
    a_job = (pages[11] - pages[3]) * 4096 / 800
    assert a_job < 1000
    assert (pages[1] - pages[0]) * 4096 / 100 > 2 * a_job
