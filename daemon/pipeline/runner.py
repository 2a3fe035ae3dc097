"""Slots that take jobs from the record and carry them on. Sleeps until something wakes it: no ticking."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection

from daemon.config.fields import By
from daemon.deliver import folder, sidecar
from daemon.errors import (
    ApiError,
    DeliveryError,
    GateShut,
    ReeldropError,
    Refused,
    SessionGone,
    SourceGone,
    StateError,
    Unanswered,
    Unreachable,
)
from daemon.jobs import accounts, files, record
from daemon.jobs.model import Bar, Job
from daemon.jobs.states import FINISHED, IllegalMove, Move, State, after
from daemon.jobs.store import Change, Store
from daemon.nemo.transport import Transport
from daemon.pipeline import plan
from daemon.pipeline.barring import advised, code_of
from daemon.pipeline.bench import Bench
from daemon.pipeline.disposing import dispose
from daemon.pipeline.opening import take_name
from daemon.pipeline.retry import Cancel, Decision, Fail, Hold, Leave, Park, decide
from daemon.pipeline.work import Work

T = TypeVar("T")

_log = structlog.get_logger()
_EDITORS: Final[tuple[By, ...]] = ("embedded", "service")
_CLOCK_JUMP: Final = 5.0
"""Seconds by which the wall clock may drift from the machine's uptime unnoticed."""
_LONGEST_SLEEP: Final = 300.0
"""Seconds: a wall clock that was set forward must not leave a due job asleep for long."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a job leaves its slot: the move, and the columns that go with it."""

    move: Move
    reason: str | None = None
    not_before: float | None = None
    attempt: int | None = None


class Runner:
    """`slots` jobs at once. `run` until cancelled; `drain` lets what runs come to an end."""

    def __init__(self, bench: Bench, slots: int) -> None:
        self._bench = bench
        self._slots = slots
        self._free: list[Transport] = []
        self._working: dict[asyncio.Task[None], Job] = {}
        self._open: dict[str, Work] = {}
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._stopping = False
        self._broken: BaseException | None = None
        self._claimed_at = 0.0
        self._kept_out: list[By] = []
        self._followed_at = bench.uptime().seconds
        self._ahead = bench.now() - self._followed_at

    def wake(self) -> None:
        """Something may run now: a job was added, or a command changed one."""
        self._quiet.clear()
        self._wake.set()

    async def run(self) -> None:
        """Starts what is due whenever a slot is free, until `drain`."""
        while not self._stopping:
            if self._broken is not None:
                raise self._broken
            self._wake.clear()
            await self._follow_clock()
            while len(self._working) < self._slots and not self._stopping:
                async with self._turn:
                    job = await self._claim()
                    if job is None:
                        break
                    if self._stopping:
                        await self._put_back(job)
                        return
                    self._start(job)
                    # A task that is cancelled before its first step never puts its job back.
                    await asyncio.sleep(0)
            if not self._working and not self._wake.is_set() and not self._bench.store.read(record.is_busy):
                self._quiet.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._sleep_for())

    async def drain(self, limit: float) -> None:
        """Starts nothing more; what does not end within `limit` seconds is stopped where it is."""
        self._stopping = True
        self._wake.set()
        self._bench.turns.close()
        if self._working:
            _, late = await asyncio.wait(self._working, timeout=limit)
            # A full disk may never take their last word; the next start puts them back.
            self._bench.store.stop_waiting()
            for work in late:
                work.cancel()
            if late:
                await asyncio.wait(late)
        for transport in self._free:
            await transport.close()

    async def without(self, job_id: str, change: Change[T]) -> T:
        """Runs `change` on the record while no slot works on this job; what was on the wire for it is cut.

        A result that is being put into its place is waited for: then the job has ended when `change` sees it.
        """
        async with self._turn:
            for work in [work for work, job in self._working.items() if job.id == job_id]:
                if job_id in self._open and not self._open[job_id].is_placing:
                    work.cancel()
                await asyncio.wait([work])
            return await self._bench.store.write(change)

    async def idle(self) -> None:
        """Returns once nothing is queued, running, or waiting for its time (held jobs wait for a person)."""
        await self._quiet.wait()

    async def _follow_clock(self) -> None:
        """A wall clock that somebody set takes the times that jobs wait for along with it."""
        now, uptime = self._bench.now(), self._bench.uptime().seconds
        jumped, passed = now - uptime - self._ahead, uptime - self._followed_at
        self._ahead, self._followed_at = now - uptime, uptime
        if abs(jumped) > _CLOCK_JUMP:
            _log.warning("clock.jumped", seconds=round(jumped))
            self._bench.folders.shift(jumped)
            await self._bench.store.write(
                lambda connection: record.shift_waits(connection, jumped, now - passed, now)
            )

    async def _claim(self) -> Job | None:
        now = self._claimed_at = self._bench.now()
        shut = self._kept_out = [by for by in _EDITORS if not self._has_room(by)]

        def change(connection: Connection) -> Job | None:
            return record.claim(connection, now, shut=shut, alone=self._unproven(connection))

        return await self._bench.store.write(change)

    def _has_room(self, by: By) -> bool:
        return sum(job.made_by == by for job in self._working.values()) < self._room(by)

    def _room(self, by: By) -> int:
        """Jobs that may work at once with this editor; asked for only where there are any, since it may sign in."""
        any_open = self._bench.store.read(lambda connection: record.any_open(connection, by))
        return self._bench.account(by).gate.room if any_open else self._slots

    def _unproven(self, connection: Connection) -> list[By]:
        """Who has never exported for us: one job alone finds out whether the account's plan allows it at all."""
        if not record.any_open(connection, "service"):
            return []
        known = accounts.account(connection, self._bench.account("service").id)
        return ["service"] if known.exported_at is None else []

    def _sleep_for(self) -> float:
        if len(self._working) >= self._slots:
            return _LONGEST_SLEEP  # whoever is done wakes us
        if any(self._has_room(by) for by in self._kept_out):
            return 0.0  # its gate has opened since the last claim: the jobs it kept out name no later time
        # After the last claim, not after now: what came due in between would be slept over.
        since = self._claimed_at
        due = self._bench.store.read(lambda connection: record.next_due(connection, since))
        gates = [self._bench.account(by).gate.shut_for for by in _EDITORS if self._room(by) == 0]
        waits = [*gates, *([] if due is None else [due - self._bench.now()])]
        return min(_LONGEST_SLEEP, max(0.0, min(waits, default=_LONGEST_SLEEP)))

    def _start(self, job: Job) -> None:
        self._bench.changed(job)
        work = asyncio.create_task(self._work(job), name=f"job {job.id}")
        self._working[work] = job
        work.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        del self._working[work]
        if not work.cancelled() and (error := work.exception()) is not None:
            self._broken = error
        self._wake.set()

    async def _work(self, job: Job) -> None:
        transport = self._free.pop() if self._free else Transport()
        work = self._open[job.id] = Work(self._bench, transport, job)
        try:
            try:
                decision = await self._carry_on(work)
            finally:
                del self._open[job.id]
                self._bench.purse.give_back(job)
            if isinstance(decision, Leave):
                await self._put_back(work.job)
                return
            job = await self._conclude(work.job, _concluded(decision))
        except asyncio.CancelledError:
            with suppress(*([StateError] if self._stopping else [])):
                await asyncio.shield(self._put_back(work.job))
        else:
            await dispose(self._bench, job)
        finally:
            if self._stopping:
                await transport.close()
            else:
                self._free.append(transport)

    async def _carry_on(self, work: Work) -> Decision | None:
        try:
            return await work.run()
        except StateError:
            raise  # without its record no job can go on, nor end
        except ReeldropError as error:
            return await self._decide(work, error)
        except Exception as error:
            # A fault of ours must stop neither the other jobs nor the daemon.
            _log.exception("job.crashed", job=work.job.id)
            return Fail(
                f"internal: {type(error).__name__}: {error}. This is a fault of Reeldrop; please report it"
            )

    async def _decide(self, work: Work, error: ReeldropError) -> Decision:
        sent = plan.was_sent(self._bench.steps(work.job))
        if isinstance(error, SessionGone):
            await work.lose_session(sent)
        outage = await self._outage(work, error) if isinstance(error, ApiError) else None
        if isinstance(error, Refused) and work.job.made_by == "service":
            error = await self._barred(work, error)
        now = self._bench.now()
        decision = decide(error, work.job, sent=sent, outage=outage, now=now, jitter=random.random())
        if isinstance(error, DeliveryError):
            recipe = work.job.recipe
            _log.warning("folder.takes_no_file", folder=str(recipe.folder), error=str(error))
            until = self._bench.folders.failed(recipe.folder, str(error), recipe.first, now)
            return Hold(error.reason, until)
        return decision

    async def _outage(self, work: Work, error: ApiError) -> float | None:
        """Seconds until the gate opens again where the service does not answer a free probe; None where it does."""
        gate = work.account.gate
        if not isinstance(error, Unreachable | Unanswered):
            return None
        try:
            await work.client.balance()
        except GateShut:
            return gate.shut_for
        except ApiError:
            gate.failed(work.job.recipe.first)
            return gate.shut_for
        return None

    async def _barred(self, work: Work, error: Refused) -> Refused:
        """What concerns the whole account is written down for all its jobs, with what a person can do about it."""
        code = code_of(error)
        if code is None:
            return error
        account = work.account
        known = self._bench.account_record(account)
        if code in known.bars:
            return type(error)("", known.bars[code].reason, status=error.status, api_code=error.api_code)
        told = advised(error, self._bench.payer(account))
        bar = Bar(
            str(told), plan.available_before(self._bench.steps(work.job)) if code == "credits" else None
        )
        await self._bench.store.write(lambda connection: accounts.set_bar(connection, account.id, code, bar))
        return told

    async def _conclude(self, job: Job, end: Conclusion) -> Job:
        now = self._bench.now()
        gone = end.move is Move.CANCEL and (end.reason or "").startswith(f"{SourceGone.code}:")
        # The note first: a daemon that dies in between does the job's end again, and the note with it.
        ahead = after(job.state, end.move)
        await tell_people(
            self._bench.store, replace(job, state=ahead, reason=end.reason, not_before=end.not_before)
        )

        def change(connection: Connection) -> Job:
            changes: dict[str, Any] = {} if end.attempt is None else {"attempt": end.attempt}
            asked = record.hold_asked(connection, job)
            if asked is not None and end.move in (Move.PARK, Move.HOLD):
                return record.move(connection, job, Move.HOLD, now=now, reason=asked, **changes)
            if gone:
                kept = record.get_job(connection, job.id)
                if kept is not None and kept.source.path != job.source.path:
                    # It was renamed while a slot looked for it, and goes on from its new path.
                    return record.move(connection, job, Move.RECOVER, now=now)
                known = files.known(connection, job.source.path)
                if known is not None and known.content == job.source.content:
                    # It may come back with a share that was not mounted, and is a drop then; and what is written over
                    # it with its old time and size is known to no scan.
                    files.mark_gone(connection, [job.source.path], now)
            if end.reason and end.reason != job.reason:
                # A job that waits again for what it waited for would else fill its log with one line.
                record.note(connection, job.id, end.reason, now)
            return record.move(
                connection, job, end.move, now=now, reason=end.reason, not_before=end.not_before, **changes
            )

        ended = await self._bench.store.write(change)
        if ended.reason != end.reason:
            await tell_people(self._bench.store, ended)
        return self._bench.changed(ended)

    async def _put_back(self, job: Job) -> None:
        now = self._bench.now()
        with suppress(IllegalMove):  # it ended in the moment in which it was stopped
            back = await self._bench.store.write(lambda connection: record.put_back(connection, job, now))
            if back.state is State.HELD:
                await tell_people(self._bench.store, back)


async def take_up(store: Store, now: float) -> list[Job]:
    """Puts back in the queue what a daemon that died left running; to be called by whoever has the lock."""
    left = await store.write(lambda connection: record.recover(connection, now))
    for job in left:
        if job.state is State.HELD:
            await tell_people(store, job)
    return left


async def tell_people(store: Store, job: Job) -> None:
    """Writes or removes the job's note in its output folder, and a finished job's hidden files.

    A folder that takes no file gets none, and neither does a job that waits for approval: one line tells of all.
    """

    def change(connection: Connection) -> str:
        base = record.reserved(connection, job.id)
        return base if base is not None else take_name(connection, _beside(job)).base

    try:
        if job.state in FINISHED and job.step is not None:
            await asyncio.to_thread(folder.remove_hidden, job.recipe.folder, job.id)
        if job.state is State.FAILED or (job.state is State.HELD and job.reason_code != "approval"):
            await asyncio.to_thread(folder.make, job.recipe.folder)
            base = await store.write(change)
            ending = "FAILED.txt" if job.state is State.FAILED else "HELD.txt"
            await asyncio.to_thread(folder.remove_notes, job.recipe.folder, base)
            await asyncio.to_thread(
                folder.write,
                job.recipe.folder,
                job.id,
                f"{base}.{ending}",
                sidecar.note(job),
                job.recipe.file_mode,
            )
        elif (taken := store.read(lambda connection: record.reserved(connection, job.id))) is not None:
            await asyncio.to_thread(folder.remove_notes, job.recipe.folder, taken)
            if job.state is State.CANCELLED:
                await store.write(lambda connection: record.release(connection, job.id))
    except DeliveryError as error:
        _log.warning("note.not_written", job=job.id, error=str(error))


def _beside(job: Job) -> Job:
    """A note never replaces a result: it takes a name of its own, whatever the rule says of results."""
    return replace(job, recipe=replace(job.recipe, on_conflict="rename"))


def _concluded(decision: Park | Hold | Fail | Cancel | None) -> Conclusion:
    match decision:
        case None:
            return Conclusion(Move.SUCCEED)
        case Park(at, reason, attempt):
            return Conclusion(Move.PARK, reason, at, attempt)
        case Hold(reason, at):
            return Conclusion(Move.HOLD, reason, at)
        case Fail(reason):
            return Conclusion(Move.FAIL, reason)
        case Cancel(reason):
            return Conclusion(Move.CANCEL, reason)
