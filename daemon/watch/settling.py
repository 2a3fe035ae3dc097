"""When a file counts as settled. Pure: `now` is the monotonic clock's seconds and is passed in.

    observe ──> quiet ──> due ──> inspected ──> Settled | Rejected     forgotten here, the caller remembers
                  ^                   │
                  └── Waiting  <──────┘         busy, unfinished, unreadable: looked at again, for ever

Laws:
- Quiet time counts from the last change *observed*, never from a file's own times.
- No file is inspected before its quiet time has passed, and none settles without an inspection that saw it
  unchanged, unwritten and whole.
- Nothing is dropped for being busy, unreadable or half-written; it is looked at again while it exists.
- Every file waits for itself alone.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from daemon.watch.sight import Busy, Content, Gone, Sight, Stamp, Unreadable

QUIET: Final = 5.0
"""`settle: auto` in seconds, where a lease tells whether somebody still writes."""

QUIET_UNASKED: Final = 30.0
"""`settle: auto` in seconds, where the lease cannot be asked and the quiet time decides alone."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two looks at a file that waits; they begin at 1 and double."""

LATE_AFTER: Final = 600.0
"""Seconds a file may wait unchanged before a person is told, once."""


@dataclass(frozen=True, slots=True)
class Settled:
    """First observed at `since` (monotonic seconds). `content`: its hash, where it was read."""

    stamp: Stamp
    since: float
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """No container the editor accepts; first observed at `since` (monotonic seconds)."""

    stamp: Stamp
    since: float
    why: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Looked at again at `again` (monotonic seconds), or at the next change. `late`: tell a person now."""

    why: str
    again: float
    late: bool = False


Outcome = Settled | Rejected | Waiting


@dataclass(frozen=True, slots=True)
class Pending:
    """A file that has not settled yet; first observed at `since` (monotonic seconds)."""

    path: Path
    since: float
    why: str


@dataclass(slots=True)
class _Candidate:
    path: str
    stamp: Stamp
    quiet: float
    auto: bool
    since: float
    changed: float
    due: float
    why: str = ""
    queued: float | None = None  # the time of its valid entry in the queue
    looking: bool = False
    stale: bool = False  # it changed while it was looked at
    looks: int = 0
    told: bool = False


class Settling:
    """The files that are not settled yet, by their full path, and when each must be looked at."""

    def __init__(self) -> None:
        self._candidates: dict[str, _Candidate] = {}
        self._queue: list[tuple[float, int, str]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._candidates)

    def __contains__(self, path: str) -> bool:
        return path in self._candidates

    def observe(
        self, path: str, stamp: Stamp, now: float, quiet: float | None, *, changed: bool = False
    ) -> None:
        """An event, a scan or a rescan saw `path`. `quiet` in seconds; None: auto.

        A first sight, another stamp, or `changed` (an event about writing) starts the quiet time anew.
        """
        candidate = self._candidates.get(path)
        if candidate is None:
            asked = QUIET if quiet is None else quiet
            candidate = _Candidate(path, stamp, asked, quiet is None, since=now, changed=now, due=now)
            self._candidates[path] = candidate
        elif stamp == candidate.stamp and not changed:
            return
        self._restart(candidate, stamp, now)

    def forget(self, path: str) -> None:
        """`path` is no candidate any more: gone, moved away, or known after all."""
        self._candidates.pop(path, None)

    def forget_below(self, folder: str) -> None:
        """A folder is gone with all that was in it."""
        for path in [path for path in self._candidates if path.startswith(f"{folder}/")]:
            self.forget(path)

    def due(self, now: float) -> tuple[str, ...]:
        """The files to inspect now. None is given out a second time before it was `inspected`."""
        found = []
        while (candidate := self._first()) is not None and candidate.due <= now:
            heapq.heappop(self._queue)
            candidate.queued = None
            candidate.looking = True
            found.append(candidate.path)
        return tuple(found)

    def next_due(self) -> float | None:
        """When `due` will give out the next file, in monotonic seconds; None while nothing waits for time."""
        candidate = self._first()
        return None if candidate is None else candidate.due

    def inspected(self, path: str, sight: Sight, now: float) -> Outcome | None:
        """What the inspection of a file from `due` means. None: it is gone, or it changed in between."""
        candidate = self._candidates.get(path)
        if candidate is None or not candidate.looking:
            return None
        candidate.looking = False
        if candidate.stale:
            candidate.stale = False
            self._queue_for(candidate, candidate.due)
            return None
        if isinstance(sight, Gone):
            self.forget(path)
            return None
        if isinstance(sight, Unreadable):
            return self._wait(candidate, now, sight.why, late=True)
        changed = sight.stamp != candidate.stamp
        if changed:
            candidate.stamp, candidate.changed, candidate.looks = sight.stamp, now, 0
        if isinstance(sight, Busy):
            return self._wait(candidate, now, "a program has it open for writing")
        if changed:
            return self._wait(candidate, now, _changing(candidate))
        if candidate.auto and not sight.alone:
            candidate.auto, candidate.quiet = False, QUIET_UNASKED
            if now < candidate.changed + candidate.quiet:
                self._rest(candidate, candidate.changed + candidate.quiet)
                return Waiting(candidate.why, candidate.due)
        if sight.finding.content is Content.UNFINISHED:
            return self._wait(candidate, now, sight.finding.why)
        self.forget(path)
        if sight.finding.content is Content.FOREIGN:
            return Rejected(sight.stamp, candidate.since, sight.finding.why)
        return Settled(sight.stamp, candidate.since, sight.content)

    def waiting(self) -> tuple[Pending, ...]:
        """Every file that has not settled, and what it waits for."""
        return tuple(Pending(Path(each.path), each.since, each.why) for each in self._candidates.values())

    def _restart(self, candidate: _Candidate, stamp: Stamp, now: float) -> None:
        candidate.stamp, candidate.changed, candidate.looks = stamp, now, 0
        self._rest(candidate, now + candidate.quiet)

    def _rest(self, candidate: _Candidate, until: float) -> None:
        candidate.why = _changing(candidate)
        if candidate.looking:
            # Not given out a second time meanwhile: a file whose look hangs would take every inspector.
            candidate.due, candidate.stale = until, True
        else:
            self._queue_for(candidate, until)

    def _wait(self, candidate: _Candidate, now: float, why: str, *, late: bool = False) -> Waiting:
        """Whatever stood in the way may have been a change, so the quiet time passes once more at least.

        `late`: it does not come to an end by waiting, so a person is told at once.
        """
        pause = min(LONGEST_PAUSE, 2.0 ** min(candidate.looks, 10))
        candidate.looks += 1
        candidate.why = why
        late = not candidate.told and (late or now - candidate.changed >= LATE_AFTER)
        candidate.told = candidate.told or late
        self._queue_for(candidate, now + max(candidate.quiet, pause))
        return Waiting(why, candidate.due, late)

    def _queue_for(self, candidate: _Candidate, due: float) -> None:
        """One entry a candidate: one that comes up early is put back, so a busy writer grows no queue."""
        candidate.due = due
        if candidate.queued is None or due < candidate.queued:
            candidate.queued = due
            heapq.heappush(self._queue, (due, next(self._order), candidate.path))

    def _first(self) -> _Candidate | None:
        """The candidate at the head of the queue, after stale entries and early ones were put right."""
        while self._queue:
            at, _, path = self._queue[0]
            candidate = self._candidates.get(path)
            if candidate is not None and candidate.queued == at:
                if candidate.due <= at:
                    return candidate
                candidate.queued = None
                self._queue_for(candidate, candidate.due)
            # The new entry is later than this one, so this one is still the head.
            heapq.heappop(self._queue)
        return None


def _changing(candidate: _Candidate) -> str:
    return f"it changed less than {candidate.quiet:g} s ago"
