"""How fast an account may go: one gate for all its jobs.

A refusal (HTTP 429) or an outage shuts the gate for a while: no job of the account asks anything until it
opens again, and fewer of them work at once after that. Every answered call makes room for a little more, so
the way back to full speed is slow. The decisions are pure; `Gate` adds the clock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from daemon.errors import GateShut

RATE_WAIT: Final = 30.0
"""Seconds before the next request where a refusal names no time (the service's public documents)."""
LONGEST_WAIT: Final = 900.0

_STEP: Final = 0.125
"""Room that an answered call gives back, divided by the room there is: from 1 job to 4 in about 60 calls."""
_MOST_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Pace:
    """`full` and `room`: jobs that may work at once, at best and now. `shut_until`: by the gate's clock.

    `refusals`: in a row, without a return to full speed in between.
    """

    full: int
    room: float
    refusals: int = 0
    shut_until: float = 0.0


def full_speed(jobs: int) -> Pace:
    return Pace(full=jobs, room=float(jobs))


def refused(pace: Pace, retry_after: float | None, now: float, jitter: float) -> Pace:
    """After a 429. `retry_after`: seconds that the service asked for; `jitter`: 0..1.

    What was on its way when the gate shut is refused for the same reason: that shuts it no harder.
    """
    if now < pace.shut_until:
        return replace(pace, shut_until=max(pace.shut_until, now + (retry_after or 0.0)))
    wait = _grown(RATE_WAIT, pace.refusals) if retry_after is None else retry_after
    return replace(
        pace,
        room=max(1.0, pace.room / 2),
        refusals=pace.refusals + 1,
        shut_until=now + wait * (1 + 0.1 * jitter),
    )


def failed(pace: Pace, first: float, now: float, jitter: float) -> Pace:
    """After an outage: one job at a time finds out whether it is over. `first`: seconds of the first pause."""
    if now < pace.shut_until:
        return pace
    wait = _grown(first, pace.refusals) * (1 + 0.25 * jitter)
    return replace(pace, room=1.0, refusals=pace.refusals + 1, shut_until=now + wait)


def answered(pace: Pace) -> Pace:
    """After an answer of whatever kind but those two."""
    if pace.room >= pace.full:
        return pace if pace.refusals == 0 else replace(pace, refusals=0)
    return replace(pace, room=min(float(pace.full), pace.room + _STEP / pace.room))


def _grown(first: float, refusals: int) -> float:
    return min(LONGEST_WAIT, first * 2.0 ** min(refusals, _MOST_DOUBLINGS))


class Gate:
    """An account's gate. `clock`: seconds, one that nobody can set; `changed` hears of a gate that shut."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._pace = full_speed(1)
        self._why = ""
        self.changed: Callable[[], None] = lambda: None

    @property
    def pace(self) -> Pace:
        return self._pace

    @property
    def why(self) -> str:
        """Why it was shut the last time."""
        return self._why

    @property
    def room(self) -> int:
        """Jobs that may work at once now; 0 while it is shut."""
        return 0 if self.shut_for > 0 else int(self._pace.room)

    @property
    def shut_for(self) -> float:
        """Seconds until it opens; 0 where it is open."""
        return max(0.0, self._pace.shut_until - self._clock())

    def open(self, jobs: int, *, room: float | None = None, refusals: int = 0, shut_for: float = 0.0) -> None:
        """Sets it to what an earlier daemon left, or to full speed: `jobs` at once."""
        room = float(jobs) if room is None else min(room, float(jobs))
        self._pace = Pace(jobs, room, refusals, self._clock() + shut_for)

    def check(self, operation: str) -> None:
        """Raises GateShut while no request may be made."""
        if self.shut_for > 0:
            raise GateShut(operation, self._why, retry_after=self.shut_for)

    def answered(self) -> None:
        self._pace = answered(self._pace)

    def refused(self, retry_after: float | None) -> None:
        self._why = "the service asked all of the account's jobs to wait"
        self._pace = refused(self._pace, retry_after, self._clock(), self._jitter())
        self.changed()

    def failed(self, first: float) -> None:
        self._why = "the service does not answer; one job at a time looks whether that is over"
        self._pace = failed(self._pace, first, self._clock(), self._jitter())
        self.changed()
