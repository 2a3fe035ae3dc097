"""The daemon itself: an app whose work comes out of the watch folders."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from daemon.app import App
from daemon.control.socket import Message
from daemon.jobs import approvals
from daemon.pipeline.backlog import told
from daemon.pipeline.disposing import dispose_left
from daemon.pipeline.gathering import Gathering
from daemon.pipeline.intake import Intake
from daemon.rules.match import RuleBook
from daemon.service.notify import notify
from daemon.service.schedule import Schedule
from daemon.watch.folders import Root
from daemon.watch.inbox import Known, Wanted
from daemon.watch.owners import Owners, Word
from daemon.watch.sight import Stamp
from daemon.watch.watcher import Watcher

_log = structlog.get_logger()

ACCOUNT_LOOK: Final = 600.0
"""Seconds between two looks whether an account has credits again, or its token is accepted."""
RETIRE_LOOK: Final = 86_400.0
"""Seconds between two looks for jobs that ended longer ago than `retention`."""
TELL_EVERY: Final = 10.0
"""Seconds between two words about how far the files are read that were there at the start."""
OWNER_WAIT: Final = 180.0
"""Seconds more that systemd gives a start which has to see whether another daemon lives."""
ONCE_LIMIT: Final = 60.0
"""Seconds after which `run --once` lists what has not settled."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A file that is no job yet, and what it waits for."""

    path: Path
    why: str


class Inbox:
    """What the watcher asks and tells, between the rules and the intake."""

    def __init__(self, gathering: Gathering, intake: Intake) -> None:
        self._gathering = gathering
        self._intake = intake
        self.warnings: dict[Path, str] = {}

    def wanted(self, path: str) -> Wanted | None:
        rule = self._gathering.rule_for(path)
        return None if rule is None else Wanted(rule.settle)

    def known(self, found: Sequence[tuple[str, Stamp]]) -> Known:
        kept = self._intake.kept(found)
        return Known(kept | self._intake.taken(found) | self._gathering.known(found), kept)

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
