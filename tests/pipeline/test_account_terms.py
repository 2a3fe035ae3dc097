"""What an account allows: credits, plan, token, pace, questions; against a studio that has such terms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs import record
from daemon.jobs.model import Job
from daemon.jobs.states import Move, State
from daemon.nemo.account import TOKEN_LIFE
from daemon.pipeline.orders import Done, retry

MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]
MakeStudio = Callable[[str], AbstractContextManager[Any]]


def ledger(service: Any, what: str) -> list[dict[str, Any]]:
    lines = (service.folder / "ledger.jsonl").read_text().splitlines()
    return [one for one in map(json.loads, lines) if one["what"] == what]


def rewrite(service: Any, faults: str) -> None:
    (service.folder.parent / "faults.yaml").write_text(faults)


async def retried(desk: Any, job: Job, *, resend: bool = False) -> Job:
    now = desk.app.bench.now()
    done: Done = await desk.app.store.write(lambda c: retry(c, desk.app.job(job.id), now, resend=resend))
    desk.app.runner.wake()
    return done.job


def log_of(desk: Any, job: Job) -> str:
    return "\n".join(entry.text for entry in desk.app.store.read(lambda c: record.timeline_of(c, job.id)))


def test_jobs_that_cannot_be_paid_are_held_paid_ones_are_delivered_and_all_go_on_when_credits_are_back(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    poor = "service: {prices: {edit: 50}, credits: %d}"

    async def go() -> None:
        with studio(poor % 60) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"], jobs=1) as desk:
                jobs = [await desk.drop(make_clip(f"poor-{n}.mp4")) for n in range(4)]
                ended = [await desk.ended(job) for job in jobs]
                assert [job.state for job in ended] == [State.SUCCEEDED, *[State.HELD] * 3]
                assert {job.reason_code for job in ended[1:]} == {"credits"}
                assert all("Top up" in str(job.reason) for job in ended[1:])
                assert ended[0].credits == 50.0
                assert len(ledger(service, "edited")) == 1
                # Only one of the others asked; the rest knew, and opened not even a session.
                assert len(ledger(service, "session")) == 2
                await desk.app.look_at_account()
                assert desk.app.job(jobs[1].id).state is State.HELD
                rewrite(service, poor % 1000)
                await desk.app.look_at_account()
                ended = [await desk.ended(job) for job in jobs]
                assert [job.state for job in ended] == [State.SUCCEEDED] * 4
                assert len(ledger(service, "edited")) == 4

    asyncio.run(go())


def test_a_stranger_without_credits_is_told_where_to_register(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {prices: {edit: 50}, credits: 10, anonymous: {credits: 10}}") as service:
            async with open_desk(service.url, "", ["trim to 1 s"]) as desk:
                job = await desk.ended(await desk.drop(make_clip("stranger.mp4")))
                assert (job.state, job.reason_code) == (State.HELD, "credits")
                account = ledger(service, "token")[0]["account"]
                assert f"https://nemovideo.com/?bind={account}" in str(job.reason)
                note = (desk.output / "stranger-rule.HELD.txt").read_text()
                assert account in note

    asyncio.run(go())


def test_a_plan_that_forbids_exports_stops_every_new_paid_step_and_lets_go_when_it_is_upgraded(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {plan: free}") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                jobs = [await desk.drop(make_clip(f"plan-{n}.mp4")) for n in range(4)]
                ended = [await desk.ended(job) for job in jobs]
                assert {(job.state, job.reason_code) for job in ended} == {(State.HELD, "subscription")}
                # One alone found out, since the account had never exported.
                assert len(ledger(service, "message")) == 1
                assert (ended[0].not_before is None, ended[1].not_before is None) == (False, True)
                rewrite(service, "service: {plan: paid}")
                await retried(desk, ended[0])
                ended = [await desk.ended(job) for job in jobs]
                assert [job.state for job in ended] == [State.SUCCEEDED] * 4
                assert len(ledger(service, "message")) == 4

    asyncio.run(go())


def test_a_rate_limit_holds_up_all_jobs_at_once_and_costs_none_an_attempt(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    faults = """
faults:
  - {call: run, nth: 2, then: {status: 429, retry_after: 1s}}
  - {call: state, nth: 9, then: {status: 429, retry_after_date: 2s}}
"""

    async def go() -> None:
        with studio(faults) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                first = await desk.ended(await desk.drop(make_clip("proof.mp4")))
                assert first.state is State.SUCCEEDED
                jobs = [await desk.drop(make_clip(f"rate-{n}.mp4")) for n in range(4)]
                ended = [await desk.ended(job) for job in jobs]
                assert [(job.state, job.attempt) for job in ended] == [(State.SUCCEEDED, 1)] * 4
                assert len(ledger(service, "message")) == 5
                waits = [told.job.reason or "" for told in desk.told if told.job.state is State.WAITING]
                assert waits and all(reason.startswith("gate: ") for reason in waits)

    asyncio.run(go())


def test_a_token_that_is_refused_holds_all_jobs_and_a_new_one_lets_them_go_on(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    faults = "faults: [{call: upload, then: {status: 401, code: 1001}}]"

    async def go() -> None:
        with studio(faults) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                jobs = [await desk.drop(make_clip(f"token-{n}.mp4")) for n in range(3)]
                ended = [await desk.ended(job) for job in jobs]
                assert {(job.state, job.reason_code) for job in ended} == {(State.HELD, "token")}
                assert len(ledger(service, "session")) == 1
                rewrite(service, "faults: []")
                await desk.app.look_at_account()
                assert {(await desk.ended(job)).state for job in jobs} == {State.SUCCEEDED}

    asyncio.run(go())


def test_jobs_that_find_the_starter_token_ended_at_the_same_moment_fetch_one_new_one(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {anonymous: {credits: 1000, life: 7d}}") as service:
            async with open_desk(service.url, "", ["trim to 1 s"]) as desk:
                assert (await desk.ended(await desk.drop(make_clip("before.mp4")))).state is State.SUCCEEDED
                kept = desk.app.config.state / "token.json"
                told = json.loads(kept.read_text())
                kept.write_text(json.dumps({**told, "asked_at": told["asked_at"] - TOKEN_LIFE}))
                # The studio gives a second one: what it gave first has ended for it too.
                rewrite(service, "service: {anonymous: {credits: 1000, one_each: false}}")
                jobs = [await desk.drop(make_clip(f"after-{n}.mp4")) for n in range(4)]
                ended = [await desk.ended(job) for job in jobs]
                assert {job.state for job in ended} == {State.SUCCEEDED}, [job.reason for job in ended]
                assert len(ledger(service, "token")) == 2
                assert kept.stat().st_mode & 0o777 == 0o600

    asyncio.run(go())


@pytest.mark.parametrize("ask", ["tool", "text"])
def test_a_question_is_answered_once_as_the_rule_says(
    ask: str, studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    faults = f"faults: [{{call: run, nth: 1, then: {{question: 'Which colour?', ask: {ask}}}}}]"

    async def go() -> None:
        with studio(faults) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"], answer="blue, please") as desk:
                job = await desk.ended(await desk.drop(make_clip("asked.mp4")))
                assert job.state is State.SUCCEEDED, job.reason
                assert len(ledger(service, "message")) == 2
                told = log_of(desk, job)
                assert "Which colour?" in told and "blue, please" in told

    asyncio.run(go())


def test_a_second_question_is_held_for_a_person_who_may_send_the_instruction_again(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    faults = """
faults:
  - {call: run, nth: [1, 2], then: {question: "Which colour?", ask: tool}}
service: {prices: {edit: 50}, credits: 1000}
"""

    async def go() -> None:
        with studio(faults) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                job = await desk.ended(await desk.drop(make_clip("twice.mp4")))
                assert (job.state, job.reason_code) == (State.HELD, "question")
                assert "Which colour?" in str(job.reason)
                await retried(desk, job)
                assert (await desk.ended(job)).state is State.HELD
                assert len(ledger(service, "message")) == 2
                await retried(desk, job, resend=True)
                assert (await desk.ended(job)).state is State.SUCCEEDED
                assert len(ledger(service, "message")) == 3

    asyncio.run(go())


def test_an_instruction_that_asks_for_the_export_alone_pays_nothing(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {prices: {edit: 50}, credits: 10}") as service:
            async with open_desk(service.url, service.token, ["export the video"]) as desk:
                job = await desk.ended(await desk.drop(make_clip("as-is.mp4")))
                assert job.state is State.SUCCEEDED, job.reason
                assert ledger(service, "message") == []

    asyncio.run(go())


@pytest.mark.parametrize("shape", ["plain", "agent"])
@pytest.mark.parametrize("render_shape", ["A", "B"])
def test_both_public_shapes_of_the_protocol_deliver(
    shape: str, render_shape: str, studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio(f"service: {{shape: {shape}, render_shape: {render_shape}}}") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s", "add a title 'Hi'"]) as desk:
                job = await desk.ended(await desk.drop(make_clip("shape.mp4")))
                assert job.state is State.SUCCEEDED, job.reason
                assert log_of(desk, job).count("the editor used add_text") == 1

    asyncio.run(go())


def test_an_export_waits_until_the_second_stage_has_settled(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("faults: [{call: run, then: {second_stage: 1ms}}]") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                job = await desk.ended(await desk.drop(make_clip("stages.mp4")))
                assert job.state is State.SUCCEEDED, job.reason
                assert len(ledger(service, "render")) == 1

    asyncio.run(go())


def test_a_plan_that_was_blamed_for_one_message_is_tried_again_and_stops_nobody_for_ever(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    faults = "faults: [{call: run, nth: 1, then: {status: 402}}]"

    async def go() -> None:
        with studio(faults) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                jobs = [await desk.drop(make_clip(f"blamed-{n}.mp4")) for n in range(3)]
                ended = [await desk.ended(job) for job in jobs]
                assert {(job.state, job.reason_code) for job in ended} == {(State.HELD, "subscription")}
                assert sum(job.not_before is not None for job in ended) == 1
                blamed = next(job for job in ended if job.not_before is not None)
                await retried(desk, blamed)
                assert {(await desk.ended(job)).state for job in jobs} == {State.SUCCEEDED}

    asyncio.run(go())


def test_where_nobody_is_left_to_find_out_about_the_plan_another_one_does(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {plan: free}") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                jobs = [await desk.drop(make_clip(f"left-{n}.mp4")) for n in range(3)]
                ended = [await desk.ended(job) for job in jobs]
                at_export = next(job for job in ended if job.not_before is not None)
                rewrite(service, "service: {plan: paid}")
                now = desk.app.bench.now()
                await desk.app.store.write(
                    lambda c: record.move(c, at_export, Move.CANCEL, now=now, reason="user: cancelled")
                )
                await desk.app.look_at_account()
                for job in jobs:
                    if job.id != at_export.id:
                        await desk.told_of(job, State.SUCCEEDED)

    asyncio.run(go())


def test_jobs_held_for_a_token_go_on_when_the_daemon_starts_with_another_one(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("faults: []") as service:
            async with open_desk(service.url, "nmv_usr_wrong", ["trim to 1 s"]) as desk:
                jobs = [await desk.drop(make_clip(f"wrong-{n}.mp4")) for n in range(2)]
                ended = [await desk.ended(job) for job in jobs]
                assert {(job.state, job.reason_code) for job in ended} == {(State.HELD, "token")}
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                for job in jobs:
                    await desk.told_of(job, State.SUCCEEDED)

    asyncio.run(go())


def test_a_job_of_another_account_waits_alone(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("faults: [{call: upload, then: {status: 401}}]") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                foreign = await desk.ended(await desk.drop(make_clip("foreign.mp4")))
                assert foreign.session_id is not None
            rewrite(service, "service: {anonymous: {credits: 1000}}")
            async with open_desk(service.url, "", ["trim to 1 s"]) as desk:
                mine = await desk.ended(await desk.drop(make_clip("mine.mp4")))
                assert mine.state is State.SUCCEEDED, mine.reason
                left = desk.app.job(foreign.id)
                assert (left.state, left.reason_code) == (State.HELD, "token")
                assert "another account" in str(left.reason)

    asyncio.run(go())
