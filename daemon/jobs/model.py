"""The values a job is made of. All times are seconds since 1970 (UTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from daemon.config.fields import After, By, is_told
from daemon.jobs.states import State
from daemon.media.types import kind_of

Record = Mapping[str, Any]


class Step(StrEnum):
    """The steps of a job, in their order; edit and confirm alternate, once for each instruction."""

    SESSION = "session"
    UPLOAD = "upload"
    EDIT = "edit"
    CONFIRM = "confirm"
    RENDER = "render"
    DOWNLOAD = "download"
    DELIVER = "deliver"


class Outcome(StrEnum):
    """How a step's record ended. A record without one is an intent whose result nobody knows."""

    DONE = "done"
    REFUSED = "refused"  # nothing was done; it may be sent again
    FAILED = "failed"
    ASKED = "asked"  # the editor asked back: an answer to its question is due
    VOID = "void"  # belongs to a session that is gone, or to an attempt given up


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that belongs with a job's source, as `Source` tells of that.

    `sent`: it goes to the editor; false for the other half of a pair, which is the same clip. `shared`: it may
    belong to other clips too, and so stays where it is.
    """

    path: Path
    device: int
    inode: int
    size: int
    mtime_ns: int
    content: str
    sent: bool = True
    shared: bool = False

    @property
    def is_uploaded(self) -> bool:
        return self.sent and not is_told(self.path.name)

    @property
    def is_told(self) -> bool:
        """Whether its words go to the editor, with the first message."""
        return self.sent and is_told(self.path.name)


@dataclass(frozen=True, slots=True)
class Source:
    """The file a job works on: where it lay, and which content it was (`content`: xxh3-128, hex).

    `companions`: what goes up after it, in this order. Two sources are the same if their files are.
    """

    path: Path
    device: int
    inode: int
    size: int
    mtime_ns: int
    content: str
    companions: tuple[Companion, ...] = field(default=(), compare=False)

    @property
    def is_text(self) -> bool:
        return kind_of(self.path) == "text"

    @property
    def is_link(self) -> bool:
        return kind_of(self.path) == "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a rule said when the job was made; later changes of the rules do not touch the job.

    `folder` is where this job's files go (the tree below the watch folder included), `file_mode` None
    means: as the folder has it. `first` and `longest` are seconds. `answer` goes to an editor that asks back.
    `after`, `archive` and `quarantine` say what becomes of the source, and where this job's own is moved to.
    `is_folder`: a dropped folder was taken as a whole.
    """

    instructions: tuple[str, ...]
    skill: str
    skill_version: str
    by: By
    language: str
    folder: Path
    base: str
    on_conflict: str
    file_mode: int | None
    format: str
    quality: str
    attempts: int
    first: float
    longest: float
    again: str
    answer: str = "use your best judgement"
    after: After = "keep"
    archive: Path | None = None
    quarantine: Path | None = None
    is_folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One settled file under one rule. `reason` is `code: sentence`; `key` stands for the instructions.

    `asked`: a person asked for it. `estimate`: about how many credits it was to cost when the service was to
    edit it, and `begun_at` when it was begun for that much without a person's word.
    """

    id: str
    rule: str
    source: Source
    recipe: Recipe
    key: str
    state: State = State.QUEUED
    variant: str | None = None
    parent: str | None = None
    step: Step | None = None
    attempt: int = 1
    reason: str | None = None
    not_before: float | None = None
    priority: int = 0
    outputs: tuple[Path, ...] = ()
    credits: float | None = None
    asked: bool = False
    estimate: float | None = None
    begun_at: float | None = None
    account: str | None = None
    session_id: str | None = None
    task_id: str | None = None
    render_id: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def made_by(self) -> By:
        return self.recipe.by

    @property
    def reason_code(self) -> str:
        return (self.reason or "").partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A step's intent, written before anything is sent, and its result, written after.

    `index` counts the instructions for edit and confirm and is 0 elsewhere. `outcome` None: open.
    """

    id: int
    job: str
    step: Step
    index: int
    intent: Record
    intent_at: float
    outcome: Outcome | None = None
    result: Record = field(default_factory=dict)
    result_at: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a job's timeline."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A result that stands in an output folder: which content under which instructions, and its hash."""

    content: str
    key: str
    job: str
    media: Path
    media_hash: str
    size: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """A file that was seen settled below a watch folder. `gone_at`: when it was last found missing."""

    path: Path
    device: int
    inode: int
    size: int
    mtime_ns: int
    content: str
    gone_at: float | None = None

    def is_same(self, device: int, inode: int, size: int, mtime_ns: int) -> bool:
        mine = (self.device, self.inode, self.size, self.mtime_ns)
        return mine == (device, inode, size, mtime_ns) and self.gone_at is None


@dataclass(frozen=True, slots=True)
class Bar:
    """What new paid steps of an account wait for, as a sentence; `available`: credits that did not suffice."""

    reason: str
    available: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """What is known of an account that pays.

    `user_id` is the service's own name for it. `exported_at`: its first export that succeeded, None: it has
    never exported. `bars`: what its new paid steps wait for, by code (credits, subscription, token). `room`,
    `refusals` and `shut_until` are its gate's (`nemo.gate`), the last one in seconds since 1970.
    """

    id: str
    user_id: str | None = None
    exported_at: float | None = None
    bars: Mapping[str, Bar] = field(default_factory=dict)
    room: float | None = None
    refusals: int | None = None
    shut_until: float | None = None
