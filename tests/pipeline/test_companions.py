"""`with`: what goes up together with a clip, is awaited, kept on record, and moves along."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs import holds, record
from daemon.jobs.model import Job, Step
from daemon.jobs.states import Move, State
from daemon.pipeline.hooks import StepBegun
from tests.pipeline.gathered import Live, MakeClip, picture, settle, until, uploads

RULES = """\
state: state
defaults: {{by: embedded, instruction: trim to 1 s, output: out, settle: 200ms}}
rules:
  - {{name: clips, watch: in{more}}}
"""
WITH_PICTURE = ', with: ["{stem}.png"]'


def timeline(life: Any, job: Job) -> list[str]:
    return [entry.text for entry in life.app.store.read(lambda c: record.timeline_of(c, job.id))]


def test_a_companion_goes_up_after_its_clip_and_the_sidecar_names_it(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES.format(more=WITH_PICTURE)) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            picture(inbox / "a.png")
            await settle(life)
            [job] = life.jobs()
            assert job.state is State.SUCCEEDED
            assert [one.path for one in job.source.companions] == [inbox / "a.png"]
            assert uploads(tmp_path) == [["a.mp4", "a.png"]]
            told = json.loads((tmp_path / "out" / "a-clips.json").read_text())
            [companion] = told["source"]["companions"]
            assert companion["path"] == str(inbox / "a.png")

    asyncio.run(work())


def test_a_companion_that_comes_after_its_clip_has_settled_is_awaited(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        rules = RULES.format(more=WITH_PICTURE).replace("200ms", "1s")
        async with live(tmp_path, rules) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            await until(lambda: bool(list(life.daemon._gathering.pending())))
            [(path, why)] = life.daemon._gathering.pending()
            assert (path.name, why) == (
                "a.mp4",
                "it waits for its companion a.png, which is not there yet",
            )
            picture(inbox / "a.png")
            await settle(life)
            assert uploads(tmp_path) == [["a.mp4", "a.png"]]

    asyncio.run(work())


def test_a_clip_whose_companion_does_not_come_goes_alone_and_its_log_says_so(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES.format(more=WITH_PICTURE)) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            await settle(life)
            [job] = life.jobs()
            assert job.state is State.SUCCEEDED
            assert "without its companion a.png: it did not come" in timeline(life, job)
            # What comes after the job was done is told, and pays for nothing.
            picture(inbox / "a.png")
            await settle(life)
            assert [one.id for one in life.jobs()] == [job.id]
            assert any("after it had begun" in text for text in timeline(life, job))

    asyncio.run(work())


def test_a_clip_renamed_while_it_waits_for_its_companion_is_taken_under_its_new_name(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES.format(more=WITH_PICTURE).replace("200ms", "1s")) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            await until(lambda: any("its companion" in why for _, why in life.daemon._gathering.pending()))
            (inbox / "a.mp4").rename(inbox / "b.mp4")
            await until(lambda: bool(life.jobs()))
            assert [job.source.path.name for job in life.jobs()] == ["b.mp4"]

    asyncio.run(work())


@pytest.mark.parametrize("first", ["a.mp4", "a.png"])
def test_a_companion_that_its_rule_takes_too_is_no_job_of_its_own(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path, first: str
) -> None:
    async def work() -> None:
        rules = RULES.format(more=WITH_PICTURE + ", match: [video, image]").replace("200ms", "500ms")
        async with live(tmp_path, rules) as life:
            picture(inbox / "alone.png", 99)
            for name in sorted(["a.mp4", "a.png"], key=lambda name: name != first):
                picture(inbox / name) if name == "a.png" else shutil.copy(make_clip("a.mp4"), inbox)
                await until(partial(is_known, life, inbox / name))
            await settle(life)
            assert {job.source.path.name for job in life.jobs()} == {"a.mp4", "alone.png"}
            assert uploads(tmp_path) == [["a.mp4", "a.png"], ["alone.png"]]
        async with live(tmp_path, rules) as life:
            await settle(life)
            assert len(life.jobs()) == 2

    def is_known(life: Any, path: Path) -> bool:
        found = path.stat()
        stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        return bool(life.daemon._inbox.known([(str(path), stat)]).versions)

    asyncio.run(work())


def test_a_clip_with_another_companion_is_another_edit(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES.format(more=WITH_PICTURE)) as life:
            for name, shade in (("a", 1), ("b", 2), ("c", 2)):
                shutil.copy(make_clip("a.mp4"), inbox / f"{name}.mp4")
                picture(inbox / f"{name}.png", shade)
                await settle(life)
            assert len(life.jobs()) == 3
            assert uploads(tmp_path) == [["a.mp4", "a.png"], ["b.mp4", "b.png"]]

    asyncio.run(work())


@pytest.mark.parametrize("becomes", ["changed", "gone", "new"])
def test_a_job_that_has_begun_nothing_takes_its_companions_as_they_become(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path, becomes: str
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES.format(more=WITH_PICTURE)) as life:
            await life.app.store.write(lambda connection: holds.hold(connection, ["clips"], 0.0))
            shutil.copy(make_clip("a.mp4"), inbox)
            if becomes != "new":
                picture(inbox / "a.png", 1)
            await settle(life)
            [held] = life.jobs()
            (inbox / "a.png").unlink(missing_ok=True)
            await settle(life)
            if becomes != "gone":
                picture(inbox / "a.png", 2)
            await settle(life)
            [job] = life.jobs()
            assert (job.id, job.state) == (held.id, State.HELD)
            assert len(job.source.companions) == (becomes != "gone")
            assert job.key != held.key
            await life.app.store.write(lambda c: record.move(c, job, Move.RETRY, now=0.0))
            await settle(life)
            assert life.jobs()[0].state is State.SUCCEEDED
            assert uploads(tmp_path) == [["a.mp4"] if becomes == "gone" else ["a.mp4", "a.png"]]

    asyncio.run(work())


def test_an_archived_clip_takes_its_own_companions_along_and_leaves_shared_ones(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    more = ', with: ["{stem}.png", logo.png], after: archive, archive: done'

    async def work() -> None:
        async with live(tmp_path, RULES.format(more=more)) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            picture(inbox / "a.png", 1)
            picture(inbox / "logo.png", 2)
            await settle(life)
            [job] = life.jobs()
            assert uploads(tmp_path) == [["a.mp4", "a.png", "logo.png"]]
            assert {path.name for path in (tmp_path / "done").iterdir()} == {"a.mp4", "a.png"}
            assert [path.name for path in inbox.iterdir() if not path.name.startswith(".")] == ["logo.png"]
            assert [one.path for one in job.source.companions] == [
                tmp_path / "done" / "a.png",
                inbox / "logo.png",
            ]
            await settle(life)
            assert len(life.jobs()) == 1

    asyncio.run(work())


@asynccontextmanager
async def through(proxy: Any) -> AsyncIterator[str]:
    """The two lines of a rules file that send its work through the proxy."""
    server = await asyncio.start_server(proxy.pass_on, "127.0.0.1", 0, limit=1 << 26)
    port = server.sockets[0].getsockname()[1]
    yield (
        f'api: {{url: "http://127.0.0.1:{port}", token: "{proxy.service.token}"}}\n'
        "timing: {poll: 20ms, confirm: 5ms, recheck: [20ms, 50ms, 100ms], stream_limit: 10s}\n"
    )
    server.close()


@pytest.mark.parametrize(("loss", "sent"), [("answer", 2), ("request", 2)])
def test_a_companion_is_uploaded_once_though_its_answer_is_lost(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path, proxy: Any, loss: str, sent: int
) -> None:
    async def work() -> None:
        proxy.losses["POST /api/upload-video"] = ["none", loss]
        async with through(proxy) as lines:
            rules = lines + RULES.format(more=WITH_PICTURE).replace("embedded", "service")
            async with live(tmp_path, rules) as life:
                shutil.copy(make_clip("a.mp4"), inbox)
                picture(inbox / "a.png", 7)
                await settle(life)
                [job] = life.jobs()
                assert job.state is State.SUCCEEDED
                session = next((proxy.service.folder).rglob(f"{job.session_id}/session.json"))
                assert [one["filename"] for one in json.loads(session.read_text())["files"]] == [
                    "a.mp4",
                    "a.png",
                ]
        assert proxy.count("POST /api/upload-video") == sent

    asyncio.run(work())


def test_a_subtitle_goes_to_the_editor_as_words_of_the_first_message(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path, proxy: Any
) -> None:
    subtitle = "1\n00:00:00,000 --> 00:00:01,000\nHello there"

    async def work() -> None:
        async with through(proxy) as lines:
            more = ', with: ["{stem}.srt"], instructions: [export the video, trim to 1 s]'
            rules = lines + RULES.format(more=more).replace("embedded", "service")
            async with live(tmp_path, rules.replace("instruction: trim to 1 s, ", "")) as life:
                shutil.copy(make_clip("a.mp4"), inbox)
                (inbox / "a.SRT").write_text(subtitle + "\n")
                await settle(life)
                [job] = life.jobs()
                session = next((proxy.service.folder).rglob(f"{job.session_id}/session.json"))
                [message] = json.loads(session.read_text())["messages"]
                assert message["text"] == f"trim to 1 s\n\n{subtitle}"
        assert proxy.count("POST /api/upload-video") == 1

    asyncio.run(work())


def test_a_companion_that_changes_before_it_is_sent_settles_anew_with_its_clip(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path, proxy: Any
) -> None:
    async def work() -> None:
        async with through(proxy) as lines:
            rules = lines + RULES.format(more=WITH_PICTURE).replace("embedded", "service")
            async with live(tmp_path, rules) as life:

                def swap(happening: Any) -> None:
                    if isinstance(happening, StepBegun) and happening.step is Step.UPLOAD:
                        forget()
                        picture(inbox / "a.png", 9)

                forget = life.app.listen(swap)
                shutil.copy(make_clip("a.mp4"), inbox)
                picture(inbox / "a.png", 8)
                await settle(life)
                await settle(life)
                jobs = life.jobs()
                assert {job.state for job in jobs} == {State.SUCCEEDED, State.CANCELLED}
                done = next(job for job in jobs if job.state is State.SUCCEEDED)
                session = next((proxy.service.folder).rglob(f"{done.session_id}/session.json"))
                assert [one["filename"] for one in json.loads(session.read_text())["files"]] == [
                    "a.mp4",
                    "a.png",
                ]
                assert "a.png changed" in next(job.reason for job in jobs if job is not done)
        assert proxy.count("POST /run_sse") == 1

    asyncio.run(work())
