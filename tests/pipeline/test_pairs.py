"""`pairs: obs`: a recording and the mp4 that is made of it are one clip."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs import record
from daemon.jobs.states import State
from tests.pipeline.gathered import Live, MakeClip, settle, until

RULES = """\
state: state
rules:
  - {name: obs, watch: in, by: embedded, instruction: trim to 1 s, output: out, settle: 400ms, pairs: obs%s}
"""


def delivered(life: Any) -> list[str]:
    assert all(job.state is State.SUCCEEDED for job in life.jobs())
    return sorted(job.source.path.name for job in life.jobs())


@pytest.mark.parametrize("order", [["a.mkv", "a.mp4"], ["a.mp4", "a.mkv"]])
@pytest.mark.parametrize("between", ["nothing", "job"])
def test_a_recording_and_its_mp4_are_one_job_in_whatever_order_they_come(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path, order: list[str], between: str
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES % "") as life:
            shutil.copy(make_clip(order[0]), inbox)
            if between == "job":
                await settle(life)
            shutil.copy(make_clip(order[1]), inbox)
            await settle(life)
            taken = order[0] if between == "job" else "a.mp4"
            assert delivered(life) == [taken]
        async with live(tmp_path, RULES % "") as life:
            await settle(life)
            assert delivered(life) == [taken]

    asyncio.run(work())


def test_a_recording_waits_for_the_mp4_that_is_being_made_of_it(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    whole = make_clip("a.mp4").read_bytes()

    async def work() -> None:
        async with live(tmp_path, RULES % "") as life:
            shutil.copy(make_clip("a.mkv"), inbox)
            with (inbox / "a.mp4").open("wb") as file:
                for part in range(4):
                    file.write(whole[part * len(whole) // 4 : (part + 1) * len(whole) // 4])
                    file.flush()
                    await asyncio.sleep(
                        0.5
                    )  # longer than the settle time: what is there is awaited while it changes
            await settle(life)
            assert delivered(life) == ["a.mp4"]

    asyncio.run(work())


def test_a_recording_that_waits_says_for_what(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, (RULES % "").replace("400ms", "1s")) as life:
            shutil.copy(make_clip("a.mkv"), inbox)
            await until(lambda: bool(list(life.daemon._gathering.pending())))
            [(path, why)] = life.daemon._gathering.pending()
            assert path.name == "a.mkv"
            assert why == "it waits for the mp4 that is made of it, which is not there yet"
            await settle(life)
            assert delivered(life) == ["a.mkv"]

    asyncio.run(work())


def test_both_halves_are_archived_together(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES % ", after: archive, archive: done") as life:
            shutil.copy(make_clip("a.mkv"), inbox)
            shutil.copy(make_clip("a.mp4"), inbox)
            await settle(life)
            assert {path.name for path in (tmp_path / "done").iterdir()} == {"a.mkv", "a.mp4"}
            [job] = life.jobs()
            timeline = life.app.store.read(lambda connection: record.timeline_of(connection, job.id))
            assert f"{inbox / 'a.mkv'} is the same clip" in [entry.text for entry in timeline]
            await settle(life)
            assert len(life.jobs()) == 1

    asyncio.run(work())


def test_pairs_are_no_matter_to_a_rule_that_does_not_say_so(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, (RULES % "").replace(", pairs: obs", "")) as life:
            shutil.copy(make_clip("a.mkv"), inbox)
            shutil.copy(make_clip("a.mp4"), inbox)
            await settle(life)
            assert delivered(life) == ["a.mkv", "a.mp4"]

    asyncio.run(work())
