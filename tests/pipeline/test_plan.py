"""Which step comes next, from the record alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.jobs.model import Job, Outcome, Step, StepRecord
from daemon.pipeline.plan import Next, next_step, was_sent

MakeJob = Callable[..., Job]


def _record(step: Step, index: int = 0, outcome: Outcome | None = Outcome.DONE, **intent: Any) -> StepRecord:
    return StepRecord(id=1, job="j", step=step, index=index, intent=intent, intent_at=0.0, outcome=outcome)


def _walk(job: Job) -> list[tuple[Step, int]]:
    records: list[StepRecord] = []
    walked = []
    while (due := next_step(job, records)) is not None:
        walked.append((due.step, due.index))
        records.append(_record(due.step, due.index))
    return walked


def test_a_job_goes_through_all_steps_once_each(make_job: MakeJob) -> None:
    assert _walk(make_job(instructions=("a", "b"))) == [
        (Step.SESSION, 0),
        (Step.UPLOAD, 0),
        (Step.EDIT, 0),
        (Step.CONFIRM, 0),
        (Step.EDIT, 1),
        (Step.CONFIRM, 1),
        (Step.RENDER, 0),
        (Step.DOWNLOAD, 0),
        (Step.DELIVER, 0),
    ]


def test_a_text_is_not_uploaded(make_job: MakeJob) -> None:
    assert (Step.UPLOAD, 0) not in _walk(make_job(path="/in/script.txt"))


def test_an_intent_without_result_is_taken_up_where_it_was_left(make_job: MakeJob) -> None:
    opened = _record(Step.UPLOAD, outcome=None)
    assert next_step(make_job(), [_record(Step.SESSION), opened]) == Next(Step.UPLOAD, 0, opened)


def test_a_refused_or_void_record_is_as_if_it_had_never_been(make_job: MakeJob) -> None:
    gone = [
        _record(Step.SESSION, outcome=outcome) for outcome in (Outcome.REFUSED, Outcome.FAILED, Outcome.VOID)
    ]
    assert next_step(make_job(), gone) == Next(Step.SESSION, 0, None)


def test_a_copy_of_an_earlier_result_is_only_fetched_and_delivered(make_job: MakeJob) -> None:
    copied = _record(Step.DOWNLOAD, outcome=None, copy_of="other")
    assert next_step(make_job(), [copied]) == Next(Step.DOWNLOAD, 0, copied)


def test_an_open_edit_counts_as_sent_and_a_refused_one_does_not() -> None:
    assert was_sent([_record(Step.EDIT, outcome=None)])
    assert was_sent([_record(Step.EDIT)])
    assert not was_sent([_record(Step.EDIT, outcome=Outcome.REFUSED), _record(Step.UPLOAD)])
