"""The edge of watching: watch folders in, settled files out.

    watchdog ─┐                 ┌─ known, wanted? ─┐              ┌─ settled
    scan     ─┼─> tips ─> look ─┤                  ├─> Settling ──┼─ rejected
    rescan   ─┘                 └─ gone, moved     ┘   │      ^   └─ warned
                                                  due  v      │ sight
                                                   inspectors (threads)

Everything that `Inbox` hears, it hears on the event loop. Disk is touched in threads only: a look at what a
folder's tips name, one folder after the other; the inspection of due files by a few inspectors, so that a
file which hangs delays no other. One loop timer stands at `Settling.next_due`; nothing ticks.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, ParamSpec, TypeVar, TypeVarTuple

from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from daemon.errors import UsageError
from daemon.watch.folders import Folder, Found, Root, Tip, watch_error
from daemon.watch.inbox import Inbox
from daemon.watch.inspection import inspect, stamp_of
from daemon.watch.lease import ignore_lease_signals
from daemon.watch.settling import Pending, Rejected, Settled, Settling, Waiting
from daemon.watch.sight import Sight, Stamp

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_INSPECTORS: Final = 4
"""Inspections at once. They wait for the disk, hardly for the processor."""

_LOOKERS: Final = 8
_BATCH: Final = 512


class _Scan:
    """A scan of the tree `top`; `done` is set when the last file of it was observed."""

    def __init__(self, top: str) -> None:
        self.top = top
        self.batches: Iterator[list[Found]] | None = None
        self.done = asyncio.Event()


class _Desk:
    """What is to be done for one folder: its tips first, then its scans batch by batch."""

    def __init__(self, root: Root, observer: BaseObserver, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waking = False
        self.work = asyncio.Event()
        self.folder = Folder(root, observer, self._wake)
        self.scans: deque[_Scan] = deque()

    @property
    def idle(self) -> bool:
        return not (self.folder.tips or self.scans)

    def scan(self, top: str) -> _Scan:
        scan = _Scan(top)
        self.scans.append(scan)
        self.work.set()
        return scan

    def finish(self, scan: _Scan) -> None:
        self.scans.remove(scan)
        scan.done.set()

    def drop(self) -> None:
        """Nothing is looked at any more; nobody waits for it in vain."""
        self.folder.tips.clear()
        for scan in list(self.scans):
            self.finish(scan)

    def _wake(self) -> None:
        """From watchdog's thread: one call into the loop for a burst of tips, not one for each."""
        if not self._waking:
            self._waking = True
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._waking = False
        self.work.set()


class Watcher:
    """Watches `roots` for `inbox`, on one event loop, from start to stop. `clock`: monotonic seconds."""

    def __init__(
        self, roots: Sequence[Root], inbox: Inbox, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._roots = _merged(roots)
        self._inbox = inbox
        self._clock = clock
        self._settling = Settling()
        self._desks: list[_Desk] = []
        self._attending: list[asyncio.Task[None]] = []
        self._observer: BaseObserver | None = None
        self._lookers = ThreadPoolExecutor(_LOOKERS, "look")
        self._to_inspect: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._sights: deque[tuple[str, Sight]] = deque()
        self._telling = False
        self._timer: asyncio.TimerHandle | None = None
        self._nothing_left = asyncio.Event()
        self._warned: dict[str, str] = {}

    async def start(self) -> None:
        """Listens to every folder, then begins to scan them; does not wait for the scans (`idle` does).

        From the main thread, so that a lease cannot end the process. Raises UsageError, before anything is
        observed, where a folder is missing or unreadable or inotify is used up.
        """
        ignore_lease_signals()
        _calm_watchdog()
        self._loop = asyncio.get_running_loop()
        try:
            self._observer = Observer()
            self._observer.start()
        except OSError as error:
            self._observer = None
            raise watch_error("the watch folders", error) from error
        self._desks = [_Desk(root, self._observer, self._loop) for root in self._roots]
        try:
            for desk in self._desks:
                await self._in_thread(desk.folder.attach)
        except UsageError:
            await self.stop()
            raise
        for number in range(_INSPECTORS):
            threading.Thread(target=self._inspect, name=f"inspect-{number}", daemon=True).start()
        for desk in self._desks:
            desk.scan(desk.folder.path)
        self._attending = [self._loop.create_task(self._attend(desk)) for desk in self._desks]

    async def stop(self) -> None:
        """Stops listening and forgets what has not settled: the next start's scan finds it again."""
        for task in self._attending:
            task.cancel()
        await asyncio.gather(*self._attending, return_exceptions=True)
        if self._observer is not None:
            self._observer.stop()
            await asyncio.to_thread(self._observer.join)
        for _ in range(_INSPECTORS):
            self._to_inspect.put(None)
        self._lookers.shutdown(wait=False, cancel_futures=True)
        for desk in self._desks:
            desk.drop()
        self._settling = Settling()
        self._arm()

    async def rescan(self) -> None:
        """Looks at every file of every folder again; returns when all were observed.

        A folder that was deleted, replaced or unmounted and is back is listened to anew.
        """
        scans = [desk.scan(desk.folder.path) for desk in self._desks]
        for scan in scans:
            await scan.done.wait()

    def pending(self) -> tuple[Pending, ...]:
        """The files that have not settled, and what each waits for."""
        return self._settling.waiting()

    async def idle(self) -> None:
        """Returns once nothing is left to look at: no tip, no scan, and every file settled or gone."""
        while not self._is_idle():
            self._nothing_left.clear()
            await self._nothing_left.wait()

    def _is_idle(self) -> bool:
        return not len(self._settling) and all(desk.idle for desk in self._desks)

    async def _attend(self, desk: _Desk) -> None:
        """One folder's looks, in order. A folder that hangs keeps its own desk waiting alone."""
        while True:
            await desk.work.wait()
            desk.work.clear()
            while not desk.idle:
                if desk.folder.tips:
                    await self._hear(desk)
                else:
                    await self._go_on(desk, desk.scans[0])
                self._arm()

    async def _hear(self, desk: _Desk) -> None:
        tips = [desk.folder.tips[at] for at in range(min(len(desk.folder.tips), _BATCH))]
        stamps, standing = await self._in_thread(_look, desk.folder, tips)
        for tip, stamp in zip(tips, stamps, strict=True):
            if tip.tree:
                desk.scan(tip.path)
            else:
                self._guard(self._take, tip, stamp, standing)
            desk.folder.tips.popleft()

    async def _go_on(self, desk: _Desk, scan: _Scan) -> None:
        if scan.batches is None:
            if scan.top == desk.folder.path and not await self._reattach(desk.folder):
                desk.finish(scan)
                return
            scan.batches = desk.folder.scan(scan.top)
        batch = await self._in_thread(next, scan.batches, None)
        if batch is None:
            desk.finish(scan)
            return
        for found in batch:
            if found.stamp is None:
                self._warn_once(found.path, found.why)
            else:
                self._guard(self._observe, found.path, found.stamp)

    async def _reattach(self, folder: Folder) -> bool:
        try:
            await self._in_thread(folder.reattach)
        except UsageError as error:
            self._warn_once(folder.path, f"its rules wait until it can be watched again: {error}")
            return False
        self._warned.pop(folder.path, None)
        return True

    def _take(self, tip: Tip, stamp: Stamp | None, standing: bool) -> None:
        if tip.source:
            self._settling.forget(tip.source)
            self._inbox.moved(Path(tip.source), Path(tip.path))
        if stamp is not None:
            self._observe(tip.path, stamp, changed=True)
            return
        self._settling.forget(tip.path)
        if self._inbox.wanted(Path(tip.path)) is not None and standing:
            self._inbox.gone(Path(tip.path))

    def _observe(self, path: str, stamp: Stamp, *, changed: bool = False) -> None:
        wanted = None if self._inbox.known(path, stamp) else self._inbox.wanted(Path(path))
        if wanted is None:
            self._settling.forget(path)
        else:
            self._settling.observe(path, stamp, self._clock(), wanted.quiet, changed=changed)

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
            self._to_inspect.put(path)
        self._arm()

    def _inspect(self) -> None:
        """An inspector's thread. Not of a pool: one that hangs must not keep the process from ending."""
        while (path := self._to_inspect.get()) is not None:
            self._sights.append((path, inspect(path)))
            if not self._telling:
                self._telling = True
                # The loop may have ended while a file kept us waiting.
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._inspected)

    def _inspected(self) -> None:
        self._telling = False
        while self._sights:
            self._guard(self._conclude, *self._sights.popleft())
        self._arm()

    def _conclude(self, path: str, sight: Sight) -> None:
        now = self._clock()
        match self._settling.inspected(path, sight, now):
            case Settled(stamp, since):
                self._inbox.settled(Path(path), stamp, now - since)
            case Rejected(stamp, since, why):
                self._inbox.rejected(Path(path), stamp, now - since, why)
            case Waiting(why, late=True):
                self._inbox.warned(Path(path), f"it still waits: {why}")

    def _warn_once(self, path: str, message: str) -> None:
        if self._warned.get(path) != message:
            self._warned[path] = message
            self._inbox.warned(Path(path), message)

    def _guard(self, step: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """What an inbox does wrong about one file must not make the folder deaf to all others."""
        try:
            step(*args, **kwargs)
        except Exception as error:
            context = {"message": f"a watched file was passed over: {args[0]}", "exception": error}
            self._loop.call_exception_handler(context)

    def _in_thread(self, look: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        return self._loop.run_in_executor(self._lookers, look, *args)


def _calm_watchdog() -> None:
    """Two of watchdog's own sayings mean nothing to a person: a folder it found twice, a thread that ends.

    The first must not reach a program that turns warnings into errors: it would end the thread that reads
    inotify, and all folders would be deaf.
    """
    warnings.filterwarnings("ignore", "Callback with id .* already exists", RuntimeWarning)
    logging.getLogger("watchdog.observers.inotify").addFilter(_matters)


def _matters(record: logging.LogRecord) -> bool:
    return "thread is inactive" not in record.getMessage()


def _look(folder: Folder, tips: Sequence[Tip]) -> tuple[list[Stamp | None], bool]:
    """The stamp of each tip's file; and whether the folder itself stands, asked only if one is missing."""
    stamps = [None if tip.tree else stamp_of(tip.path) for tip in tips]
    return stamps, None not in stamps or folder.exists()


def _merged(roots: Sequence[Root]) -> tuple[Root, ...]:
    """One root a folder: two rules may watch the same one, with and without what is below it."""
    recursive: dict[Path, bool] = {}
    for root in roots:
        recursive[root.path] = root.recursive or recursive.get(root.path, False)
    return tuple(Root(path, below) for path, below in recursive.items())
