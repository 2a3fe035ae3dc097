"""Whether a settled file is work to do. Pure: what is known of its path and its content is passed in.

Identity is content. Touching a file, writing equal bytes over it, renaming or moving it inside the tree are
no drops; a path where no file stood at the last look is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from daemon.jobs.model import Job, KnownFile
from daemon.jobs.states import UNFINISHED, State


class Sighting(Enum):
    """What a settled file is to us."""

    SAME = "same"  # the content that stood here before
    MOVED = "moved"  # known content that left another path
    REPLACED = "replaced"  # other content where a file stood
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class NoJob:
    pass


@dataclass(frozen=True, slots=True)
class NewJob:
    pass


@dataclass(frozen=True, slots=True)
class RunAgain:
    """This job failed or was cancelled; the new drop runs it again under its id."""

    job: Job


Work = NoJob | NewJob | RunAgain


def sighting(content: str, here: KnownFile | None, left: KnownFile | None) -> Sighting:
    """`here`: what was known of this path; `left`: a known file of this content whose path is empty now."""
    if here is not None and here.gone_at is None:
        return Sighting.SAME if here.content == content else Sighting.REPLACED
    return Sighting.MOVED if left is not None else Sighting.DROPPED


def work_for(seen: Sighting, path: Path, earlier: Sequence[Job]) -> Work:
    """`earlier`: all jobs of this content under these instructions, newest first."""
    if seen in (Sighting.SAME, Sighting.MOVED):
        return NoJob()
    if any(job.state in UNFINISHED and job.source.path == path for job in earlier):
        return NoJob()
    if any(job.state is State.SUCCEEDED for job in earlier):
        return NoJob() if seen is Sighting.REPLACED else NewJob()
    if earlier and all(job.state in (State.FAILED, State.CANCELLED) for job in earlier):
        return RunAgain(earlier[0])
    return NewJob()
