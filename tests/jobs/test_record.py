"""What is read from the record and written to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import UsageError
from daemon.jobs import files, record
from daemon.jobs.model import Job, Outcome, Source, Step
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
        return store.read(lambda connection: record.paid_between(connection, "a", since, my_edit.id))

    assert others(10.0) == 1
    store.write_now(lambda c: record.close_step(c, their_edit, Outcome.DONE, {}, 9.0))
    assert others(10.0) == 0
    assert others(8.0) == 1


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
    store.write_now(lambda connection: files.remember(connection, source))
    store.write_now(lambda connection: files.moved(connection, Path("/in/a.mp4"), Path("/in/b.mp4")))
    assert store.read(lambda connection: files.known(connection, Path("/in/a.mp4"))) is None
    known = store.read(lambda connection: files.known(connection, Path("/in/b.mp4")))
    assert known is not None and known.is_same(1, 2, 3, 4)
    store.write_now(lambda connection: files.mark_gone(connection, [Path("/in/b.mp4")], 9.0))
    gone = store.read(lambda connection: files.known(connection, Path("/in/b.mp4")))
    assert gone is not None and not gone.is_same(1, 2, 3, 4)
    store.write_now(lambda connection: files.remember(connection, replace(source, path=Path("/in/b.mp4"))))
    back = store.read(lambda connection: files.known(connection, Path("/in/b.mp4")))
    assert back is not None and back.gone_at is None
