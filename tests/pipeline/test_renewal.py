"""What waits for approval is what today's rules would make of the files, also of those that belong together."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from daemon.jobs.model import Job
from daemon.jobs.states import State

MakeClip = Callable[[str], Path]
Live = Callable[..., AbstractAsyncContextManager[Any]]

RULES = """\
state: {state}
defaults: {{by: embedded, output: out, settle: 200ms, existing: hold}}
rules:
  - {{name: tall, watch: in, where: {{{bounds}}}, match: "*.mov", instruction: {instruction}}}
  - {{name: clips, watch: in, instruction: {instruction}, match: [video, image], with: ["{{stem}}.png"],
     bundle: folder, pairs: obs, priority: {priority}}}
"""
BEFORE = {"bounds": 'duration: "..1s"', "instruction": "trim to 1 s", "priority": 0}
AFTER = {"bounds": 'duration: "..2s"', "instruction": "trim to 1.2 s", "priority": 3}


@pytest.fixture
def inbox(tmp_path: Path, make_clip: MakeClip) -> Path:
    inbox = tmp_path / "in"
    (inbox / "trip").mkdir(parents=True)
    for number in (1, 2):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(inbox / "trip" / f"{number}.png")
    for name in ("plain.mp4", "titled.mp4", "own.mp4", "pair.mp4", "pair.mkv", "bounded.mov"):
        shutil.copy(make_clip(name), inbox)
    Image.new("RGB", (64, 64), (0, 9, 0)).save(inbox / "titled.png")
    (inbox / "own.mp4.reeldrop.yaml").write_text("instruction: keep the first 500 ms")
    return inbox


def held(jobs: list[Job]) -> dict[str, tuple[Any, ...]]:
    assert {job.state for job in jobs} == {State.HELD}
    return {job.source.path.name: (job.rule, job.priority, job.key, job.recipe) for job in jobs}


def test_what_waits_is_renewed_to_what_a_new_daemon_would_ask_about(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    async def asked_under(state: str, said: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
        async with live(tmp_path, RULES.format(state=state, **said)) as life:
            await life.daemon._all_done()
            await life.daemon._rescan()
            return held(life.jobs())

    async def work() -> None:
        first = await asked_under("state", BEFORE)
        assert set(first) == {"plain.mp4", "titled.mp4", "own.mp4", "pair.mp4", "bounded.mov", "1.png"}
        renewed = await asked_under("state", AFTER)
        assert renewed == await asked_under("another", AFTER)
        assert {name for name in first if first[name] != renewed[name]} == set(first)
        assert renewed["own.mp4"][3].instructions == ("keep the first 500 ms",)
        assert (first["bounded.mov"][0], renewed["bounded.mov"][0]) == ("clips", "tall")
        assert renewed["1.png"][3].base == "trip-clips"
        assert await asked_under("state", AFTER) == renewed

    asyncio.run(work())


def test_what_was_taken_together_stays_together_and_what_was_taken_alone_stays_alone(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    whole = RULES.format(state="state", **BEFORE)
    alone = RULES.format(state="state", **AFTER).replace("bundle: folder", "bundle: none")

    async def work() -> None:
        async with live(tmp_path, whole) as life:
            await life.daemon._all_done()
        async with live(tmp_path, alone) as life:
            await life.daemon._all_done()
            together = next(job for job in life.jobs() if job.source.path.name == "1.png")
            assert (together.recipe.base, len(together.source.companions)) == ("trip-clips", 1)
            assert together.recipe.instructions == ("trim to 1.2 s",)
        shutil.rmtree(tmp_path / "state")
        async with live(tmp_path, alone) as life:
            await life.daemon._all_done()
        async with live(tmp_path, whole) as life:
            await life.daemon._all_done()
            assert {"1-clips", "2-clips"} <= {job.recipe.base for job in life.jobs()}

    asyncio.run(work())


def test_of_a_clip_whose_own_rules_are_faulty_or_that_is_not_there_nothing_is_renewed(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES.format(state="state", **BEFORE)) as life:
            await life.daemon._all_done()
            before = held(life.jobs())
        (inbox / "own.mp4.reeldrop.yaml").write_text("instruction: [")
        inbox.rename(tmp_path / "away")
        inbox.mkdir()
        (tmp_path / "away" / "own.mp4").rename(inbox / "own.mp4")
        (tmp_path / "away" / "own.mp4.reeldrop.yaml").rename(inbox / "own.mp4.reeldrop.yaml")
        async with live(tmp_path, RULES.format(state="state", **AFTER)) as life:
            after = {job.source.path.name: job for job in life.jobs()}
            assert {name: (job.rule, job.key, job.recipe) for name, job in after.items()} == {
                name: (rule, key, recipe) for name, (rule, _, key, recipe) in before.items()
            }

    asyncio.run(work())
