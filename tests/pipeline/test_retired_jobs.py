"""Jobs whose details have left the record: what they delivered is served, and what they paid is not paid again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from daemon.jobs import schema
from daemon.jobs.states import State

MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]
MakeStudio = Callable[[str], AbstractContextManager[Any]]

LONG_AGO = 100 * 86_400.0
"""Seconds; `retention` is 90 days."""


def test_what_was_delivered_long_ago_is_served_again_and_what_was_paid_and_failed_is_not_sent_again(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    charged_for_nothing = (
        "faults: [{call: run, nth: 2, then: {lose_edit: true}}]\nservice: {prices: {edit: 40}, credits: 1000}"
    )

    async def go() -> None:
        with studio(charged_for_nothing) as service:
            at = partial(open_desk, service.url, service.token, ["trim to 1 s"], jobs=1)
            async with at() as desk:
                served = await desk.ended(await desk.drop(make_clip("old-good.mp4")))
                failed = await desk.ended(await desk.drop(make_clip("old-bad.mp4")))
                assert (served.state, failed.state) == (State.SUCCEEDED, State.FAILED)
                spent = served.credits
                table = schema.jobs
                earlier = update(table).values(updated_at=table.c.updated_at - LONG_AGO)
                desk.app.store.write_now(lambda connection: connection.execute(earlier))
            async with at() as desk:
                await desk.app.retire()
                kept = select(func.count()).select_from(schema.timeline)
                assert desk.app.store.read(lambda connection: connection.execute(kept).scalar_one()) == 0
                for name in ("old-good.mp4", "old-bad.mp4"):
                    desk.app.intake.forget(desk.inbox / name)
                again = await desk.ended(await desk.drop(make_clip("old-good.mp4")))
                assert again.state is State.SUCCEEDED and again.id != served.id
                assert again.outputs[0].read_bytes() == served.outputs[0].read_bytes()
                assert (again.credits, spent) == (0.0, 40.0)
                bad = await desk.ended(await desk.drop(make_clip("old-bad.mp4")))
                assert bad.id == failed.id and bad.state is State.FAILED
                ledger = (service.folder / "ledger.jsonl").read_text().splitlines()
                assert [json.loads(line)["what"] for line in ledger].count("message") == 2

    asyncio.run(go())
