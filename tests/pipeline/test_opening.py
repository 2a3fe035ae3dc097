"""What is found in an output folder before a job begins there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select, update

from daemon.jobs import schema
from daemon.jobs.model import Step
from daemon.jobs.states import State

MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]


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
