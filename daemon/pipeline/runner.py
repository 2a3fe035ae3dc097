"""Slots that take jobs from the record and carry them on. Sleeps until something wakes it: no ticking."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from daemon.deliver import folder, sidecar
from daemon.errors import ApiError, DeliveryError, ReeldropError, SessionGone
from daemon.jobs import record
from daemon.jobs.model import Job
from daemon.jobs.states import FINISHED, Move, State, after
from daemon.nemo.transport import Transport
from daemon.pipeline import plan
from daemon.pipeline.bench import Bench
from daemon.pipeline.opening import take_name
from daemon.pipeline.retry import Cancel, Decision, Fail, Hold, Park, decide
from daemon.pipeline.work import Work

_log = structlog.get_logger()
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
        self._working: dict[asyncio.Task[None], str] = {}
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._stopping = False
        self._claimed_at = 0.0
        self._outages: dict[str, int] = {}

    def wake(self) -> None:
        """Something may run now: a job was added, or a command changed one."""
        self._quiet.clear()
        self._wake.set()

    async def run(self) -> None:
        """Starts what is due whenever a slot is free, until `drain`."""
        while not self._stopping:
            self._wake.clear()
            while len(self._working) < self._slots and not self._stopping:
                job = await self._claim()
                if job is None:
                    break
                if self._stopping:
                    await self._put_back(job)
                    return
                self._start(job)
            if not self._working and not self._wake.is_set() and not self._bench.store.read(record.is_busy):
                self._quiet.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._sleep_for())

    async def drain(self, limit: float) -> None:
        """Starts nothing more; what does not end within `limit` seconds is stopped where it is."""
        self._stopping = True
        self._wake.set()
        if self._working:
            _, late = await asyncio.wait(self._working, timeout=limit)
            for work in late:
                work.cancel()
            if late:
                await asyncio.wait(late)
        for transport in self._free:
            await transport.close()

    async def idle(self) -> None:
        """Returns once nothing is queued, running, or waiting for its time (held jobs wait for a person)."""
        await self._quiet.wait()

    async def _claim(self) -> Job | None:
        now = self._claimed_at = self._bench.now()
        return await self._bench.store.write(lambda connection: record.claim(connection, now))

    def _sleep_for(self) -> float:
        # After the last claim, not after now: what came due in between would be slept over.
        since = self._claimed_at
        due = self._bench.store.read(lambda connection: record.next_due(connection, since))
        if due is None or len(self._working) >= self._slots:
            return _LONGEST_SLEEP
        return min(_LONGEST_SLEEP, max(0.0, due - self._bench.now()))

    def _start(self, job: Job) -> None:
        self._bench.changed(job)
        work = asyncio.create_task(self._work(job), name=f"job {job.id}")
        self._working[work] = job.id
        work.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        del self._working[work]
        self._wake.set()

    async def _work(self, job: Job) -> None:
        transport = self._free.pop() if self._free else Transport()
        work = Work(self._bench, transport, job)
        try:
            decision = await self._carry_on(work)
            if decision is None:
                self._outages.pop(job.recipe.by, None)
            await self._conclude(work.job, _concluded(decision))
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(work.job))
        finally:
            if self._stopping:
                await transport.close()
            else:
                self._free.append(transport)

    async def _carry_on(self, work: Work) -> Decision | None:
        try:
            return await work.run()
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
        return decide(
            error, work.job, sent=sent, outage=outage, now=self._bench.now(), jitter=random.random()
        )

    async def _outage(self, work: Work, error: ApiError) -> int | None:
        """How often in a row the service did not answer a free probe; None where it does."""
        account = work.job.recipe.by
        try:
            if error.retryable:
                await work.client.balance()
        except ApiError:
            self._outages[account] = self._outages.get(account, 0) + 1
            return self._outages[account] - 1
        self._outages.pop(account, None)
        return None

    async def _conclude(self, job: Job, end: Conclusion) -> None:
        now = self._bench.now()
        # The note first: a daemon that dies in between does the job's end again, and the note with it.
        ahead = after(job.state, end.move)
        await tell_people(
            self._bench, replace(job, state=ahead, reason=end.reason, not_before=end.not_before)
        )

        def change(connection: Connection) -> Job:
            changes: dict[str, Any] = {} if end.attempt is None else {"attempt": end.attempt}
            if end.reason:
                record.note(connection, job.id, end.reason, now)
            return record.move(
                connection, job, end.move, now=now, reason=end.reason, not_before=end.not_before, **changes
            )

        self._bench.changed(await self._bench.store.write(change))

    async def _put_back(self, job: Job) -> None:
        now = self._bench.now()
        await self._bench.store.write(
            lambda connection: record.move(connection, job, Move.RECOVER, now=now, reason=job.reason)
        )


async def tell_people(bench: Bench, job: Job) -> None:
    """Writes or removes the job's note in its output folder, and a finished job's hidden files.

    A folder that takes no file gets none.
    """

    def change(connection: Connection) -> str:
        base = record.reserved(connection, job.id)
        return base if base is not None else take_name(connection, _beside(job)).base

    try:
        if job.state in FINISHED:
            await asyncio.to_thread(folder.remove_hidden, job.recipe.folder, job.id)
        if job.state in (State.FAILED, State.HELD):
            await asyncio.to_thread(folder.make, job.recipe.folder)
            base = await bench.store.write(change)
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
        elif (taken := bench.store.read(lambda connection: record.reserved(connection, job.id))) is not None:
            await asyncio.to_thread(folder.remove_notes, job.recipe.folder, taken)
            if job.state is State.CANCELLED:
                await bench.store.write(lambda connection: record.release(connection, job.id))
    except DeliveryError as error:
        _log.warning("note.not_written", job=job.id, error=str(error))


def _beside(job: Job) -> Job:
    """A note never replaces a result: it takes a name of its own, whatever the rule says of results."""
    return replace(job, recipe=replace(job.recipe, on_conflict="rename"))


def _concluded(decision: Decision | None) -> Conclusion:
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
