"""Which step comes next, read from the record alone. Pure.

    session → upload → (edit → confirm) for each instruction → render → download → deliver

A text source is not uploaded, its companions are, as upload 1, 2, …; an instruction that asks for the export
alone is no edit, and a job served from an earlier result begins at its download. A step with a result is not
done again; one with an intent and no result is taken up where it was left. An edit that the editor answered with
a question is due again: its next message is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from daemon.config.routing import Route, route
from daemon.jobs.model import Companion, Job, Outcome, Source, Step, StepRecord


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


def asked(records: Iterable[StepRecord], index: int) -> list[StepRecord]:
    """The messages of this instruction that the editor answered with a question, oldest first."""
    return [
        record
        for record in records
        if (record.step, record.index, record.outcome) == (Step.EDIT, index, Outcome.ASKED)
    ]


def available_before(records: Iterable[StepRecord]) -> float | None:
    """The credits there were just before the last message: those that did not suffice, where it was refused.

    Not those there are after it: what another message had reserved may have come back meanwhile.
    """
    noted = [record.intent["before"]["available"] for record in records if "before" in record.intent]
    return float(noted[-1]) if noted else None


def spends(job: Job, records: Iterable[StepRecord]) -> bool:
    """Whether a message that costs credits is still to be sent."""
    kept = list(records)
    return any(
        step is Step.EDIT
        and not any((one.step, one.index) == (step, index) and _is_sent(one) for one in kept)
        for step, index in _steps(job, kept)
    )


def uploaded_with(source: Source) -> tuple[Companion, ...]:
    """The companions that are uploaded, in their order: the first of them is upload 1."""
    return tuple(one for one in source.companions if one.is_uploaded)


def first_message(job: Job) -> int:
    """Which instruction goes to the editor first, and with it the words of what is not uploaded."""
    return next((at for at, text in enumerate(job.recipe.instructions) if route(text) is not Route.EXPORT), 0)


def was_sent(records: Iterable[StepRecord]) -> bool:
    """Whether an instruction of this job may have reached the service (and so may have been paid)."""
    return any(record.step is Step.EDIT and _is_sent(record) for record in records)


def _is_sent(record: StepRecord) -> bool:
    return record.outcome not in (Outcome.REFUSED, Outcome.VOID)


def _steps(job: Job, records: list[StepRecord]) -> Iterator[tuple[Step, int]]:
    copied = any(record.step is Step.DOWNLOAD and "copy_of" in record.intent for record in records)
    if not copied:
        yield Step.SESSION, 0
        if not job.source.is_text:
            yield Step.UPLOAD, 0
        for place, _ in enumerate(uploaded_with(job.source), 1):
            yield Step.UPLOAD, place
        for index, instruction in enumerate(job.recipe.instructions):
            if route(instruction) is Route.EXPORT:
                continue
            yield Step.EDIT, index
            yield Step.CONFIRM, index
        yield Step.RENDER, 0
    yield Step.DOWNLOAD, 0
    yield Step.DELIVER, 0
