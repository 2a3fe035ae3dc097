"""The edge of watching: watch folders in, settled files out.

    notes  ─┐                 ┌─ known, wanted? ─┐              ┌─ settled
    scan   ─┼─> tips ─> look ─┤                  ├─> Settling ──┼─ rejected
    poll   ─┘                 └─ gone, moved     ┘   │      ^   └─ warned
                                                 due v      │ sight
                                                  inspectors (threads)

Everything that `Inbox` hears, it hears on the event loop. Disk is touched in threads only: a look at what a
folder's notes name, one folder after the other; the inspection of due files by a few inspectors for each watch
folder, so that a file which hangs delays no other. One loop timer stands at `Settling.next_due`. A slow pulse
asks what no note tells: whether the reader lives, the folders stand and are mounted as before, and the process
was suspended.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, ParamSpec, TypeVar, TypeVarTuple

import structlog

from daemon.errors import UsageError
from daemon.media.ffmpeg import Ffmpeg
from daemon.uptime import uptime
from daemon.watch.desk import Desk, Scan
from daemon.watch.ear import Inotify
from daemon.watch.folders import POLL, Found, Look, Root, Trouble, merged
from daemon.watch.hearing import Kind
from daemon.watch.inbox import Inbox, Known
from daemon.watch.inspection import any_ffmpeg, inspect
from daemon.watch.inspectors import Inspectors
from daemon.watch.lease import ignore_lease_signals
from daemon.watch.mounts import read_mounts
from daemon.watch.settling import Pending, Rejected, Settled, Settling, Waiting
from daemon.watch.sight import Sight, Stamp
from daemon.watch.troubles import Troubles

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

PULSE: Final = 5.0
"""Seconds between two looks at what no note tells. A folder that comes back is listened to within this time."""

_SUSPENDED: Final = 10.0
"""Seconds by which a pulse may come late before it counts as a suspended process: a busy loop is late, too."""

_PAIRED: Final = 0.05
"""Seconds after which the second half of a rename can no longer come: the kernel queues both at once."""

_LOOKERS: Final = 64
"""Folders looked at at once. Those that hang, on a network that is gone, hold a thread each."""

_REMEMBERED: Final = 4096
"""Files that settled last: one of them is not called unheard of when whoever wanted it asks for it again."""

_TOGETHER: Final = 0.02
"""Seconds for which what was seen of a file may wait for that of others."""

_PASSED: Final = 8
"""Batches of a scan after which the folder's notes are read again."""

_log = structlog.get_logger()


class Watcher:
    """Watches `roots` for `inbox`, on one event loop, from start to stop.

    `clock`: monotonic seconds; `uptime`: such as go on while the machine is suspended. `poll`: seconds between two
    scans of what events do not tell of; `pulse`: between two looks whether the folders stand. `follow_links`:
    whether links that lead out of a root, and links to folders, are followed. `ffmpeg`: looks at the end of a file
    that may be filled by half.
    """

    def __init__(
        self,
        roots: Sequence[Root],
        inbox: Inbox,
        *,
        clock: Callable[[], float] = time.monotonic,
        uptime: Callable[[], float] = uptime,
        poll: float = POLL,
        pulse: float = PULSE,
        follow_links: bool = False,
        ffmpeg: Callable[[], Ffmpeg] = any_ffmpeg,
    ) -> None:
        self._roots = merged(roots)
        self._inbox = inbox
        self._clock = clock
        self._uptime = uptime
        self._poll = poll
        self._pulse = min(pulse, poll)
        self._follow_links = follow_links
        self._ffmpeg = ffmpeg
        self._settling = Settling()
        self._inotify = Inotify()
        self._desks: list[Desk] = []
        self._attending: list[asyncio.Task[None]] = []
        self._pulsing: asyncio.Task[None] | None = None
        self._lookers = ThreadPoolExecutor(_LOOKERS, "look")
        self._inspectors = {str(root.path): Inspectors(root.path.name, self._inspect) for root in self._roots}
        self._sights: deque[tuple[str, Sight]] = deque()
        self._telling = False
        self._timer: asyncio.TimerHandle | None = None
        self._nothing_left = asyncio.Event()
        self._troubles = Troubles(inbox)
        self._untold: dict[str, Desk] = {}
        self._settled: dict[str, tuple[Stamp, float]] = {}

    async def start(self) -> None:
        """Begins to scan every folder, and to listen to what is scanned; does not wait for that (`idle` does).

        From the main thread, so that a lease cannot end the process. Raises UsageError, before anything is
        observed, where a folder is missing or unreadable. Where inotify is used up, folders are polled.
        """
        ignore_lease_signals()
        self._loop = asyncio.get_running_loop()
        self._desks = self._new_desks()
        try:
            for desk in self._desks:
                await self._in_thread(desk.folder.attach)
        except UsageError:
            await self.stop()
            raise
        self._attend_all()
        self._pulsing = self._loop.create_task(self._beat())

    async def stop(self) -> None:
        """Stops listening and forgets what has not settled: the next start's scan finds it again."""
        if self._pulsing is not None:
            self._pulsing.cancel()
            await asyncio.gather(self._pulsing, return_exceptions=True)
        await self._end_attending()
        for inspectors in self._inspectors.values():
            inspectors.end()
        self._lookers.shutdown(wait=False, cancel_futures=True)
        self._settling = Settling()
        self._arm()

    async def rescan(self) -> None:
        """Looks at every file of every folder again; returns when all were observed.

        A file that it finds, and that settles without any note of it, shows that its file system is silent.
        """
        self._untold = {path: desk for path, desk in self._untold.items() if path in self._settling}
        scans = [desk.scan(desk.folder.path, checking=True, counting=True) for desk in self._desks]
        for scan in scans:
            await scan.done.wait()

    def pending(self) -> tuple[Pending, ...]:
        """The files that have not settled, and what each waits for."""
        return self._settling.waiting()

    async def idle(self) -> None:
        """Returns once nothing is left to look at: no note, no scan, and every file settled or gone."""
        while not self._is_idle():
            self._nothing_left.clear()
            await self._nothing_left.wait()

    def _is_idle(self) -> bool:
        return not len(self._settling) and all(desk.idle for desk in self._desks)

    def _new_desks(self) -> list[Desk]:
        return [
            Desk(root, self._inotify, self._loop, poll=self._poll, follow_links=self._follow_links)
            for root in self._roots
        ]

    def _attend_all(self) -> None:
        for desk in self._desks:
            desk.scan(desk.folder.path, counting=True)
        self._attending = [self._loop.create_task(self._attend(desk)) for desk in self._desks]

    async def _end_attending(self) -> None:
        for attending in self._attending:
            attending.cancel()
        await asyncio.gather(*self._attending, return_exceptions=True)
        await asyncio.to_thread(self._inotify.close)
        for desk in self._desks:
            desk.drop()

    async def _beat(self) -> None:
        """What no note tells, asked again and again; and the polls."""
        last = self._uptime()
        while True:
            await asyncio.sleep(self._pulse)
            now = self._uptime()
            if now - last > self._pulse + _SUSPENDED:
                self._scan_again(self._desks, f"the process stood still for {now - last:.0f} s")
            last = now
            if self._inotify.died:
                await self._renew()
            for inspectors in self._inspectors.values():
                inspectors.relieve()
            if not all(desk.checking for desk in self._desks):
                self._in_thread(self._check, self._desks)
            for desk in self._desks:
                desk.poll(self._clock())

    def _check(self, desks: Sequence[Desk]) -> None:
        """In a thread. One that hangs is left to its folder; the next pulse's goes round it."""
        mounts = read_mounts()
        for desk in desks:
            if desk.checking:
                continue
            desk.checking = True
            try:
                if desk.folder.changed(mounts):
                    with suppress(RuntimeError):  # the loop may have ended while a folder kept us waiting
                        self._loop.call_soon_threadsafe(desk.scan, desk.folder.path)
            finally:
                desk.checking = False

    def _scan_again(self, desks: Sequence[Desk], why: str) -> None:
        """Something may have been missed, so nothing that a scan finds now shows that a folder is silent."""
        self._untold.clear()
        for desk in desks:
            _log.info("watch.scanned", path=desk.folder.path, why=why)
            desk.scan(desk.folder.path)

    async def _renew(self) -> None:
        """The reader's thread has died: all folders are listened to anew, by another."""
        _log.warning(
            "watch.deaf", why="the thread that reads inotify has ended", hint="All folders are read anew."
        )
        await self._end_attending()
        self._untold.clear()
        self._inotify = Inotify()
        self._desks = self._new_desks()
        self._attend_all()

    async def _attend(self, desk: Desk) -> None:
        """One folder's looks, in order. A folder that hangs keeps its own desk waiting alone."""
        while True:
            await desk.work.wait()
            desk.work.clear()
            while not desk.idle:
                if not desk.folder.hearing.silent:
                    # What the notes tell of happened before it is looked at.
                    at = self._clock()
                    self._hear(desk, at, *await self._in_thread(self._heard, desk.folder.hear))
                elif desk.folder.hearing.awaits:
                    await asyncio.sleep(_PAIRED)
                    if desk.folder.hearing.silent:
                        at = self._clock()
                        self._hear(desk, at, *await self._in_thread(self._heard, desk.folder.departed))
                if desk.scans:
                    await self._go_on(desk, desk.scans[0])
                self._arm()

    def _heard(self, hear: Callable[[], tuple[list[Look], bool]]) -> tuple[list[Look], bool, Known]:
        """In a thread: what was heard, whether the folder stands, and which of the files are known.

        One that was renamed is asked about by its old path: it is the same version.
        """
        looks, standing = hear()
        found = [(one.tip.source or one.tip.path, one.stamp) for one in looks if one.stamp is not None]
        return looks, standing, self._known(found)

    def _scanned(self, scan: Scan) -> tuple[list[Found | Trouble], Known] | None:
        """In a thread: what a scan found next, and which of the files are known, as `_heard` tells it.

        Batches of which nothing is to be told are passed over here: most are, and 100,000 files at a start took a
        second on the loop. Nobody else lets a file of this folder begin to settle meanwhile.
        """
        assert scan.batches is not None
        for _ in range(_PASSED):
            batch = next(scan.batches, None)
            if batch is None:
                return None
            files = [one for one in batch if isinstance(one, Found)]
            known = self._known([(scan.before(path), stamp) for path, stamp, _ in files])
            if scan.source:
                return batch, known
            scan.known += len(known.kept)
            if len(known.versions) == len(batch) and not len(self._settling):
                continue
            new = [one for one in batch if one[:2] not in known.versions or one.path in self._settling]
            if new:
                return new, known
        return [], Known()

    def _known(self, found: Sequence[tuple[str, Stamp]]) -> Known:
        try:
            return self._inbox.known(found) if found else Known()
        except Exception as error:
            # Then all of them settle once more, and whoever wants them sees that they are the same.
            context = {"message": "it could not be told which files are known", "exception": error}
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.call_exception_handler, context)
            return Known()

    def _hear(self, desk: Desk, at: float, looks: Sequence[Look], standing: bool, known: Known) -> None:
        if not standing:
            # Its notes are still of what lay there: a medium that was taken away and put back between two pulses
            # went unnoticed, and with it what had been written to it meanwhile.
            desk.scan(desk.folder.path)
        for look in looks:
            match look.tip.kind:
                case Kind.LOST:
                    self._scan_again([desk], "the kernel's queue of file events ran over")
                case Kind.TREE:
                    desk.scan(look.tip.path, look.tip.source)
                case Kind.EMPTIED:
                    self._settling.forget_below(look.tip.path)
                    if standing:
                        self._guard(self._empty, look.tip.path)
                case _:
                    self._guard(self._take, look.tip.path, look, at, standing, known)

    async def _go_on(self, desk: Desk, scan: Scan) -> None:
        if scan.batches is None:
            if scan.top == desk.folder.path and not await self._reattach(desk):
                desk.finish(scan)
                return
            desk.begin(scan)
        at = self._clock()
        scanned = await self._in_thread(self._scanned, scan)
        if scanned is None:
            desk.finish(scan)
            if scan.counting:
                self._guard(self._count, scan.top, scan.known)
            return
        batch, known = scanned
        for found in batch:
            if isinstance(found, Trouble):
                self._troubles.tell(found.path, found.topic, found.why)
            else:
                self._guard(self._meet, found.path, found, scan, desk, at, known)

    async def _reattach(self, desk: Desk) -> bool:
        path = desk.folder.path
        try:
            await self._in_thread(desk.folder.reattach)
        except UsageError as error:
            self._troubles.tell(path, "gone", f"its rules wait until it can be watched again: {error}")
            return False
        self._troubles.tell(path, "gone", "")
        return True

    def _count(self, folder: str, known: int) -> None:
        self._inbox.scanned(Path(folder), known)

    def _take(self, path: str, look: Look, at: float, standing: bool, known: Known) -> None:
        self._untold.pop(path, None)
        source = look.tip.source
        if source:
            self._follow(source, path)
        if look.stamp is not None:
            known_before = (source or path, look.stamp) in (known.kept if source else known.versions)
            self._observe(path, look.stamp, known_before, at, changed=look.tip.kind is Kind.WRITTEN)
            return
        self._settling.forget(path)
        if look.tip.kind is Kind.GONE and standing and self._inbox.wanted(path) is not None:
            self._inbox.gone(Path(path))

    def _follow(self, source: str, target: str) -> None:
        self._settling.forget(source)
        self._inbox.moved(Path(source), Path(target))

    def _empty(self, folder: str) -> None:
        self._inbox.emptied(Path(folder))

    def _meet(self, path: str, found: Found, scan: Scan, desk: Desk, at: float, known: Known) -> None:
        if scan.source:
            self._follow(scan.before(path), path)
        waited = path in self._settling
        known_before = (scan.before(path), found.stamp) in (known.kept if scan.source else known.versions)
        self._observe(path, found.stamp, known_before, at)
        if scan.checking and found.heard and not waited and path in self._settling:
            self._untold[path] = desk

    def _observe(self, path: str, stamp: Stamp, known: bool, at: float, *, changed: bool = False) -> None:
        told = self._settled.get(path)
        # It settled between the question whether it is known and the answer.
        known = known or (told is not None and told[0] == stamp and told[1] >= at)
        wanted = None if known else self._inbox.wanted(path)
        if wanted is None:
            self._settling.forget(path)
        else:
            self._settling.observe(path, stamp, at, wanted.quiet, changed=changed)

    def _arm(self) -> None:
        """Sets the one timer to the next due file."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._settling.next_due()
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - self._clock()), self._give_out)
        elif self._is_idle():
            self._nothing_left.set()

    def _give_out(self) -> None:
        for path in self._settling.due(self._clock()):
            root = path
            while root not in self._inspectors:
                root = os.path.dirname(root)  # noqa: PTH120  # for each of 50,000
            self._inspectors[root].put(path)
        self._arm()

    def _inspect(self, path: str) -> None:
        """In an inspector's thread."""
        self._sights.append((path, inspect(path, self._ffmpeg)))
        if not self._telling:
            self._telling = True
            # The loop may have ended while a file kept us waiting.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._told_of_sights)

    def _told_of_sights(self) -> None:
        """Of many at once, those that are seen soon after one another are concluded together.

        Each for itself, the loop and the inspectors took the interpreter from one another for every file.
        """
        if any(inspectors.behind for inspectors in self._inspectors.values()):
            self._loop.call_later(_TOGETHER, self._inspected)
        else:
            self._inspected()

    def _inspected(self) -> None:
        self._telling = False
        while self._sights:
            self._guard(self._conclude, *self._sights.popleft())
        self._arm()

    def _conclude(self, path: str, sight: Sight) -> None:
        now = self._clock()
        match self._settling.inspected(path, sight, now):
            case Settled(stamp, since, content):
                self._note_settled(path, stamp, now)
                self._inbox.settled(Path(path), stamp, now - since, content)
            case Rejected(stamp, since, why):
                self._note_settled(path, stamp, now)
                self._inbox.rejected(Path(path), stamp, now - since, why)
            case Waiting(why, late=True):
                self._inbox.warned(Path(path), f"it still waits: {why}")

    def _note_settled(self, path: str, stamp: Stamp, now: float) -> None:
        """A file has settled. If a rescan found it and no note ever told of it, what it lies on is silent."""
        desk = self._untold.pop(path, None)
        if desk is not None and path not in self._settled:
            top = desk.folder.distrust(path)
            if top is not None:
                why = f"no event told of {path}, which a rescan found; from now on it is read every {self._poll:g} s"
                self._troubles.tell(top, "silent", why)
        self._settled.pop(path, None)
        self._settled[path] = stamp, now
        if len(self._settled) > _REMEMBERED:
            del self._settled[next(iter(self._settled))]

    def _guard(self, step: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """What an inbox does wrong about one file must not make the folder deaf to all others."""
        try:
            step(*args, **kwargs)
        except Exception as error:
            context = {"message": f"a watched file was passed over: {args[0]}", "exception": error}
            self._loop.call_exception_handler(context)

    def _in_thread(self, look: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        return self._loop.run_in_executor(self._lookers, look, *args)
