"""The one place that builds the parts of a daemon and puts them together; signals, drain."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from daemon.accounts import attribution, service_account, web_url
from daemon.config.fields import By
from daemon.config.model import Config, Rule
from daemon.control.socket import Command, ControlServer, Message
from daemon.errors import MediaError, ReeldropError, SourceError, UsageError
from daemon.jobs import accounts, record
from daemon.jobs.lock import StateLock
from daemon.jobs.model import Job
from daemon.jobs.public import public
from daemon.jobs.retention import open_sessions, retire
from daemon.jobs.states import FINISHED, State
from daemon.jobs.store import Store
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.nemo.account import Account
from daemon.nemo.client import Terms
from daemon.nemo.embedded import EmbeddedAccount
from daemon.nemo.live import Visitor
from daemon.pipeline import renewal
from daemon.pipeline.arrivals import Arrival
from daemon.pipeline.barring import Payer
from daemon.pipeline.bench import Bench
from daemon.pipeline.budget import budgets_of
from daemon.pipeline.commands import AtWork, Commands
from daemon.pipeline.conditions import look_again
from daemon.pipeline.hooks import Happening, Hook, JobChanged, Noted, StepBegun, StepProgress
from daemon.pipeline.intake import Intake
from daemon.pipeline.law import Uptime
from daemon.pipeline.purse import Purse
from daemon.pipeline.runner import Runner, take_up, tell_people
from daemon.rules.match import Match, RuleBook
from daemon.uptime import uptime
from daemon.watch.inspection import inspect
from daemon.watch.sight import Busy, Content, Gone, Seen, Stamp, Unreadable

_log = structlog.get_logger()

DATABASE: Final = "jobs.db"
DRAIN_LIMIT: Final = 20.0
"""Seconds that running jobs get to come to an end at a stop."""
LONGEST_SHUT: Final = 86_400.0
"""Seconds for which an earlier daemon's gate stays shut at the most: a wall clock may have been set back."""


class App:
    """A daemon's parts around one state folder: lock, record, accounts, runner, intake.

    Raises StateError where another daemon has the state, UsageError for what the machine lacks.
    """

    def __init__(
        self, config: Config, hooks: Sequence[Hook] = (), environ: Mapping[str, str] = os.environ
    ) -> None:
        self.config = config
        self._hooks = list(hooks)
        self._ffmpeg = Ffmpeg(_ffmpeg(config))
        self._trouble: str | None = None
        self._lock = StateLock(config.state)
        try:
            self.store = Store(config.state / DATABASE, troubled=self._troubled)
        except BaseException:
            self._lock.release()
            raise
        self._embedded = EmbeddedAccount(config.state / "studio", config.studio)
        self._embedded.gate.open(config.limits.jobs)
        self._attribution = attribution(environ)
        self._service = service_account(config, environ, self._attribution)
        self._web = web_url(environ)
        self._is_paced = False
        self.bench = Bench(
            store=self.store,
            now=time.time,
            uptime=_uptime,
            sleep=asyncio.sleep,
            tell=self._tell,
            ffmpeg=lambda: self._ffmpeg,
            timing=config.timing,
            account=self._account,
            payer=self._payer,
            terms=Terms(config.api.private_urls, config.api.max_download),
            platform=self._attribution.platform,
            purse=Purse(self.store, time.time, lambda: budgets_of(self.config)),
        )
        self.runner = Runner(self.bench, config.limits.jobs)
        self.intake = Intake(self.bench, config, self.runner.wake)
        self._visitor = Visitor(self._service, self._attribution, self._web)
        self.commands: dict[str, Command] = {
            "troubles": self._tell_troubles,
            **Commands(self.store, config, AtWork(self.bench, self.runner, self.look_at_account)).table,
            "do": self._do,
            "credits": self._credits,
            "open": self._open,
            "live": self._live,
        }

    def listen(self, hook: Hook) -> Callable[[], None]:
        """Adds a listener; call what is returned to take it away."""
        self._hooks.append(hook)
        return lambda: self._hooks.remove(hook)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Jobs run inside; at the end what runs is drained, and the studio stopped."""
        now = time.time()
        for job in await take_up(self.store, now):
            _log.info("job.taken_up", job=job.id, step=job.step)
        await self.store.write(lambda connection: record.release_budgets(connection, now))
        await self._renew(now)
        for job in self.store.read(record.untold):
            await tell_people(self.store, job)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.runner.run())
                group.create_task(self.look_at_account(begin=True))
                intake = group.create_task(self.intake.run())
                retiring = group.create_task(self.retire())
                control = ControlServer(self.config.state, self.commands)
                await control.start()
                try:
                    yield
                finally:
                    await control.close()
                    await self.runner.drain(DRAIN_LIMIT)
                    intake.cancel()
                    retiring.cancel()
        except BaseExceptionGroup as errors:
            # One error in its own words, not as a group of one.
            raise errors.exceptions[0] from None
        finally:
            await self._embedded.stop()

    async def _renew(self, now: float) -> None:
        held = self.store.read(renewal.held)
        if not held:
            return
        book, language = RuleBook(self.config.rules, os.path.realpath), self.config.api.language
        matches = await asyncio.to_thread(renewal.taken_today, held, book, self.bench.ffmpeg)
        await self.store.write(lambda connection: renewal.renew(connection, matches, language, now))

    def close(self) -> None:
        self.store.close()
        self._lock.release()

    async def order(self, path: Path, instruction: str, output: Path) -> Job:
        """A job for one file under the rule `do`. Raises SourceError for what cannot be edited."""
        rule = Rule(
            name="do",
            watch=(path.parent,),
            match=("*",),
            by=self.config.default_by,
            instructions=(instruction,),
            output=output,
        )
        stamp, rejected = await asyncio.to_thread(_inspected, path, self.bench.ffmpeg)
        match = Match(rule, path.parent, path.name)
        return await self.intake.order(Arrival(match, path, stamp, rejected))

    async def finished(self, job: Job) -> Job:
        """Waits until the job ends or is held. Raises ReeldropError where it waits for another that is held."""
        done = asyncio.Event()

        def look(happening: Happening) -> None:
            if isinstance(happening, JobChanged) and happening.job.id == job.id and _has_ended(happening.job):
                done.set()

        forget = self.listen(look)
        try:
            while not _has_ended(current := self.job(job.id)):
                self._refuse_to_wait(current)
                await done.wait()
                done.clear()
            return current
        finally:
            forget()

    def _refuse_to_wait(self, job: Job) -> None:
        twin = self.store.read(lambda connection: record.held_twin(connection, job))
        if twin is not None:
            raise ReeldropError(
                "",
                f"{job.source.path.name} waits for job {twin.id} of the same content, which is held: {twin.reason}",
                f"Solve that, or `reeldrop retry {twin.id}`.",
            )

    def job(self, job_id: str) -> Job:
        """The job as the record has it now."""
        found = self.store.read(lambda connection: record.get_job(connection, job_id))
        assert found is not None
        return found

    def _troubled(self, cause: str | None) -> None:
        self._trouble = cause
        if cause is None:
            _log.info("record.works_again", path=str(self.config.state / DATABASE))
        else:
            _log.warning("record.waits", error=cause, hint="All jobs wait; they go on by themselves.")

    def troubles(self) -> list[str]:
        """What keeps all jobs, or those of an account or a folder, from going on now; a sentence each."""
        told = [] if self._trouble is None else [f"{self._trouble}; all jobs wait"]
        told += [f"{folder}: {trouble.cause}" for folder, trouble in self.bench.folders.troubles.items()]
        if self.store.read(lambda connection: record.any_open(connection, "service")):
            account = self._account("service")
            if account.gate.shut_for > 0:
                told.append(
                    f"{self.config.service_url}: {account.gate.why}; it opens in {account.gate.shut_for:.0f} s"
                )
            told += [bar.reason for bar in self.bench.account_record(account).bars.values()]
        return told

    async def _tell_troubles(self, _: Message) -> AsyncIterator[Message]:
        for one in self.troubles():
            yield {"trouble": one}

    async def retire(self) -> None:
        """The details of jobs that ended longer ago than `retention` leave the record, and the studio its files."""
        before = time.time() - self.config.retention
        count = await retire(self.store, before)
        await self._embedded.retire(before, self.store.read(open_sessions))
        if count:
            _log.info("record.retired", jobs=count)

    async def look_at_account(self, *, begin: bool = False) -> None:
        """Whether what paid steps are held for is over."""
        if self.store.read(lambda connection: record.any_open(connection, "service")):
            await look_again(self.bench, self._attribution, self.runner.wake, begin=begin)

    def _account(self, by: By) -> Account:
        if by == "embedded":
            return self._embedded
        if not self._is_paced:
            # Not before there is work for it: the account's name is made and written down at its first use.
            self._is_paced = True
            self._pace(self._service)
        return self._service

    def _pace(self, account: Account) -> None:
        """The gate goes on as an earlier daemon left it, and is written down whenever it shuts."""
        kept, gate = self.bench.account_record(account), account.gate
        shut_for = min(max(0.0, (kept.shut_until or 0.0) - time.time()), LONGEST_SHUT)
        gate.open(self.config.limits.jobs, room=kept.room, refusals=kept.refusals or 0, shut_for=shut_for)

        def write_down() -> None:
            pace, until = gate.pace, time.time() + gate.shut_for
            self.store.write_later(
                lambda connection: accounts.paced(connection, account.id, pace.room, pace.refusals, until)
            )

        gate.changed = write_down

    def _payer(self, account: Account) -> Payer:
        user_id = account.user_id or self.bench.account_record(account).user_id
        return Payer(account.anonymous, user_id, self._web)

    def _tell(self, happening: Happening) -> None:
        for hook in list(self._hooks):
            try:
                hook(happening)
            except Exception as error:
                # Whoever listened is gone (`reeldrop run | head`); the job has done nothing wrong.
                self._hooks.remove(hook)
                _log.warning("listener.dropped", error=f"{type(error).__name__}: {error}")

    async def _credits(self, _: Message) -> AsyncIterator[Message]:
        yield asdict(await self._visitor.balance())

    async def _open(self, asked: Message) -> AsyncIterator[Message]:
        """The link goes to whoever asked, and nowhere else."""
        job = self.store.read(partial(record.find_job, prefix=str(asked["id"])))
        yield asdict(await self._visitor.link(job))

    async def _live(self, _: Message) -> AsyncIterator[Message]:
        async for seen in self._visitor.look():
            yield asdict(seen)

    async def _do(self, asked: Message) -> AsyncIterator[Message]:
        """Makes the job and tells of it until it ends, so that the command can show its progress."""
        told: asyncio.Queue[Happening] = asyncio.Queue()
        forget = self.listen(told.put_nowait)
        try:
            job = await self.order(Path(asked["path"]), asked["instruction"], Path(asked["output"]))
            yield {"job": public(job)}
            while not _has_ended(self.job(job.id)) or not told.empty():
                self._refuse_to_wait(self.job(job.id))
                happening = await told.get()
                if happening.job.id == job.id:
                    yield told_line(happening)
            yield {"job": public(self.job(job.id))}
        finally:
            forget()


def told_line(happening: Happening) -> Message:
    """A happening as a line of the control socket."""
    match happening:
        case JobChanged(job):
            return {"changed": public(job)}
        case StepBegun(_, step, index):
            return {"begun": step.value, "index": index}
        case StepProgress(_, step, fraction):
            return {"progress": step.value, "fraction": fraction}
        case Noted(_, text):
            return {"note": text}


def _inspected(path: Path, ffmpeg: Callable[[], Ffmpeg]) -> tuple[Stamp, str | None]:
    sight = inspect(str(path), ffmpeg)
    match sight:
        case Gone():
            raise SourceError("", f"{path} is no file", "Name a video, sound, picture or text file.")
        case Unreadable(why):
            raise SourceError("", f"{path} cannot be read: {why}")
        case Busy():
            raise SourceError(
                "", f"{path} is being written by another program", "Try again once it is finished."
            )
        case Seen(stamp, _, finding, _):
            if finding.content is Content.UNFINISHED:
                raise SourceError("", f"{path} is not whole: {finding.why}", "Copy it again.")
            return stamp, finding.why if finding.content is Content.FOREIGN else None


def _has_ended(job: Job) -> bool:
    """Whether waiting for it is over; a held one only has `maybe-paid` to find out by itself in a while."""
    if job.state is State.HELD:
        return job.not_before is None or job.reason_code != "maybe-paid"
    return job.state in FINISHED


def _ffmpeg(config: Config) -> Path:
    try:
        return find_ffmpeg(config.studio.ffmpeg)
    except MediaError as error:
        raise UsageError(error.operation, error.cause, error.hint) from None


def _uptime() -> Uptime:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return Uptime(boot.read_text().strip() if boot.exists() else "", uptime())


def on_signals(stop: asyncio.Event, tell: Callable[[], None] = lambda: None) -> None:
    """The first SIGTERM, SIGINT or SIGHUP sets `stop` and calls `tell`; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def asked() -> None:
        for number in signals:
            # By the system, not by this loop: it may hang on a disk.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stop.set()
        tell()

    for number in signals:
        loop.add_signal_handler(number, asked)
