"""What is to be done for one watch folder: its notes, its scans batch by batch, its polls. On the event loop."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from daemon.watch.ear import Inotify
from daemon.watch.folders import Folder, Found, Root, Trouble


class Scan:
    """A scan of the tree `top`; `done` is set when the last file of it was observed.

    `source`: where the tree was before it was renamed. `checking`: it looks for what notes should have told.
    `counting`: the inbox is told of its end; `known`: how many of the files that it found so far are on record.
    """

    def __init__(self, top: str, source: str = "", *, checking: bool = False, counting: bool = False) -> None:
        self.top = top
        self.source = source
        self.checking = checking
        self.counting = counting
        self.known = 0
        self.batches: Iterator[list[Found | Trouble]] | None = None
        self.done = asyncio.Event()

    def before(self, path: str) -> str:
        """Where a file of the tree was before the tree was renamed; else where it is."""
        return self.source + path[len(self.top) :] if self.source else path


class Desk:
    """One watch folder and the scans that it waits for. `checking`: a thread is looking whether it stands."""

    def __init__(
        self,
        root: Root,
        inotify: Inotify,
        loop: asyncio.AbstractEventLoop,
        *,
        poll: float,
        follow_links: bool,
    ) -> None:
        self._loop = loop
        self._waking = False
        self._every = poll
        self._polled: dict[str, float] = {}
        self.work = asyncio.Event()
        self.checking = False
        self.folder = Folder(root, inotify, self._wake, poll=poll, follow_links=follow_links)
        self.scans: deque[Scan] = deque()
        self._tops: dict[str, Scan] = {}

    @property
    def idle(self) -> bool:
        return self.folder.hearing.silent and not self.folder.hearing.awaits and not self.scans

    def scan(self, top: str, source: str = "", *, checking: bool = False, counting: bool = False) -> Scan:
        """A scan to come; one that has not begun serves all who ask for it or for a part of it."""
        if not source and (waiting := self._waiting(top)) is not None:
            waiting.checking = waiting.checking or checking
            waiting.counting = waiting.counting or counting
            return waiting
        scan = Scan(top, source, checking=checking, counting=counting)
        self.scans.append(scan)
        if not source:
            self._tops[top] = scan
        self.work.set()
        return scan

    def _waiting(self, top: str) -> Scan | None:
        """A scan of this tree or of one that holds it, unless it has begun."""
        while (found := self._tops.get(top)) is None and len(top) > len(self.folder.path):
            top = os.path.dirname(top)  # noqa: PTH120  # for each of 10,000 folders
        return found

    def begin(self, scan: Scan) -> None:
        if self._tops.get(scan.top) is scan:
            del self._tops[scan.top]
        scan.batches = self.folder.scan(scan.top)

    def finish(self, scan: Scan) -> None:
        if self._tops.get(scan.top) is scan:
            del self._tops[scan.top]
        self.scans.remove(scan)
        scan.done.set()

    def poll(self, now: float) -> None:
        """Has scanned what is polled and whose time has come; `now` in monotonic seconds.

        The next time counts from here, but no scan begins while the one before still runs.
        """
        tops = self.folder.polled()
        self._polled = {top: due for top, due in self._polled.items() if top in tops}
        busy = {scan.top for scan in self.scans}
        for top in tops:
            if self._polled.setdefault(top, now + self._every) <= now and top not in busy:
                self._polled[top] = now + self._every
                self.scan(top)

    def drop(self) -> None:
        """Nothing is looked at any more; nobody waits for it in vain."""
        for scan in list(self.scans):
            self.finish(scan)

    def _wake(self) -> None:
        """From the reader's thread: one call into the loop for a burst of notes, not one for each."""
        if not self._waking:
            self._waking = True
            # The loop may have ended; what raises here would end the reader, and all folders would be deaf.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._waking = False
        self.work.set()
