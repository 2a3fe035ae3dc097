"""What a person's word changes: in the record, and in a job that a slot works on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import ReeldropError
from daemon.jobs import record
from daemon.jobs.model import Job, Outcome, Step
from daemon.jobs.states import FINISHED, IllegalMove, Move, State
from daemon.jobs.store import Store
from daemon.pipeline import orders
from daemon.pipeline.arrivals import Arrival
from daemon.pipeline.hooks import Happening, JobChanged, StepBegun
from daemon.pipeline.orders import ORDERS, Busy, Done
from daemon.pipeline.runner import take_up
from daemon.rules.match import RuleBook

MakeJob = Callable[..., Job]
MakeClip = Callable[[str], Path]
DEADLINE = 60.0

TAKES: dict[str, dict[State, State]] = {
    "cancel": dict.fromkeys((State.QUEUED, State.WAITING, State.HELD), State.CANCELLED),
    "hold": dict.fromkeys((State.QUEUED, State.WAITING, State.HELD), State.HELD),
    "resume": {State.HELD: State.QUEUED},
    "approve": {State.HELD: State.QUEUED},
    "ignore": {State.HELD: State.CANCELLED},
}
REASONS = {"resume": "user: held", "approve": "approval: dear", "ignore": "approval: dear"}


def _add(store: Store, job: Job) -> Job:
    store.write_now(lambda connection: record.add_job(connection, job))
    return job


def _give(store: Store, order: orders.Order, job: Job) -> Done | Busy:
    return store.write_now(lambda connection: order(connection, job, 50.0))


def _kept(store: Store, job: Job) -> Job:
    found = store.read(lambda connection: record.get_job(connection, job.id))
    assert found is not None
    return found


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("state", State)
def test_an_order_does_what_it_can_in_a_state_or_says_why_not_and_changes_nothing(
    store: Store, make_job: MakeJob, name: str, state: State
) -> None:
    reason = REASONS.get(name, "credits: none left") if state is State.HELD else None
    job = _add(store, make_job(state=state, reason=reason))
    if state in TAKES[name]:
        done = _give(store, ORDERS[name], job)
        assert isinstance(done, Done)
        assert done.job == _kept(store, job)
        assert done.job.state is TAKES[name][state]
    elif name in ("cancel", "hold") and state is State.RUNNING:
        assert _give(store, ORDERS[name], job) == Busy(job)
        assert _kept(store, job) == job
    else:
        with pytest.raises(ReeldropError, match=r"job \w+: clip\.mp4 .*" + state.value):
            _give(store, ORDERS[name], job)
        assert _kept(store, job) == job


def test_a_job_that_moved_meanwhile_is_not_overwritten(store: Store, make_job: MakeJob) -> None:
    job = _add(store, make_job(state=State.RUNNING))
    ended = store.write_now(lambda c: record.move(c, job, Move.SUCCEED, now=1.0))
    with pytest.raises(IllegalMove):
        store.write_now(lambda c: record.put_back(c, job, 2.0))
    assert _kept(store, job) == ended


def test_a_hold_waits_for_what_is_on_the_wire_and_outlives_the_daemon(
    store: Store, make_job: MakeJob, tmp_path: Path
) -> None:
    job = _add(store, make_job(state=State.RUNNING, step=Step.EDIT, folder=tmp_path / "out", base="clip"))
    done = _give(store, orders.hold, job)
    assert isinstance(done, Done)
    assert "is edited now, and is held as soon as that is through" in done.said
    [found] = asyncio.run(take_up(store, 2.0))
    assert (found.state, found.reason_code) == (State.HELD, "user")
    assert "reeldrop resume" in (tmp_path / "out" / "clip.HELD.txt").read_text()


def test_a_hold_that_has_not_come_about_yet_is_taken_back(store: Store, make_job: MakeJob) -> None:
    job = _add(store, make_job(state=State.RUNNING, step=Step.EDIT))
    _give(store, orders.hold, job)
    resumed = _give(store, orders.resume, _kept(store, job))
    assert (resumed.job.state, resumed.job.reason) == (State.RUNNING, None)
    assert store.read(lambda c: record.hold_asked(c, job)) is None


def test_a_hold_overrides_what_would_end_by_itself_and_nothing_else(store: Store, make_job: MakeJob) -> None:
    lost = _add(store, make_job(state=State.HELD, reason="maybe-paid: who knows", not_before=99.0))
    done = _give(store, orders.hold, lost)
    assert (done.job.reason_code, done.job.not_before) == ("user", None)
    asking = _add(store, make_job(state=State.HELD, reason="approval: dear", content="b"))
    assert _give(store, orders.hold, asking) == Done(asking, "is held already: approval: dear")


def test_a_retry_says_that_it_only_looks_where_an_instruction_may_have_been_paid(
    store: Store, make_job: MakeJob
) -> None:
    job = _add(store, make_job(state=State.CANCELLED, by="service", session_id="s"))
    sent = store.write_now(lambda c: record.open_step(c, job, Step.EDIT, 0, {}, 1.0))
    assert orders.resends(job, [sent])
    done = _give(store, orders.retry, job)
    assert isinstance(done, Done)
    assert "sent again only with --resend, which may pay twice" in done.said
    assert done.job.asked
    [kept] = store.read(lambda c: record.steps_of(c, job.id))
    assert kept.outcome is None


def test_only_resend_forgets_what_was_sent_and_not_what_is_confirmed(store: Store, make_job: MakeJob) -> None:
    job = _add(store, make_job(state=State.FAILED, by="service", session_id="s"))
    for step, index, outcome in (
        (Step.EDIT, 0, Outcome.DONE),
        (Step.CONFIRM, 0, Outcome.DONE),
        (Step.EDIT, 1, Outcome.REFUSED),
        (Step.EDIT, 1, Outcome.DONE),
        (Step.CONFIRM, 1, Outcome.FAILED),
    ):
        opened = store.write_now(
            partial(record.open_step, job=job, step=step, index=index, intent={}, now=1.0)
        )
        store.write_now(partial(record.close_step, record=opened, outcome=outcome, result={}, now=2.0))
    _give(store, partial(orders.retry, resend=True), job)
    kept = [step.outcome for step in store.read(lambda c: record.steps_of(c, job.id))]
    assert kept == [Outcome.DONE, Outcome.DONE, Outcome.REFUSED, Outcome.VOID, Outcome.VOID]


def test_a_rule_is_ordered_as_a_whole_and_only_what_the_order_concerns(
    store: Store, make_job: MakeJob
) -> None:
    ids = {}
    for number, (rule, state, reason) in enumerate(
        (
            ("r", State.QUEUED, None),
            ("r", State.HELD, "approval: dear"),
            ("r", State.HELD, "user: held"),
            ("r", State.SUCCEEDED, None),
            ("other", State.QUEUED, None),
        )
    ):
        job = make_job(rule=rule, state=state, reason=reason, content=str(number), created_at=float(number))
        ids[number] = _add(store, job).id

    def chosen(name: str, rule: str | None) -> list[str]:
        return store.read(lambda connection: orders.chosen(connection, name, rule))

    assert chosen("cancel", None) == [ids[0], ids[1], ids[2], ids[4]]
    assert chosen("hold", "r") == [ids[0]]
    assert chosen("resume", "r") == [ids[2]]
    assert chosen("approve", None) == chosen("ignore", "r") == [ids[1]]


def test_a_finished_job_has_no_order_but_retry_and_redo() -> None:
    assert not any(state in TAKES[name] for name in ORDERS for state in FINISHED)


async def _drop(d: Any, clip: Path) -> Job:
    path: Path = d.inbox / clip.name
    path.write_bytes(clip.read_bytes())
    found = path.stat()
    match = RuleBook(d.app.config.rules).match(path)
    assert match is not None
    stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    job: Job = await d.app.intake.take(Arrival(match, path, stat))
    return job


async def _ordered(d: Any, command: str, **asked: object) -> list[dict[str, Any]]:
    return [line async for line in d.app.commands[command](asked)]


def _begun(d: Any, job: Job, step: Step) -> asyncio.Event:
    """Set when the job begins this step."""
    seen = asyncio.Event()

    def look(happening: Happening) -> None:
        if isinstance(happening, StepBegun) and (happening.job.id, happening.step) == (job.id, step):
            seen.set()

    d.app.listen(look)
    for happening in d.told:
        look(happening)
    return seen


class Gate:
    """Lets a proxy hold back the answers to a call until it is opened."""

    def __init__(self, proxy: Any, call: bytes) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        passes = proxy._answer

        async def answer(head: bytes, body: bytes) -> bytes:
            whole: bytes = await passes(head, body)
            if head.startswith(call):
                self.reached.set()
                await self.opened.wait()
            return whole

        proxy._answer = answer


def test_an_edit_under_way_is_heard_to_its_end_before_its_job_is_held(
    desk: Any, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        gate = Gate(proxy, b"POST /run_sse")
        async with desk() as d:
            job = await _drop(d, make_clip("a.mp4"))
            await asyncio.wait_for(gate.reached.wait(), DEADLINE)
            [told] = await _ordered(d, "hold", ids=[job.id])
            assert (told["job"]["state"], "is edited now" in told["said"]) == ("running", True)
            gate.opened.set()
            held = await asyncio.wait_for(d.app.finished(job), DEADLINE)
            assert (held.state, held.reason_code, held.step) == (State.HELD, "user", Step.CONFIRM)
            assert (d.output / "a-rule.HELD.txt").exists()
            assert proxy.count("POST /run_sse") == 1

            [told] = await _ordered(d, "resume", ids=[job.id])
            assert told["said"] == "queued again"
            assert (await asyncio.wait_for(d.app.finished(job), DEADLINE)).state is State.SUCCEEDED
            assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


def test_a_job_whose_answer_is_lost_under_a_hold_is_held_and_not_looked_into(
    desk: Any, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        gate = Gate(proxy, b"POST /run_sse")
        proxy.losses["POST /run_sse"] = ["answer"]
        async with desk() as d:
            job = await _drop(d, make_clip("a.mp4"))
            await asyncio.wait_for(gate.reached.wait(), DEADLINE)
            await _ordered(d, "hold", ids=[job.id])
            gate.opened.set()
            held = await asyncio.wait_for(d.app.finished(job), DEADLINE)
            assert (held.state, held.reason_code, held.not_before) == (State.HELD, "user", None)
            assert (d.output / "a-rule.HELD.txt").exists()
            await _ordered(d, "resume", ids=[job.id])
            assert (await asyncio.wait_for(d.app.finished(job), DEADLINE)).state is State.SUCCEEDED
            assert proxy.count("POST /run_sse") == 1

    asyncio.run(go())


def test_a_render_under_way_is_left_to_the_editor_by_a_hold_and_fetched_by_a_resume(
    desk: Any, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        gate = Gate(proxy, b"GET /api/render/proxy/lambda/")
        async with desk() as d:
            job = await _drop(d, make_clip("a.mp4"))
            await asyncio.wait_for(gate.reached.wait(), DEADLINE)
            # No answer comes before the gate opens: it is held although it listens for one.
            [told] = await _ordered(d, "hold", ids=[job.id])
            assert (told["job"]["state"], told["said"]) == ("held", "held until it is resumed")
            gate.opened.set()
            render = d.app.job(job.id).render_id
            await _ordered(d, "resume", ids=[job.id])
            done = await asyncio.wait_for(d.app.finished(job), DEADLINE)
            assert (done.state, done.render_id) == (State.SUCCEEDED, render)

    asyncio.run(go())


def test_a_cancel_that_comes_while_the_result_is_put_in_place_comes_too_late(
    desk: Any, make_clip: MakeClip, proxy: Any
) -> None:
    async def go() -> None:
        async with desk() as d:
            told: list[asyncio.Task[list[dict[str, Any]]]] = []

            def cancel(happening: Happening) -> None:
                if isinstance(happening, StepBegun) and happening.step is Step.DELIVER:
                    told.append(asyncio.create_task(_ordered(d, "cancel", ids=[happening.job.id])))

            d.app.listen(cancel)
            job = await _drop(d, make_clip("a.mp4"))
            done = await asyncio.wait_for(d.app.finished(job), DEADLINE)
            [[answer]] = await asyncio.gather(*told)
            assert done.state is State.SUCCEEDED
            assert "a.mp4 has ended already: succeeded as" in answer["said"]
            assert {file.suffix for file in d.output.iterdir()} == {".mp4", ".json", ".log"}

    asyncio.run(go())


def test_a_cancel_that_comes_with_the_start_of_a_job_does_not_wait_for_its_end(
    open_desk: Any, make_clip: MakeClip, service: Any
) -> None:
    async def go() -> None:
        async with open_desk(service.url, service.token, ["trim to 1 s"], jobs=1) as d:
            told: list[asyncio.Task[Any]] = []

            def cancel(happening: Happening) -> None:
                if isinstance(happening, JobChanged) and happening.job.state is State.RUNNING:
                    order = partial(
                        orders.carry_out, order=orders.cancel, prefixes=[happening.job.id], now=1.0
                    )
                    told.append(asyncio.create_task(d.app.runner.without(happening.job.id, order)))

            d.app.listen(cancel)
            job = await d.drop(make_clip("a.mp4"))
            await d.told_of(job, State.RUNNING)
            [[done]] = await asyncio.gather(*told)
            assert isinstance(done, Done), done
            assert d.app.job(job.id).state is State.CANCELLED

    asyncio.run(go())


def test_a_cancel_at_every_step_leaves_a_cancelled_job_that_a_retry_delivers_paid_once(
    open_desk: Any, make_clip: MakeClip, service: Any
) -> None:
    ledger: Path = service.folder / "ledger.jsonl"

    def messages() -> int:
        return ledger.read_text().count('"message"') if ledger.exists() else 0

    async def go() -> None:
        before = messages()
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as d:
            for step in (Step.SESSION, Step.UPLOAD, Step.EDIT, Step.CONFIRM, Step.RENDER, Step.DOWNLOAD):
                job = await d.drop(make_clip(f"{step}.mp4"))
                await asyncio.wait_for(_begun(d, job, step).wait(), DEADLINE)
                [told] = await _ordered(d, "cancel", ids=[job.id])
                assert told["job"]["state"] == "cancelled", told
                assert not [file for file in d.output.iterdir() if job.id in file.name]
                [told] = await _ordered(d, "retry", ids=[job.id])
                assert told["job"]["state"] == "queued"
                done = await d.ended(job)
                assert done.state is State.SUCCEEDED, done.reason
        assert messages() - before == 6

    asyncio.run(go())
