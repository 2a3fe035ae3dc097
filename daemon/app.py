"""The one place that builds the parts and puts them together; signals, drain."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from daemon import __version__
from daemon.config.fields import By
from daemon.config.model import Config, Rule
from daemon.control.socket import Command, ControlServer, Message
from daemon.deliver import folder as output_folder
from daemon.errors import DeliveryError, MediaError, ReeldropError, SourceError, UsageError
from daemon.jobs import accounts, approvals, record
from daemon.jobs.lock import StateLock
from daemon.jobs.model import Job
from daemon.jobs.public import public
from daemon.jobs.retention import retire
from daemon.jobs.states import FINISHED, State
from daemon.jobs.store import Store
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.nemo.account import Account, AnonymousAccount, TokenAccount
from daemon.nemo.client import Attribution, Terms, ask_anonymous_token
from daemon.nemo.embedded import EmbeddedAccount
from daemon.nemo.live import Visitor
from daemon.pipeline import renewal
from daemon.pipeline.arrivals import Arrival
from daemon.pipeline.backlog import told
from daemon.pipeline.barring import Payer
from daemon.pipeline.bench import Bench
from daemon.pipeline.budget import budgets_of
from daemon.pipeline.commands import AtWork, Commands
from daemon.pipeline.conditions import look_again
from daemon.pipeline.disposing import dispose_left
from daemon.pipeline.gathering import Gathering
from daemon.pipeline.hooks import Happening, Hook, JobChanged, Noted, StepBegun, StepProgress
from daemon.pipeline.intake import Intake
from daemon.pipeline.law import Uptime
from daemon.pipeline.purse import Purse
from daemon.pipeline.runner import Runner, take_up, tell_people
from daemon.rules.match import Match, RuleBook
from daemon.service.notify import notify
from daemon.service.schedule import Schedule
from daemon.watch.folders import Root
from daemon.watch.inbox import Wanted
from daemon.watch.inspection import inspect
from daemon.watch.owner import Claim, patience
from daemon.watch.owners import Owners, Word, claim_of, unkept_words
from daemon.watch.sight import Busy, Content, Gone, Seen, Stamp, Unreadable
from daemon.watch.watcher import Watcher

_log = structlog.get_logger()

DATABASE: Final = "jobs.db"
DRAIN_LIMIT: Final = 20.0
"""Seconds that running jobs get to come to an end at a stop."""
ACCOUNT_LOOK: Final = 600.0
"""Seconds between two looks whether an account has credits again, or its token is accepted."""
RETIRE_LOOK: Final = 86_400.0
"""Seconds between two looks for jobs that ended longer ago than `retention`."""
LONGEST_SHUT: Final = 86_400.0
"""Seconds for which an earlier daemon's gate stays shut at the most: a wall clock may have been set back."""
TELL_EVERY: Final = 10.0
"""Seconds between two words about how far the files are read that were there at the start."""
WEB_URL: Final = "https://nemovideo.com"
OWNER_WAIT: Final = 180.0
"""Seconds more that systemd gives a start which has to see whether another daemon lives."""
ONCE_LIMIT: Final = 60.0
"""Seconds after which `run --once` lists what has not settled."""

_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A file that is no job yet, and what it waits for."""

    path: Path
    why: str


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
        self._embedded = EmbeddedAccount(config.state / "studio", config.studio.ffmpeg)
        self._embedded.gate.open(config.limits.jobs)
        self._attribution = attribution(environ)
        self._service = service_account(config, environ, self._attribution)
        self._web = _web(environ)
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
        """The details of jobs that ended longer ago than `retention` leave the record."""
        count = await retire(self.store, time.time() - self.config.retention)
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


class Inbox:
    """What the watcher asks and tells, between the rules and the intake."""

    def __init__(self, gathering: Gathering, intake: Intake) -> None:
        self._gathering = gathering
        self._intake = intake
        self.warnings: dict[Path, str] = {}

    def wanted(self, path: str) -> Wanted | None:
        rule = self._gathering.rule_for(path)
        return None if rule is None else Wanted(rule.settle)

    def known(self, found: Sequence[tuple[str, Stamp]]) -> set[str]:
        return self._gathering.known(found) | self._intake.known(found)

    def settled(self, path: Path, stamp: Stamp, age: float, content: str | None) -> None:
        self._put(path, stamp, age, None, content)

    def rejected(self, path: Path, stamp: Stamp, age: float, why: str) -> None:
        self._put(path, stamp, age, why)

    def gone(self, path: Path) -> None:
        self.warnings.pop(path, None)
        self._intake.forget(path)
        self._gathering.gone(path)

    def emptied(self, folder: Path) -> None:
        for path in [path for path in self.warnings if folder in path.parents]:
            del self.warnings[path]
        self._intake.forget_below(folder)
        self._gathering.emptied(folder)

    def moved(self, source: Path, target: Path) -> None:
        self._intake.follow(source, target)
        self._gathering.moved(source, target)

    def scanned(self, folder: Path, known: int) -> None:
        self._intake.look_for_missing(folder, known)

    def warned(self, path: Path, message: str) -> None:
        self.warnings[path] = message
        _log.warning("file.waits", path=str(path), why=message)

    def eased(self, path: Path) -> None:
        self.warnings.pop(path, None)
        _log.info("folder.works_again", path=str(path))

    def _put(
        self, path: Path, stamp: Stamp, age: float, rejected: str | None, content: str | None = None
    ) -> None:
        self.warnings.pop(path, None)
        self._gathering.settled(path, stamp, time.time() - age, rejected, content)


class Daemon:
    """`run`: an app, a watcher, a schedule, until a signal comes.

    `take_over`: its watch folders are taken from other daemons. Raises UsageError where one has them, otherwise.
    """

    def __init__(self, app: App, *, take_over: bool = False) -> None:
        self._app = app
        self._take_over = take_over
        folders: dict[Path, bool] = {}
        for rule in app.config.rules:
            for folder in rule.watch:
                folders[folder] = rule.recursive or folders.get(folder, False)
        self._owners = Owners(folders, app.config.state, self._told_of_owner)
        self._rescanning: asyncio.Task[None] | None = None
        self._has_told_first = False
        book = RuleBook(app.config.rules, os.path.realpath)
        self._gathering = Gathering(book, app.intake, app.bench.ffmpeg, self._owners.holds)
        self._inbox = Inbox(self._gathering, app.intake)
        watching = app.config.watching
        roots = [
            Root(folder, rule.recursive, rule.mode or watching.mode)
            for rule in app.config.rules
            for folder in rule.watch
        ]
        self._watcher = Watcher(
            roots,
            self._inbox,
            poll=watching.poll,
            follow_links=watching.follow_links,
            ffmpeg=app.bench.ffmpeg,
        )
        app.commands["pending"] = self._pending
        app.commands["troubles"] = self._troubles
        app.commands["approvals"] = self._approvals

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Until `stop`; `ready` is called once every folder is watched."""
        async with self._owning(stop) as owns:
            if owns:
                await self._run(stop, ready)

    async def once(self, stop: asyncio.Event) -> tuple[Unsettled, ...]:
        """What is there now, until nothing is queued, running or waiting; returns what did not settle."""
        async with self._owning(stop) as owns:
            return await self._once(stop) if owns else ()

    @asynccontextmanager
    async def _owning(self, stop: asyncio.Event) -> AsyncIterator[bool]:
        """The watch folders are ours inside; False: `stop` came before that could be seen."""
        taking = asyncio.create_task(self._owners.take(over=self._take_over))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((taking, stopped), return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                taking.result()
            yield taking.done()
        finally:
            taking.cancel()
            stopped.cancel()
            await self._owners.release()

    async def _run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        schedule = Schedule()
        async with self._app.working():
            await self._start()
            schedule.every(self._app.config.watching.rescan, self._rescan)
            schedule.every(ACCOUNT_LOOK, self._app.look_at_account)
            schedule.every(RETIRE_LOOK, self._app.retire)
            schedule.start()
            notify("READY=1")
            ready()
            left = asyncio.create_task(self._dispose_left())
            first = asyncio.create_task(self._tell_first())
            try:
                await stop.wait()
            finally:
                left.cancel()
                first.cancel()
                notify("STOPPING=1")
                schedule.stop()
                await self._watcher.stop()
                await self._gathering.close()

    async def _once(self, stop: asyncio.Event) -> tuple[Unsettled, ...]:
        stopped = asyncio.create_task(stop.wait())
        async with self._app.working():
            await self._start(once=True)
            work = asyncio.create_task(self._all_done())
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            left = tuple(Unsettled(one.path, one.why) for one in self._watcher.pending())
            left += tuple(Unsettled(path, why) for path, why in self._gathering.pending())
            for waiting in (work, stopped):
                waiting.cancel()
            await self._watcher.stop()
            await self._gathering.close()
        return left

    def _told_of_owner(self, word: Word, folder: Path, why: str) -> None:
        """What became of a watch folder's owner file."""
        log = _log.info if word in ("taken_over", "unkept") else _log.warning
        log(f"folder.{word}", path=str(folder), why=why)
        if word == "waits":
            notify(f"EXTEND_TIMEOUT_USEC={OWNER_WAIT * 1_000_000:.0f}", f"STATUS={folder}: {why}")
        elif word == "regained" and (self._rescanning is None or self._rescanning.done()):
            # What settled meanwhile was passed over.
            self._rescanning = asyncio.create_task(self._watcher.rescan())

    async def _troubles(self, _: Message) -> AsyncIterator[Message]:
        settling = {one.path for one in self._watcher.pending()}
        watching = [f"{path}: {why}" for path, why in self._inbox.warnings.items() if path not in settling]
        for one in (*self._app.troubles(), *self._owners.troubles(), *watching):
            yield {"trouble": one}

    async def _pending(self, _: Message) -> AsyncIterator[Message]:
        """The files that are no job yet."""
        for one in self._watcher.pending():
            yield {"path": str(one.path), "why": one.why}
        for path, why in self._gathering.pending():
            yield {"path": str(path), "why": why}

    async def _approvals(self, _: Message) -> AsyncIterator[Message]:
        """What waits for a person's word, by rule."""
        for one in self._app.store.read(approvals.waiting):
            yield {**asdict(one), "told": told(one)}

    async def _start(self, *, once: bool = False) -> None:
        await self._app.intake.look_at_folders(once=once)
        await self._watcher.start()

    async def _rescan(self) -> None:
        with suppress(TimeoutError):  # of a folder that hangs; the next one is not to be left out for it
            await asyncio.wait_for(self._watcher.rescan(), self._app.config.watching.rescan)
        await self._app.intake.looked()
        if self._has_told_first:
            self._app.intake.tell_waiting()
        await self._dispose_left()

    async def _dispose_left(self) -> None:
        await dispose_left(self._app.bench, self._app.config.rules)

    async def _tell_first(self) -> None:
        """A word about what was there before, once all of it is known; until then, how far that is."""
        await self._watcher.idle()
        while left := self._app.intake.left:
            try:
                await asyncio.wait_for(self._app.intake.idle(), TELL_EVERY)
            except TimeoutError:
                _log.info("files.read", told=f"{left:,} files that were there are still to be read")
        await self._gathering.idle()
        self._has_told_first = True
        self._app.intake.tell_waiting()

    async def _all_done(self) -> None:
        longest = max((rule.settle or 0.0 for rule in self._app.config.rules), default=0.0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._watcher.idle(), max(ONCE_LIMIT, 2 * longest))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gathering.idle(), max(ONCE_LIMIT, 2 * longest))
        await self._app.intake.idle()
        self._app.intake.tell_waiting()
        await self._app.look_at_account(begin=True)
        self._app.runner.wake()
        await self._app.runner.idle()
        await self._dispose_left()


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


def look_over(config: Config) -> list[str]:
    """What is wrong with the machine for these rules: a line for each thing, with what would help."""
    wrong = []
    try:
        find_ffmpeg(config.studio.ffmpeg)
    except MediaError as error:
        wrong.append(str(error))
    for rule in config.rules:
        wrong += [fault for folder in rule.watch if (fault := _watch_fault(rule, folder)) is not None]
        for what, name, folder in (
            ("result", "output", rule.output),
            ("source", "archive", rule.archive if rule.after == "archive" else None),
            ("source", "quarantine", rule.quarantine),
        ):
            try:
                if folder is not None:
                    output_folder.make(folder)
            except DeliveryError as error:
                wrong.append(
                    f"rule {rule.name}: no {what} can be written to its {name} folder {error.cause}."
                )
    return wrong


def look_at_owners(config: Config) -> list[str]:
    """A line for each watch folder that another daemon has, or where no owner file keeps it away."""
    told = []
    for folder in dict.fromkeys(folder for rule in config.rules for folder in rule.watch):
        try:
            claim, standing = claim_of(folder, config.state)
        except OSError:
            continue
        if claim is Claim.HELD:
            told.append(
                f"{folder}: {standing} has it; only `reeldrop run --take-over` would take it from there."
            )
        elif claim is Claim.UNKNOWN and standing is not None:
            wait = f"`reeldrop run` waits up to {patience(standing):.0f} s to see whether that one is alive"
            told.append(f"{folder}: {standing} has it; {wait}.")
        if not os.access(folder, os.W_OK):
            told.append(f"{folder}: {unkept_words('this user cannot write there')}.")
    return told


def _watch_fault(rule: Rule, folder: Path) -> str | None:
    if not folder.exists():
        return f"rule {rule.name}: watch folder {folder} does not exist. Make it: mkdir -p {folder}"
    if not folder.is_dir():
        return f"rule {rule.name}: {folder} is a file, `watch` names a folder."
    if not os.access(folder, os.R_OK | os.X_OK):
        return f"rule {rule.name}: watch folder {folder} cannot be read by this user (`ls -ld {folder}` shows who may)."
    return None


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


def visitor(config: Config, environ: Mapping[str, str]) -> Visitor:
    """The paid editor for a person who looks, where no daemon runs. Raises UsageError for a token's file."""
    behalf = attribution(environ)
    return Visitor(service_account(config, environ, behalf), behalf, _web(environ))


def service_account(config: Config, environ: Mapping[str, str], attribution: Attribution) -> Account:
    """The paid editor's account: configured token, its file, systemd's credential, or an anonymous one."""
    if config.api.token is not None:
        token = config.api.token.get_secret_value()
        return TokenAccount(config.service_url, lambda: token)
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    file = config.api.token_file or (Path(credentials) / "nemo-token" if credentials else None)
    if file is not None and (file.exists() or config.api.token_file is not None):
        return TokenAccount(config.service_url, partial(_token_in, file))
    return AnonymousAccount(
        config.service_url,
        config.state,
        partial(ask_anonymous_token, attribution=attribution),
        client_id=environ.get("NEMO_CLIENT_ID"),
    )


def _token_in(file: Path) -> str:
    """The token in a file: `api.token_file`, or what systemd hands over (`LoadCredential=nemo-token:…`)."""
    try:
        token = file.read_text(errors="replace").strip()
    except OSError as error:
        raise UsageError("", f"the token's file {file} cannot be read ({error.strerror})") from None
    if not token or not (token.isascii() and token.isprintable()) or " " in token:
        # An HTTP library would tell the whole header, and so the token, in its error.
        raise UsageError(
            "", f"the token's file {file} holds no token", "It is one line with the token alone."
        )
    return token


def _uptime() -> Uptime:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return Uptime(boot.read_text().strip() if boot.exists() else "", time.clock_gettime(_BOOTTIME))


def attribution(environ: Mapping[str, str]) -> Attribution:
    """On whose behalf requests are made that belong to no job."""
    return Attribution("reeldrop", __version__, _platform(environ))


def _web(environ: Mapping[str, str]) -> str:
    return environ.get("NEMO_WEB_URL", WEB_URL).rstrip("/")


def _platform(environ: Mapping[str, str]) -> str:
    """Where this program was installed from, as the service's documents tell platforms apart."""
    if named := environ.get("SKILL_SOURCE"):
        return named
    parts = Path(__file__).parts
    return next((name for name in ("clawhub", "cursor") if f".{name}" in parts), "unknown")


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
