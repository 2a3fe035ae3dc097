"""Output folders that take no file: nothing is paid, nothing is lost, and all goes on when they do again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any

from daemon.jobs.model import Step
from daemon.jobs.states import State

MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]
MakeStudio = Callable[..., AbstractContextManager[Any]]


def messages(service: Any) -> int:
    return int((service.folder / "ledger.jsonl").read_text().count('"what": "message"'))


def test_jobs_for_a_folder_that_is_none_pay_nothing_and_go_on_by_themselves_when_it_is_one(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("faults: []") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                desk.output.write_text("a file stands where the folder should be")
                jobs = [await desk.drop(make_clip(f"trouble-{n}.mp4")) for n in range(3)]
                for job in jobs:
                    await desk.told_of(job, State.HELD)
                assert messages(service) == 0
                assert [str(desk.output) in one for one in desk.app.troubles()] == [True]
                folders, now = desk.app.bench.folders, desk.app.bench.now()
                while folders.troubles[desk.output].wait < 2.0:
                    folders.failed(desk.output, "a file stands there for long", 0.05, now)
                desk.output.unlink()
                for job in jobs:
                    await desk.told_of(job, State.SUCCEEDED)
                    assert desk.app.job(job.id).attempt == 1
                assert messages(service) == 3
                assert desk.app.troubles() == []
                assert not list(desk.output.glob("*HELD*"))

    asyncio.run(go())


def test_a_result_that_cannot_be_placed_is_kept_and_delivered_later_without_another_payment(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {render_time: 300ms}") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                job = await desk.drop(make_clip("later.mp4"))
                renders = asyncio.Event()
                desk.app.listen(
                    lambda told: renders.set() if getattr(told, "step", None) is Step.RENDER else None
                )
                await asyncio.wait_for(renders.wait(), 60.0)
                elsewhere = desk.output.with_name("elsewhere")
                desk.output.rename(elsewhere)
                desk.output.write_text("in the way")
                await desk.told_of(job, State.HELD)
                desk.output.unlink()
                elsewhere.rename(desk.output)
                await desk.told_of(job, State.SUCCEEDED)
                assert messages(service) == 1

    asyncio.run(go())
