"""Paired rounds: the sides of a comparison take turns, and ratios are taken round by round.

The same ratio moved by 1.8 between batches on a shared machine; what neighbours do to one side of a round
they mostly do to the other, so the median of the rounds' own ratios stays.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds that passed, and seconds of CPU (user and system)."""

    seconds: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Spread:
    """What the rounds gave."""

    median: float
    low: float
    high: float


Run = Callable[[], Sample]
T = TypeVar("T")


def paired(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each side gave, one for each round: all sides in turn, the other way round in every second round.

    A round before them warms up and counts nothing: the first touch of memory is slow.
    """
    found: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in list(sides) if number % 2 else reversed(list(sides)):
            one = sides[name]()
            if number:
                found[name].append(one)
    return found


def speed_ratio(ours: Sequence[Sample], theirs: Sequence[Sample]) -> Spread:
    """How many times as fast we were, round by round."""
    return spread([b.seconds / a.seconds for a, b in zip(ours, theirs, strict=True)])


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def measured(work: Callable[[], object]) -> Sample:
    """Runs it; the CPU seconds are those of this process, all its threads, and the children it waited for."""
    before, begun = cpu_seconds(), time.perf_counter()
    work()
    return Sample(time.perf_counter() - begun, cpu_seconds() - before)


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
