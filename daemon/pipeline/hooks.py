"""What the pipeline tells whoever listens (terminal, log, later alerts and metrics). Frozen values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from daemon.jobs.model import Job, Step


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job was made, or moved to another state."""

    job: Job


@dataclass(frozen=True, slots=True)
class StepBegun:
    """A running job works on this step now; `index` counts the instructions."""

    job: Job
    step: Step
    index: int


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How far a step is, 0..1."""

    job: Job
    step: Step
    fraction: float


@dataclass(frozen=True, slots=True)
class Noted:
    """A line for the job's log."""

    job: Job
    text: str


EDITOR_SAYS: Final = "the editor: "
"""Before the editor's own words, in a line of a job's log."""

Happening = JobChanged | StepBegun | StepProgress | Noted
Hook = Callable[[Happening], None]
