"""Which step comes next, read from the record alone. Pure.

    session → upload → (edit → confirm) for each instruction → render → download → deliver

A text source is not uploaded, and a job served from an earlier result begins at its download. A step with a
result is not done again; one with an intent and no result is taken up where it was left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from daemon.jobs.model import Job, Outcome, Step, StepRecord


@dataclass(frozen=True, slots=True)
class Next:
    """The step to do now; `open` is its intent where an earlier daemon wrote one and got no result."""

    step: Step
    index: int
    open: StepRecord | None


def next_step(job: Job, records: Iterable[StepRecord]) -> Next | None:
    """The first step without a result, or None when all have one."""
    kept = [record for record in records if record.outcome in (None, Outcome.DONE)]
    for step, index in _steps(job, kept):
        mine = [record for record in kept if (record.step, record.index) == (step, index)]
        if not any(record.outcome is Outcome.DONE for record in mine):
            return Next(step, index, mine[-1] if mine else None)
    return None


def done(records: Iterable[StepRecord], step: Step, index: int = 0) -> StepRecord | None:
    """The record of a step that has a result."""
    for record in records:
        if (record.step, record.index, record.outcome) == (step, index, Outcome.DONE):
            return record
    return None


def was_sent(records: Iterable[StepRecord]) -> bool:
    """Whether an instruction of this job may have reached the service (and so may have been paid)."""
    return any(
        record.step is Step.EDIT and record.outcome not in (Outcome.REFUSED, Outcome.VOID)
        for record in records
    )


def _steps(job: Job, records: list[StepRecord]) -> Iterator[tuple[Step, int]]:
    copied = any(record.step is Step.DOWNLOAD and "copy_of" in record.intent for record in records)
    if not copied:
        yield Step.SESSION, 0
        if not job.source.is_text:
            yield Step.UPLOAD, 0
        for index in range(len(job.recipe.instructions)):
            yield Step.EDIT, index
            yield Step.CONFIRM, index
        yield Step.RENDER, 0
    yield Step.DOWNLOAD, 0
    yield Step.DELIVER, 0
