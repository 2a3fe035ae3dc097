"""What is found in an output folder before a job begins there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from daemon.jobs import schema
from daemon.jobs.model import Step
from daemon.jobs.states import State

MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.mark.parametrize("begun", [(), (Step.SESSION, Step.UPLOAD)], ids=["queued", "uploaded"])
def test_a_job_that_an_older_copy_of_the_record_has_unfinished_is_served_from_what_it_has_delivered(
    open_desk: OpenDesk, service: Any, make_clip: MakeClip, begun: tuple[Step, ...]
) -> None:
    def go_back(connection: Connection) -> None:
        steps, jobs = schema.steps, schema.jobs
        connection.execute(delete(schema.deliveries))
        connection.execute(delete(schema.names))
        connection.execute(delete(steps).where(steps.c.step.not_in([step.value for step in begun])))
        connection.execute(update(jobs).values(state=State.QUEUED.value, step=None, outputs=[]))

    async def go() -> None:
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            job = await desk.ended(await desk.drop(make_clip("older.mp4")))
            desk.app.store.write_now(go_back)
        paid = (service.folder / "ledger.jsonl").read_text().count('"what": "message"')
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            again = await desk.ended(job)
            assert again.state is State.SUCCEEDED
            assert again.outputs[0].read_bytes() == job.outputs[0].read_bytes()
        assert (service.folder / "ledger.jsonl").read_text().count('"what": "message"') == paid

    asyncio.run(go())


def test_a_job_that_was_killed_between_its_result_and_the_record_is_recorded_once(
    open_desk: OpenDesk, service: Any, make_clip: MakeClip
) -> None:
    def go_back(connection: Connection) -> None:
        """The record as it is while the result stands already and the job has not said so."""
        steps, jobs = schema.steps, schema.jobs
        connection.execute(delete(schema.deliveries))
        connection.execute(update(steps).where(steps.c.step == Step.DELIVER.value).values(outcome=None))
        connection.execute(update(jobs).values(state=State.RUNNING.value, outputs=[]))

    async def go() -> None:
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            job = await desk.ended(await desk.drop(make_clip("killed.mp4")))
            desk.app.store.write_now(go_back)
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            again = await desk.ended(job)
            media = desk.app.store.read(lambda connection: connection.execute(rows).scalars().all())
            assert (again.state, again.outputs, media) == (State.SUCCEEDED, job.outputs, [*job.outputs])

    rows = select(schema.deliveries.c.media)
    asyncio.run(go())
