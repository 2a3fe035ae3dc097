"""Whole jobs against a real studio, with losses on the wire."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from daemon.jobs import record
from daemon.jobs.model import Job, Outcome, Step
from daemon.jobs.states import State
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.media.probe import probe
from daemon.pipeline.arrivals import Arrival
from daemon.pipeline.orders import retry
from daemon.rules.match import RuleBook

MakeDesk = Callable[..., AbstractAsyncContextManager[Any]]
MakeClip = Callable[[str], Path]
DEADLINE = 60.0


async def _drop(desk: Any, clip: Path, name: str | None = None) -> Job | None:
    """Puts a clip into the inbox and hands it over as settled."""
    path = desk.inbox / (name or clip.name)
    shutil.copy(clip, path)
    found = path.stat()
    match = RuleBook(desk.app.config.rules).match(path)
    assert match is not None
    stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    job: Job | None = await desk.app.intake.take(Arrival(match, path, stat))
    return job


async def _finished(desk: Any, job: Job | None) -> Job:
    assert job is not None
    ended: Job = await asyncio.wait_for(desk.app.finished(job), DEADLINE)
    return ended


async def _run(desk: Any, clip: Path, name: str | None = None) -> Job:
    return await _finished(desk, await _drop(desk, clip, name))


def _steps(desk: Any, job: Job) -> list[tuple[Step, Outcome | None]]:
    steps = desk.app.store.read(lambda connection: record.steps_of(connection, job.id))
    return [(step.step, step.outcome) for step in steps]


def test_a_clip_comes_out_edited_with_its_log_and_its_sidecar(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk('["trim to 1 s", "add a title \\"Hello\\""]') as d:
            job = await _run(d, make_clip("a.mp4"))
            assert job.state is State.SUCCEEDED
            media = d.output / "a-rule.mp4"
            assert job.outputs == (media,)
            seen = probe(media, Ffmpeg(find_ffmpeg()))
            assert seen.duration_s is not None and abs(seen.duration_s - 1.0) < 0.15
            assert {path.name for path in d.output.iterdir()} == {"a-rule.mp4", "a-rule.json", "a-rule.log"}
            sidecar = json.loads((d.output / "a-rule.json").read_text())
            assert sidecar["job"] == job.id
            assert sidecar["instructions"] == ["trim to 1 s", 'add a title "Hello"']
            assert sidecar["timeline"].startswith("Timeline (2 tracks)")
            assert sidecar["source"]["content"] == f"xxh3-128:{job.source.content}"
            assert "delivered" in (d.output / "a-rule.log").read_text()
        assert proxy.count("POST /run_sse") == 2

    asyncio.run(go())


def test_a_stream_without_words_is_confirmed_by_the_state(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        proxy.losses["POST /run_sse"] = ["words"]
        async with desk() as d:
            job = await _run(d, make_clip("a.mp4"))
            assert job.state is State.SUCCEEDED
        assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


def test_a_lost_answer_is_found_in_the_state_and_never_sent_again(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        proxy.losses["POST /run_sse"] = ["answer"]
        async with desk() as d:
            job = await _run(d, make_clip("a.mp4"))
            assert job.state is State.SUCCEEDED
            assert job.attempt == 1
            assert "carried out though its answer was lost" in (d.output / "a-rule.log").read_text()
        assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


def test_a_lost_message_is_held_as_maybe_paid_and_sent_again_only_after_the_last_look(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        proxy.losses["POST /run_sse"] = ["request"]
        async with desk(stream_limit="5s") as d:
            job = await _run(d, make_clip("a.mp4"))
            assert job.state is State.SUCCEEDED
            reasons = [told.job.reason_code for told in d.told if told.job.state is State.HELD]
            assert "maybe-paid" in reasons
            assert not (d.output / "a-rule.HELD.txt").exists()
        assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


async def _until_it_waits(d: Any, job: Job | None) -> None:
    waits = asyncio.Event()

    def look(happening: Any) -> None:
        if job is not None and (happening.job.id, happening.job.state) == (job.id, State.WAITING):
            waits.set()

    forget = d.app.listen(look)
    for happening in d.told:
        look(happening)
    await asyncio.wait_for(waits.wait(), DEADLINE)
    forget()


async def _held_for_a_person(d: Any, proxy: Any, make_clip: MakeClip) -> Job:
    """A job whose message was lost while another one's was open, so that no balance can tell what became of it."""
    other = await _run(d, make_clip("a.mp4"))
    proxy.losses["POST /run_sse"] = ["request"]
    lost = await _drop(d, make_clip("b.mp4"))
    await _until_it_waits(d, lost)
    now = d.app.bench.now()
    beside = await d.app.store.write(lambda c: record.open_step(c, other, Step.EDIT, 1, {}, now))
    await d.app.store.write(lambda c: record.close_step(c, beside, Outcome.DONE, {}, now))
    return await _finished(d, lost)


def test_a_maybe_paid_job_stays_held_where_another_paid_step_was_open(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk(stream_limit="500ms") as d:
            held = await _held_for_a_person(d, proxy, make_clip)
            assert (held.state, held.reason_code, held.not_before) == (State.HELD, "maybe-paid", None)
            note = (d.output / "b-rule.HELD.txt").read_text()
            assert f"retry {held.id} --resend" in note
        assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


def test_a_person_may_say_that_it_is_to_be_sent_again(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk(stream_limit="500ms") as d:
            held = await _held_for_a_person(d, proxy, make_clip)
            now = d.app.bench.now()
            again = await d.app.store.write(lambda c: retry(c, held, now, resend=True))
            d.app.runner.wake()
            job = await _finished(d, again.job)
            assert (job.id, job.state) == (held.id, State.SUCCEEDED)
            assert not (d.output / "b-rule.HELD.txt").exists()
        assert proxy.count("POST /run_sse") == 2

    asyncio.run(go())


def test_nothing_new_is_paid_while_a_lost_answer_is_looked_into(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk(stream_limit="1s") as d:
            await _run(d, make_clip("a.mp4"))
            proxy.losses["POST /run_sse"] = ["request"]
            lost = await _drop(d, make_clip("b.mp4"))
            await _until_it_waits(d, lost)
            # The first message after that is the lost one's again: the others gave way to its last look.
            beside = [await _drop(d, make_clip(f"c{n}.mp4")) for n in range(3)]
            ended = [await _finished(d, job) for job in (lost, *beside)]
            assert [job.state for job in ended] == [State.SUCCEEDED] * 4
        assert proxy.count("POST /run_sse") == 5

    asyncio.run(go())


def test_an_upload_whose_answer_was_lost_is_not_repeated(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        proxy.losses["POST /api/upload-video"] = ["answer"]
        async with desk() as d:
            assert (await _run(d, make_clip("a.mp4"))).state is State.SUCCEEDED
        assert proxy.count("POST /api/upload-video") == 1

    asyncio.run(go())


def test_a_render_whose_answer_was_lost_is_polled_under_its_id(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        proxy.losses["POST /api/render/proxy/lambda"] = ["answer"]
        async with desk() as d:
            job = await _run(d, make_clip("a.mp4"))
            assert job.state is State.SUCCEEDED
            assert [step for step, _ in _steps(d, job)].count(Step.RENDER) == 1

    asyncio.run(go())


def test_what_the_editor_does_not_understand_fails_in_its_own_words_and_costs_one_message(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk('["make me look younger"]') as d:
            job = await _run(d, make_clip("a.mp4"))
            assert (job.state, job.reason_code) == (State.FAILED, "edit")
            note = (d.output / "a-rule.FAILED.txt").read_text()
            assert "make me look younger" in note and job.id in note
            assert [path.name for path in d.output.iterdir()] == ["a-rule.FAILED.txt"]
        assert proxy.count("POST /run_sse") == 1
        assert proxy.count("POST /api/render") == 0

    asyncio.run(go())


def test_content_delivered_before_is_served_from_there_and_not_paid_again(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk() as d:
            first = await _run(d, make_clip("a.mp4"))
            second = await _run(d, make_clip("a.mp4"), "b.mp4")
            assert (second.state, second.credits) == (State.SUCCEEDED, 0.0)
            assert second.outputs == (d.output / "b-rule.mp4",)
            assert second.outputs[0].read_bytes() == first.outputs[0].read_bytes()
            assert json.loads((d.output / "b-rule.json").read_text())["result"]["copy_of"] == first.id
            first.outputs[0].unlink()
            second.outputs[0].write_bytes(b"somebody cut it")
            third = await _run(d, make_clip("a.mp4"), "c.mp4")
            assert (third.state, third.reason_code) == (State.HELD, "duplicate")
        assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


def test_touching_rewriting_and_renaming_make_no_job(desk: MakeDesk, make_clip: MakeClip, proxy: Any) -> None:
    async def go() -> None:
        async with desk() as d:
            await _run(d, make_clip("a.mp4"))
            assert await _drop(d, make_clip("a.mp4")) is None
            (d.inbox / "a.mp4").unlink()
            assert await _drop(d, make_clip("a.mp4"), "renamed.mp4") is None
            assert len(d.app.store.read(record.list_jobs)) == 1
            d.app.intake.forget(d.inbox / "renamed.mp4")
            assert await _drop(d, make_clip("a.mp4"), "renamed.mp4") is not None

    asyncio.run(go())


def test_a_file_removed_before_anything_was_paid_cancels_its_job(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk() as d:
            job = await _drop(d, make_clip("b.mp4"))
            (d.inbox / "b.mp4").unlink()
            ended = await _finished(d, job)
            assert (ended.state, ended.reason_code) == (State.CANCELLED, "source")
            assert not list(d.output.iterdir())

    asyncio.run(go())


def test_a_script_that_changed_since_it_settled_is_not_sent(
    desk: MakeDesk, tmp_path: Path, proxy: Any
) -> None:
    async def go() -> None:
        async with desk(match="text") as d:
            script = tmp_path / "script.txt"
            script.write_text("First words.")
            job = await _drop(d, script)
            (d.inbox / "script.txt").write_text("Other words.")
            ended = await _finished(d, job)
            assert (ended.state, ended.reason_code) == (State.CANCELLED, "source")
        assert proxy.count("POST /run_sse") == 0

    asyncio.run(go())


def test_a_failed_job_dropped_again_goes_where_its_rule_says_now(
    desk: MakeDesk, make_clip: MakeClip, tmp_path: Path
) -> None:
    async def go() -> None:
        noise = tmp_path / "noise.mp4"
        noise.write_bytes(make_clip("a.mp4").read_bytes()[:2000])
        async with desk() as d:
            first = await _run(d, noise)
            assert first.state is State.FAILED
            assert (d.output / "noise-rule.FAILED.txt").exists()
        async with desk(output="elsewhere") as d:
            d.app.intake.forget(d.inbox / "noise.mp4")
            again = await _run(d, noise)
            assert (again.id, again.state) == (first.id, State.FAILED)
            assert (d.output / "noise-rule.FAILED.txt").exists()
        assert not list((tmp_path / "out").iterdir())

    asyncio.run(go())


def test_a_copy_whose_original_went_meanwhile_is_held_and_not_edited(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk() as d:
            first = await _run(d, make_clip("a.mp4"))
            second = await _run(d, make_clip("a.mp4"), "b.mp4")
            for job in (first, second):
                job.outputs[0].unlink()
            third = await _run(d, make_clip("a.mp4"), "c.mp4")
            assert (third.state, third.reason_code) == (State.HELD, "duplicate")
        assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


def test_an_answer_counts_though_the_balance_cannot_be_read_after_it(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        # The first reading comes before the message; the later ones, with all their tries, are lost.
        proxy.losses["GET /api/credits"] = ["none", *["request"] * 5]
        async with desk() as d:
            job = await _run(d, make_clip("a.mp4"))
            assert (job.state, job.credits) == (State.SUCCEEDED, None)
        assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


def test_an_error_after_a_charge_is_not_sent_again_by_a_retry(
    desk: MakeDesk, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        proxy.losses["POST /run_sse"] = ["error"]
        proxy.charge = 50
        async with desk() as d:
            failed = await _run(d, make_clip("a.mp4"))
            assert (failed.state, failed.reason_code) == (State.FAILED, "edit")
            now = d.app.bench.now()
            again = await d.app.store.write(lambda c: retry(c, failed, now))
            d.app.runner.wake()
            assert (await _finished(d, again.job)).state is State.FAILED
            assert proxy.asked == 1

    asyncio.run(go())


def test_a_result_never_replaces_its_own_source(desk: MakeDesk, make_clip: MakeClip) -> None:
    async def go() -> None:
        async with desk(output="in", name="{stem}", conflict="overwrite") as d:
            job = await _run(d, make_clip("a.mp4"))
            assert job.outputs == (d.inbox / "a-2.mp4",)
            assert (d.inbox / "a.mp4").read_bytes() == make_clip("a.mp4").read_bytes()

    asyncio.run(go())


def test_another_file_at_the_output_name_is_left_alone(desk: MakeDesk, make_clip: MakeClip) -> None:
    async def go() -> None:
        async with desk() as d:
            d.output.mkdir()
            (d.output / "a-rule.mp4").write_bytes(b"mine")
            job = await _run(d, make_clip("a.mp4"))
            assert job.outputs == (d.output / "a-rule-2.mp4",)
            assert (d.output / "a-rule.mp4").read_bytes() == b"mine"

    asyncio.run(go())
