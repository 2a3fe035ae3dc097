"""`clip.mp4.reeldrop.yaml` beside `clip.mp4`: keys of its rule, said otherwise for it alone."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import pytest

from daemon.jobs import holds, record
from daemon.jobs.states import State
from tests.pipeline.gathered import Live, MakeClip, settle, until

RULES = """\
state: state
rules:
  - {name: clips, watch: in, by: embedded, instruction: trim to 1 s, output: out, settle: 300ms, match: "*"}
"""
OWN = "instruction: keep the first 500 ms\noutput_name: '{stem}-own'\n"


def result(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "out").iterdir() if path.suffix == ".mp4")


@pytest.mark.parametrize("order", [["clip", "own"], ["own", "clip"]])
def test_a_clips_own_file_says_how_it_alone_is_edited(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path, order: list[str]
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES) as life:
            shutil.copy(make_clip("b.mp4"), inbox)
            for one in order:
                if one == "clip":
                    shutil.copy(make_clip("a.mp4"), inbox)
                else:
                    (inbox / "a.mp4.reeldrop.yaml").write_text(OWN)
                await asyncio.sleep(0.1)  # just after, and still within the settle time
            await settle(life)
            assert result(tmp_path) == ["a-own.mp4", "b-clips.mp4"]
            job = next(job for job in life.jobs() if job.source.path.name == "a.mp4")
            assert job.recipe.instructions == ("keep the first 500 ms",)
        async with live(tmp_path, RULES) as life:
            await settle(life)
            assert len(life.jobs()) == 2

    asyncio.run(work())


def test_a_job_that_has_begun_nothing_takes_up_what_comes_later(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES) as life:
            await life.app.store.write(lambda connection: holds.hold(connection, ["clips"], 0.0))
            shutil.copy(make_clip("a.mp4"), inbox)
            await settle(life)
            assert life.jobs()[0].recipe.instructions == ("trim to 1 s",)
            (inbox / "a.mp4.reeldrop.yaml").write_text(OWN)
            await settle(life)
            [job] = life.jobs()
            assert (job.state, job.recipe.instructions) == (State.HELD, ("keep the first 500 ms",))
            (inbox / "a.mp4.reeldrop.yaml").unlink()
            # A scan finds nothing of what is gone: the kernel's note has to come.
            await until(lambda: life.jobs()[0].recipe.instructions == ("trim to 1 s",))

    asyncio.run(work())


def test_one_that_comes_too_late_is_told_in_the_jobs_log_and_pays_for_nothing(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            await settle(life)
            (inbox / "a.mp4.reeldrop.yaml").write_text(OWN)
            await settle(life)
            [job] = life.jobs()
            told = life.app.store.read(lambda connection: record.timeline_of(connection, job.id))
            assert any("`reeldrop redo` edits it as it is now" in entry.text for entry in told)
            assert result(tmp_path) == ["a-clips.mp4"]

    asyncio.run(work())


def test_a_faulty_one_holds_its_clip_tells_where_it_is_wrong_and_goes_on_once_mended(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES) as life:
            own = inbox / "a.mp4.reeldrop.yaml"
            own.write_text("instruction: trim to 1 s\noutput: /etc\nqualty: low\n")
            shutil.copy(make_clip("a.mp4"), inbox)
            await settle(life)
            [job] = life.jobs()
            assert (job.state, job.reason_code) == (State.HELD, "source")
            note = (tmp_path / "out" / "a-clips.HELD.txt").read_text()
            assert f"{own}:2:1: output: is for the rule to say, not for one file" in note
            assert f"{own}:3:1: qualty: not known to this version of Reeldrop" in note
            own.write_text("instruction: [trim")
            await settle(life)
            assert f"{own}:1:14: " in (life.jobs()[0].reason or "")
            own.write_text(OWN)
            await settle(life)
            assert [one.state for one in life.jobs()] == [State.SUCCEEDED]
            assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
                "a-own.json",
                "a-own.log",
                "a-own.mp4",
            ]

    asyncio.run(work())


def test_what_a_link_leads_to_is_not_read(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES) as life:
            (tmp_path / "secret").write_text("hunter2: hunter2")
            (inbox / "a.mp4.reeldrop.yaml").symlink_to(tmp_path / "secret")
            shutil.copy(make_clip("a.mp4"), inbox)
            await settle(life)
            [job] = life.jobs()
            assert job.state is State.HELD
            assert "is a link" in (job.reason or "")
            assert "hunter2" not in (job.reason or "")

    asyncio.run(work())


def test_nothing_is_waited_for_where_there_is_no_such_file(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES.replace("300ms", "1s")) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            began = time.monotonic()
            while not life.jobs():
                assert time.monotonic() < began + 10
                assert not list(life.daemon._gathering.pending())
                await asyncio.sleep(0.01)

    asyncio.run(work())
