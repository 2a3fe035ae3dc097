"""What is read from the record and written to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from daemon.errors import UsageError
from daemon.jobs import accounts, files, record
from daemon.jobs.model import Bar, Job, Outcome, Record, Source, Step
from daemon.jobs.states import IllegalMove, Move, State
from daemon.jobs.store import Store

MakeJob = Callable[..., Job]


def _add(store: Store, *jobs: Job) -> None:
    for job in jobs:
        store.write_now(partial(record.add_job, job=job))


def _claim(store: Store, now: float = 100.0) -> Job | None:
    return store.write_now(lambda connection: record.claim(connection, now))


def _move(store: Store, job: Job, move: Move, **changes: Any) -> Job:
    return store.write_now(lambda connection: record.move(connection, job, move, now=1.0, **changes))


def test_jobs_start_by_priority_then_by_age(store: Store, make_job: MakeJob) -> None:
    late = make_job(created_at=2.0, content="a")
    early = make_job(created_at=1.0, content="b")
    urgent = make_job(created_at=3.0, priority=5, content="c")
    _add(store, late, early, urgent)
    assert [job.id for job in (_claim(store), _claim(store), _claim(store)) if job] == [
        urgent.id,
        early.id,
        late.id,
    ]
    assert _claim(store) is None


def test_a_waiting_job_starts_when_its_time_has_come_and_not_before(store: Store, make_job: MakeJob) -> None:
    _add(store, make_job())
    job = _claim(store)
    assert job is not None
    _move(store, job, Move.PARK, reason="retry: later", not_before=50.0)
    assert _claim(store, now=49.0) is None
    assert store.read(lambda connection: record.next_due(connection, 49.0)) == 50.0
    taken = _claim(store, now=50.0)
    assert taken is not None and taken.state is State.RUNNING


def test_a_held_job_stays_held_unless_it_names_a_time(store: Store, make_job: MakeJob) -> None:
    _add(store, make_job())
    job = _claim(store)
    assert job is not None
    held = _move(store, job, Move.HOLD, reason="credits: none left")
    assert _claim(store, now=1e12) is None
    _move(store, held, Move.RETRY)
    assert _claim(store) is not None


def test_a_second_job_of_the_same_content_waits_for_the_first(store: Store, make_job: MakeJob) -> None:
    first, second = make_job(created_at=1.0), make_job(created_at=2.0)
    _add(store, first, second)
    running = _claim(store)
    assert running is not None and running.id == first.id
    assert _claim(store) is None
    _move(store, running, Move.FAIL, reason="edit: no")
    after = _claim(store)
    assert after is not None and after.id == second.id


def test_an_editor_whose_gate_is_shut_gets_no_job_and_the_other_one_does(
    store: Store, make_job: MakeJob
) -> None:
    paid = make_job(created_at=1.0, content="a", by="service")
    free = make_job(created_at=2.0, content="b")
    _add(store, paid, free)
    first = store.write_now(lambda connection: record.claim(connection, 5.0, shut=["service"]))
    assert first is not None and first.id == free.id
    assert store.write_now(lambda connection: record.claim(connection, 5.0, shut=["service"])) is None


def test_one_job_alone_works_with_an_editor_that_has_to_prove_itself(store: Store, make_job: MakeJob) -> None:
    jobs = [make_job(created_at=float(n), content=f"c{n}", by="service") for n in range(3)]
    _add(store, *jobs, make_job(created_at=9.0, content="free"))

    def claim(now: float) -> Job | None:
        return store.write_now(lambda connection: record.claim(connection, now, alone=["service"]))

    first, beside = claim(5.0), claim(5.0)
    assert first is not None and first.id == jobs[0].id
    assert beside is not None and beside.made_by == "embedded"
    assert claim(5.0) is None
    store.write_now(lambda connection: record.set_job(connection, first, now=5.0, session_id="s"))
    parked = _move(store, first, Move.PARK, not_before=20.0)
    assert claim(10.0) is None
    again = claim(20.0)
    assert again is not None and again.id == parked.id
    _move(store, again, Move.HOLD)
    second = claim(20.0)
    assert second is not None and second.id == jobs[1].id


def test_a_job_that_waits_without_a_session_keeps_nobody_from_being_first(
    store: Store, make_job: MakeJob
) -> None:
    jobs = [make_job(created_at=float(n), content=f"c{n}", by="service") for n in range(2)]
    _add(store, *jobs)
    first = _claim(store)
    assert first is not None
    _move(store, first, Move.PARK, not_before=1000.0)
    second = store.write_now(lambda connection: record.claim(connection, 5.0, alone=["service"]))
    assert second is not None and second.id == jobs[1].id


def test_what_was_held_for_the_account_is_queued_when_that_is_over_and_nothing_else(
    store: Store, make_job: MakeJob
) -> None:
    made = {
        "credits": make_job(content="a", by="service"),
        "question": make_job(content="b", by="service"),
        "credits here": make_job(content="c"),
    }
    _add(store, *made.values())
    for why, job in made.items():
        _move(store, _move(store, job, Move.START), Move.HOLD, reason=f"{why.partition(' ')[0]}: no")
    free = store.write_now(lambda c: record.release_held(c, "service", {"credits"}, 2.0))
    assert [job.id for job in free] == [made["credits"].id]
    assert free[0].state is State.QUEUED


def test_an_account_is_barred_for_each_reason_by_itself(store: Store) -> None:
    def bars() -> dict[str, Bar]:
        return dict(store.read(lambda c: accounts.account(c, "here#1")).bars)

    assert bars() == {}
    store.write_now(lambda c: accounts.set_bar(c, "here#1", "credits", Bar("none left", 3.0)))
    store.write_now(lambda c: accounts.set_bar(c, "here#1", "subscription", Bar("free plan")))
    assert bars() == {"credits": Bar("none left", 3.0), "subscription": Bar("free plan")}
    store.write_now(lambda c: accounts.set_bar(c, "here#1", "credits", None))
    store.write_now(lambda c: accounts.exported(c, "here#1", 7.0))
    store.write_now(lambda c: accounts.exported(c, "here#1", 9.0))
    assert bars() == {"subscription": Bar("free plan")}
    assert store.read(lambda c: accounts.account(c, "here#1")).exported_at == 7.0
    assert store.read(lambda c: accounts.account(c, "here#2")).bars == {}


def test_an_illegal_move_raises_and_changes_nothing(store: Store, make_job: MakeJob) -> None:
    job = make_job()
    _add(store, job)
    with pytest.raises(IllegalMove):
        _move(store, job, Move.SUCCEED)
    assert store.read(lambda connection: record.get_job(connection, job.id)) == job


def test_what_a_dead_daemon_left_running_is_queued_again(store: Store, make_job: MakeJob) -> None:
    _add(store, make_job())
    _claim(store)
    assert [job.state for job in store.write_now(lambda connection: record.recover(connection, 5.0))] == [
        State.QUEUED
    ]


def test_an_intent_stands_in_the_record_before_its_result(store: Store, make_job: MakeJob) -> None:
    job = make_job()
    _add(store, job)
    opened = store.write_now(lambda c: record.open_step(c, job, Step.EDIT, 0, {"sent_at": 1.0}, 1.0))
    (found,) = store.read(lambda connection: record.steps_of(connection, job.id))
    assert (found.outcome, found.intent) == (None, {"sent_at": 1.0})
    store.write_now(lambda c: record.close_step(c, opened, Outcome.DONE, {"text": "ok"}, 2.0))
    (found,) = store.read(lambda connection: record.steps_of(connection, job.id))
    assert (found.outcome, found.result) == (Outcome.DONE, {"text": "ok"})


def test_other_paid_steps_are_counted_only_while_they_were_open(store: Store, make_job: MakeJob) -> None:
    mine, other = make_job(account="a"), make_job(account="a", content="x")
    _add(store, mine, other)
    my_edit = store.write_now(lambda c: record.open_step(c, mine, Step.EDIT, 0, {}, 10.0))
    their_edit = store.write_now(lambda c: record.open_step(c, other, Step.EDIT, 0, {}, 5.0))

    def others(since: float) -> int:
        return store.read(lambda connection: record.paid_between(connection, "a", since, my_edit.id, 60.0))

    assert others(10.0) == 1
    assert others(65.0) == 1
    # What has no answer for so long is decided: nothing is done to it any more.
    assert others(65.1) == 0
    store.write_now(lambda c: record.close_step(c, their_edit, Outcome.DONE, {}, 9.0))
    assert others(10.0) == 0
    assert others(8.0) == 1


def test_a_message_that_nobody_listens_to_is_unclear_for_the_other_jobs(
    store: Store, make_job: MakeJob
) -> None:
    lost, other = make_job(account="a"), make_job(account="a", content="x")
    _add(store, lost, other)
    edit = store.write_now(lambda c: record.open_step(c, lost, Step.EDIT, 0, {}, 10.0))

    def unclear(*heard: Job) -> bool:
        ids = [job.id for job in heard]
        return store.read(lambda connection: record.is_unclear(connection, "a", ids, 60.0))

    assert unclear() and unclear(other) and not unclear(lost, other)
    running = _move(store, lost, Move.START)
    assert unclear(other), "a daemon that died had sent it, and this one has not looked yet"
    looks_once_more = _move(store, running, Move.HOLD, not_before=99.0)
    assert unclear(other)
    _move(store, _move(store, looks_once_more, Move.START), Move.HOLD)
    assert not unclear(other), "it was left to a person for good"
    store.write_now(lambda c: record.close_step(c, edit, Outcome.DONE, {}, 11.0))
    assert not unclear(other)


def test_nobody_gives_way_to_a_message_of_which_the_balance_cannot_tell(
    store: Store, make_job: MakeJob
) -> None:
    lost, beside = make_job(account="a"), make_job(account="a", content="x")
    _add(store, lost, beside)
    store.write_now(lambda c: record.open_step(c, lost, Step.EDIT, 0, {}, 10.0))
    paid = store.write_now(lambda c: record.open_step(c, beside, Step.EDIT, 0, {}, 9.0))
    store.write_now(lambda c: record.close_step(c, paid, Outcome.DONE, {}, 11.0))
    assert not store.read(lambda connection: record.is_unclear(connection, "a", [], 60.0))


def test_a_lost_answer_is_remembered_for_some_messages(store: Store, make_job: MakeJob) -> None:
    job, other = make_job(account="a"), make_job(account="b", content="x")
    _add(store, job, other)

    def send(intent: Record, outcome: Outcome | None, result: Record) -> None:
        def change(connection: Connection) -> None:
            sent = record.open_step(connection, job, Step.EDIT, 0, intent, float(next(clock)))
            if outcome is not None:
                record.close_step(connection, sent, outcome, result, float(next(clock)))

        store.write_now(change)

    def lost(last: int, heard: tuple[str, ...] = ()) -> bool:
        return store.read(lambda connection: record.has_lost(connection, "a", heard, last))

    clock = count(1)
    send({}, Outcome.DONE, {})
    assert not lost(9)
    send({"looks": 2}, Outcome.REFUSED, {})
    send({}, Outcome.DONE, {})
    assert lost(2) and not lost(1)
    send({}, Outcome.DONE, {"reconciled": True})
    assert lost(1)
    send({}, None, {})
    assert lost(1) and not lost(1, heard=(job.id,))
    assert not store.read(lambda connection: record.has_lost(connection, "b", [], 9))


def test_a_base_name_belongs_to_one_job(store: Store, make_job: MakeJob) -> None:
    mine, other = make_job(), make_job(content="x")
    _add(store, mine, other)
    assert store.write_now(lambda connection: record.reserve(connection, mine, "clip"))
    assert store.write_now(lambda connection: record.reserve(connection, mine, "clip"))
    assert not store.write_now(lambda connection: record.reserve(connection, other, "clip"))


def test_a_job_is_found_by_the_beginning_of_its_id(store: Store, make_job: MakeJob) -> None:
    _add(store, make_job(id="aab00000"), make_job(id="aac00000"))
    assert store.read(lambda connection: record.find_job(connection, "aab")).id == "aab00000"
    for wrong in ("aa", "zz", "%"):
        with pytest.raises(UsageError):
            store.read(partial(record.find_job, prefix=wrong))


def test_a_renamed_file_keeps_being_known(store: Store) -> None:
    source = Source(Path("/in/a.mp4"), 1, 2, 3, 4, "c")
    store.write_now(lambda connection: files.remember(connection, [source]))
    store.write_now(lambda connection: files.moved(connection, Path("/in/a.mp4"), Path("/in/b.mp4")))
    assert store.read(lambda connection: files.known(connection, Path("/in/a.mp4"))) is None
    known = store.read(lambda connection: files.known(connection, Path("/in/b.mp4")))
    assert known is not None and known.is_same(1, 2, 3, 4)
    store.write_now(lambda connection: files.mark_gone(connection, [Path("/in/b.mp4")], 9.0))
    gone = store.read(lambda connection: files.known(connection, Path("/in/b.mp4")))
    assert gone is not None and not gone.is_same(1, 2, 3, 4)
    store.write_now(lambda connection: files.remember(connection, [replace(source, path=Path("/in/b.mp4"))]))
    back = store.read(lambda connection: files.known(connection, Path("/in/b.mp4")))
    assert back is not None and back.gone_at is None


def test_an_unfinished_job_follows_its_file_and_no_other_does(store: Store, make_job: MakeJob) -> None:
    here, there = Path("/in/a.mp4"), Path("/in/b.mp4")
    mine = make_job(path=str(here), content="a")
    done = make_job(path=str(here), content="a", state=State.SUCCEEDED)
    copy = make_job(path="/in/copy of a.mp4", content="a")
    stood_here = make_job(path=str(here), content="before")
    _add(store, mine, done, copy, stood_here)

    def rename(connection: Connection) -> None:
        files.remember(connection, [mine.source])
        files.moved(connection, here, there)
        record.repath(connection, here, there)

    store.write_now(rename)
    jobs = {job.id: job.source.path for job in store.read(lambda connection: record.list_jobs(connection))}
    assert jobs == {mine.id: there, done.id: here, copy.id: copy.source.path, stood_here.id: here}


def test_what_waits_for_another_days_budget_is_queued_at_the_start_and_nothing_else(
    store: Store, make_job: MakeJob
) -> None:
    waiting = {"state": State.WAITING, "not_before": 9e9}
    parked = make_job(content="a", reason="budget: tomorrow", **waiting)
    others = [
        make_job(content="b", reason="retry: in a while", **waiting),
        make_job(content="c", state=State.HELD, reason="budget: never"),
    ]
    _add(store, parked, *others)
    store.write_now(lambda connection: record.release_budgets(connection, 5.0))
    found = {job.id: job for job in store.read(lambda connection: record.list_jobs(connection))}
    assert found[parked.id] == replace(
        parked, state=State.QUEUED, reason=None, not_before=None, updated_at=5.0
    )
    assert [found[job.id] for job in others] == others


def test_the_oldest_of_those_held_finds_out_unless_one_is_at_it(store: Store, make_job: MakeJob) -> None:
    why = {"by": "service", "reason": "subscription: the plan has no exports"}
    held = [make_job(content=f"{n}", state=State.HELD, created_at=float(n), **why) for n in (2, 1, 3)]
    elsewhere = make_job(content="e", state=State.HELD, reason="subscription: no")
    at_it = make_job(content="at it", state=State.RUNNING, **why)
    _add(store, *held, elsewhere, at_it)

    def tries() -> list[str]:
        store.write_now(lambda c: record.have_one_try(c, "service", "subscription", 50.0))
        found = store.read(lambda connection: record.list_jobs(connection, states=[State.HELD]))
        return [job.id for job in found if job.not_before == 50.0]

    assert tries() == []
    _move(store, at_it, Move.FAIL, reason="render: no")
    assert tries() == [held[1].id]
    assert tries() == [held[1].id]


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_time_that_the_set_clock_has_given_itself_is_not_moved_with_the_others(
    store: Store, make_job: MakeJob, jump: float
) -> None:
    now = 1_000_000.0  # as the clock says since it was set, 20 seconds after the last look at it
    before = make_job(state=State.WAITING, not_before=now - jump + 30.0, updated_at=now - jump - 25.0)
    after = make_job(state=State.WAITING, not_before=now + 30.0, updated_at=now - 5.0, content="x")
    _add(store, before, after)
    store.write_now(lambda connection: record.shift_waits(connection, jump, now - 20.0, now))
    times = [store.read(partial(record.get_job, job_id=job.id)) for job in (before, after)]
    assert [job and job.not_before for job in times] == [now + 30.0, now + 30.0]
