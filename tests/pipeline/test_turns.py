"""One message at a time after a lost answer, and none once the daemon ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any

from daemon.jobs.model import Step
from daemon.jobs.states import State
from daemon.pipeline.turns import Turns

MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]
MakeStudio = Callable[[str], AbstractContextManager[Any]]


async def rests() -> None:
    """Everything that can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


class Sender:
    """Jobs that ask for their turn and keep it until they are told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.alone = False
        self.granted: dict[str, bool] = {}
        self.ends: dict[str, asyncio.Event] = {}

    async def send(self, job: str, account: str = "a") -> None:
        self.ends[job] = asyncio.Event()
        async with self.turns.turn(account, job, lambda: self.alone) as granted:
            self.granted[job] = granted
            await self.ends[job].wait()


def test_messages_go_out_side_by_side_until_one_must_be_alone() -> None:
    async def go() -> None:
        sender = Sender(Turns())
        async with asyncio.TaskGroup() as group:
            for job in ("first", "second"):
                group.create_task(sender.send(job))
            await rests()
            assert sorted(sender.turns.open("a")) == ["first", "second"]
            sender.alone = True
            for job in ("third", "fourth"):
                group.create_task(sender.send(job))
            group.create_task(sender.send("of another account", "b"))
            await rests()
            assert sorted(sender.granted) == ["first", "of another account", "second"]
            sender.ends["first"].set()
            await rests()
            assert "third" not in sender.granted
            sender.ends["second"].set()
            await rests()
            assert list(sender.turns.open("a")) == ["third"], "in the order in which they came, one at a time"
            sender.alone = False
            sender.ends["third"].set()
            await rests()
            assert all(sender.granted.values()) and "fourth" in sender.granted
            for end in sender.ends.values():
                end.set()
        assert not sender.turns.open("a")

    asyncio.run(go())


def test_a_job_that_is_stopped_in_its_turn_leaves_it_to_the_next() -> None:
    async def go() -> None:
        sender = Sender(Turns())
        sender.alone = True
        async with asyncio.TaskGroup() as group:
            first = group.create_task(sender.send("first"))
            await rests()
            group.create_task(sender.send("second"))
            await rests()
            first.cancel()
            await rests()
            assert list(sender.turns.open("a")) == ["second"]
            sender.ends["second"].set()

    asyncio.run(go())


def test_once_closed_nobody_waits_and_nobody_may_send() -> None:
    async def go() -> None:
        sender = Sender(Turns())
        sender.alone = True
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send("first"))
            await rests()
            group.create_task(sender.send("second"))
            await rests()
            sender.turns.close()
            group.create_task(sender.send("third"))
            await rests()
            assert sender.granted == {"first": True, "second": False, "third": False}
            for end in sender.ends.values():
                end.set()

    asyncio.run(go())


def test_after_a_lost_answer_one_message_at_a_time_is_open_and_none_is_left_in_doubt(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    faults = """
        service: {edit_time: 50ms, prices: {edit: 1}, credits: 100}
        faults: [{call: run, nth: [1, 3], then: {drop: request}}]
    """

    async def go() -> None:
        with studio(faults) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"], stream_limit="1s") as desk:
                lost = await desk.drop(make_clip("lost.mp4"))
                await desk.told_of(lost, State.WAITING)
                jobs = [lost, *[await desk.drop(make_clip(f"turn-{n}.mp4")) for n in range(5)]]
                ended = [await desk.ended(job) for job in jobs]
                assert [job.state for job in ended] == [State.SUCCEEDED] * 6
            facts = map(json.loads, (service.folder / "ledger.jsonl").read_text().splitlines())
            messages = [fact["what"] for fact in facts if fact["what"] in ("message", "edited")]
            assert messages == ["message", "edited"] * 6

    asyncio.run(go())


def test_a_daemon_that_ends_begins_no_message_and_the_next_one_sends_it(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {edit_time: 200ms, prices: {edit: 1}, credits: 100}") as service:
            async with open_desk(
                service.url, service.token, ["trim to 1 s", "trim to 0.5 s"], jobs=1
            ) as desk:
                job = await desk.drop(make_clip("ends.mp4"))
                await desk.step_begun(job, Step.EDIT)
            facts = map(json.loads, (service.folder / "ledger.jsonl").read_text().splitlines())
            assert [fact["what"] for fact in facts].count("message") == 1
            async with open_desk(
                service.url, service.token, ["trim to 1 s", "trim to 0.5 s"], jobs=1
            ) as desk:
                assert (await desk.ended(job)).state is State.SUCCEEDED
            facts = map(json.loads, (service.folder / "ledger.jsonl").read_text().splitlines())
            assert [fact["what"] for fact in facts].count("message") == 2

    asyncio.run(go())
