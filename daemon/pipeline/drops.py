"""Whether a settled file is work to do. Pure: what is known of its path and its content is passed in.

Identity is content. Touching a file, writing equal bytes over it, renaming or moving it inside the tree are
no drops; a path where no file stood at the last look is one. What was there before the rule is none either:
the rule says what becomes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from daemon.config.fields import Existing
from daemon.jobs.approvals import CODE
from daemon.jobs.model import Job, KnownFile
from daemon.jobs.states import UNFINISHED, State

_THEN: Final = "`reeldrop approve` runs it, `reeldrop ignore` never asks again"
BEFORE: Final = f"{CODE}: it was there before the rule; {_THEN}"
"""The reason of a job that is held for `existing: hold`."""
TOO_MUCH: Final = f"{CODE}: it came beyond what `limits.ask_above` lets begin within an hour unasked; {_THEN}"
"""The reason of a job that is held for `limits.ask_above`."""


class Sighting(Enum):
    """What a settled file is to us."""

    SAME = "same"  # the content that stood here before
    MOVED = "moved"  # known content that left another path
    REPLACED = "replaced"  # other content where a file stood
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A settled file, and what is known of its content under the instructions of its rule.

    `earlier`: all jobs of it, newest first. `delivered`: a result of it was delivered somewhere, by a job or by
    what a sidecar tells; `stands`: one stands where the rule puts its results. `existing`: what the rule does
    with files that were there before it, None for one that came later. `rejected`: it cannot be edited at all.
    """

    seen: Sighting
    path: Path
    earlier: Sequence[Job] = ()
    delivered: bool = False
    stands: bool = False
    existing: Existing | None = None
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class NoJob:
    pass


@dataclass(frozen=True, slots=True)
class NewJob:
    """`held`: the reason why it waits for a person from its beginning."""

    held: str | None = None


@dataclass(frozen=True, slots=True)
class RunAgain:
    """This job failed, was cancelled or waits for a word; the new drop runs it again under its id."""

    job: Job
    held: str | None = None


Work = NoJob | NewJob | RunAgain


def sighting(content: str, here: KnownFile | None, left: KnownFile | None) -> Sighting:
    """`here`: what was known of this path; `left`: a known file of this content whose path is empty now."""
    if here is not None and here.gone_at is None:
        return Sighting.SAME if here.content == content else Sighting.REPLACED
    return Sighting.MOVED if left is not None else Sighting.DROPPED


def work_for(find: Find) -> Work:
    """What a settled file is to become, as far as identity decides."""
    if find.seen in (Sighting.SAME, Sighting.MOVED):
        return NoJob()
    return _dropped(find) if find.existing is None else _was_there(find)


def asked_above(work: NewJob | RunAgain, *, estimate: float, begun: float, limit: float) -> NewJob | RunAgain:
    """Holds what would cost more credits than may begin within an hour without a person's word.

    `begun`: the estimated credits of what has begun so within the last hour.
    """
    return replace(work, held=TOO_MUCH) if estimate > 0 and begun + estimate > limit else work


def _dropped(find: Find) -> Work:
    open_jobs = [job for job in find.earlier if job.state in UNFINISHED]
    # Whoever drops a file that is asked about has given the answer.
    asks = [job for job in open_jobs if job.state is State.HELD and job.reason_code == CODE]
    if asks:
        return RunAgain(asks[-1])  # the oldest: the others wait for it
    if any(job.source.path == find.path for job in open_jobs):
        return NoJob()
    if find.delivered:
        return NoJob() if find.seen is Sighting.REPLACED else NewJob()
    return _anew(find)


def _was_there(find: Find) -> Work:
    """It is no drop: what was tried once, or ignored by a person, is not asked about again."""
    if find.stands or find.existing == "ignore" or any(_had_its_turn(job) for job in find.earlier):
        return NoJob()
    if any(job.state in UNFINISHED and job.source.path == find.path for job in find.earlier):
        return NoJob()
    if find.existing == "run":
        return _anew(find)
    return NoJob() if find.rejected else replace(_anew(find), held=BEFORE)


def _anew(find: Find) -> NewJob | RunAgain:
    if find.earlier and all(job.state in (State.FAILED, State.CANCELLED) for job in find.earlier):
        return RunAgain(find.earlier[0])
    return NewJob()


def _had_its_turn(job: Job) -> bool:
    if job.state is State.CANCELLED:
        # A source that went before its turn, with the share or the folder it lay in, and is back.
        return job.reason_code != "source"
    return job.state is State.FAILED
