"""Which step comes next, from the record alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.jobs.model import Job, Outcome, Step, StepRecord
from daemon.pipeline.plan import Next, asked, next_step, spends, was_sent

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


def test_an_instruction_that_asks_for_the_export_alone_is_no_edit(make_job: MakeJob) -> None:
    walked = _walk(make_job(instructions=("export the video",)))
    assert [step for step, _ in walked] == [
        *(Step.SESSION, Step.UPLOAD, Step.RENDER, Step.DOWNLOAD, Step.DELIVER),
    ]
    assert (Step.EDIT, 1) not in _walk(make_job(instructions=("trim to 1 s", "导出")))
    assert (Step.EDIT, 0) in _walk(make_job(instructions=("export a warmer look",)))


def test_an_edit_that_was_answered_with_a_question_is_due_again_and_counts_as_sent(make_job: MakeJob) -> None:
    before = [_record(Step.SESSION), _record(Step.UPLOAD), _record(Step.EDIT, outcome=Outcome.ASKED)]
    assert next_step(make_job(), before) == Next(Step.EDIT, 0, None)
    assert was_sent(before)
    assert asked(before, 0) == before[2:]
    assert asked(before, 1) == []


def test_a_job_spends_until_all_its_instructions_are_sent(make_job: MakeJob) -> None:
    job = make_job(instructions=("a", "b"))
    assert spends(job, [])
    assert spends(job, [_record(Step.EDIT, 0)])
    assert spends(job, [_record(Step.EDIT, 0), _record(Step.EDIT, 1, Outcome.REFUSED)])
    assert not spends(job, [_record(Step.EDIT, 0), _record(Step.EDIT, 1, None)])
    assert not spends(make_job(instructions=("export",)), [])
    assert not spends(job, [_record(Step.DOWNLOAD, outcome=None, copy_of="other")])
