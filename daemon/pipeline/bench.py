"""What a job is worked on with: the record, the clock, the listeners, the waits. And the ways to the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from daemon.config.fields import By
from daemon.config.model import Timing
from daemon.jobs import accounts, record
from daemon.jobs.model import AccountRecord, Job, Outcome, Record, Step, StepRecord
from daemon.jobs.store import Store
from daemon.media.ffmpeg import Ffmpeg
from daemon.nemo.account import Account
from daemon.nemo.client import Terms
from daemon.pipeline.barring import Payer
from daemon.pipeline.hooks import Happening, Hook, JobChanged, Noted
from daemon.pipeline.law import Uptime
from daemon.pipeline.purse import Purse
from daemon.pipeline.troubles import Folders
from daemon.pipeline.turns import Turns

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Shared by all slots. `now`: seconds since 1970; `sleep`: asyncio's, so that tests can travel.

    `disposing`: the sources that are being moved or deleted at the moment. `outputs_read`: the output folders whose
    sidecars were read in this life, and whether those of the tree below were too.
    """

    store: Store
    now: Callable[[], float]
    uptime: Callable[[], Uptime]
    sleep: Callable[[float], Awaitable[None]]
    tell: Hook
    ffmpeg: Callable[[], Ffmpeg]
    timing: Callable[[By], Timing]
    account: Callable[[By], Account]
    payer: Callable[[Account], Payer]
    terms: Terms
    platform: str
    purse: Purse
    folders: Folders = field(default_factory=Folders)
    turns: Turns = field(default_factory=Turns)
    disposing: set[Path] = field(default_factory=set)
    outputs_read: set[tuple[Path, bool]] = field(default_factory=set)

    def say(self, happening: Happening) -> None:
        self.tell(happening)

    async def note(self, job: Job, text: str) -> None:
        """Adds a line to the job's timeline."""
        at = self.now()
        await self.store.write(lambda connection: record.note(connection, job.id, text, at))
        self.tell(Noted(job, text))

    def note_soon(self, job: Job, text: str) -> None:
        """The same for a line that nobody waits for, in the order of the calls."""
        at = self.now()
        self.store.write_later(lambda connection: record.note(connection, job.id, text, at))
        self.tell(Noted(job, text))

    async def set_job(self, job: Job, **changes: Any) -> Job:
        at = self.now()
        return await self.store.write(lambda connection: record.set_job(connection, job, now=at, **changes))

    async def open_step(self, job: Job, step: Step, index: int, intent: Record, **changes: Any) -> StepRecord:
        """Commits an intent, and with it what the job must know from then on (its render's id)."""
        at = self.now()

        def change(connection: Any) -> StepRecord:
            if changes:
                record.set_job(connection, job, now=at, **changes)
            return record.open_step(connection, job, step, index, intent, at)

        return await self.store.write(change)

    async def close_step(self, kept: StepRecord, outcome: Outcome, result: Record) -> None:
        at = self.now()
        await self.store.write(lambda connection: record.close_step(connection, kept, outcome, result, at))

    async def note_step(self, kept: StepRecord, intent: Record) -> None:
        """Adds to an intent what was learnt while its result is unknown."""
        await self.store.write(lambda connection: record.note_step(connection, kept, intent))

    def steps(self, job: Job) -> tuple[StepRecord, ...]:
        return self.store.read(lambda connection: record.steps_of(connection, job.id))

    def account_record(self, account: Account) -> AccountRecord:
        return self.store.read(lambda connection: accounts.account(connection, account.id))

    def changed(self, job: Job) -> Job:
        self.tell(JobChanged(job))
        return job
