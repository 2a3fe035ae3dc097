"""A wall clock that is set back or ahead by a day delays no job and sends nothing early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs.states import State

MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]
MakeStudio = Callable[..., AbstractContextManager[Any]]
DAY = 86_400.0


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_job_that_waits_while_the_clock_is_set_goes_on_in_its_time(
    jump: float, studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    faults = "faults: [{call: session, nth: 1, then: {status: 429, retry_after: 1s}}]"

    async def go() -> None:
        with studio(faults) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                runner, bench = desk.app.runner, desk.app.bench
                job = await desk.drop(make_clip("clock.mp4"))
                await desk.told_of(job, State.WAITING)
                runner._bench = replace(bench, now=lambda: bench.now() + jump)
                runner.wake()
                ended = await desk.ended(job)
                assert (ended.state, ended.attempt) == (State.SUCCEEDED, 1)
                assert (service.folder / "ledger.jsonl").read_text().count('"what": "message"') == 1

    asyncio.run(go())
