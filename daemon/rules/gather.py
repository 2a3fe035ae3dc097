"""When a settled file is taken: once what belongs with it has settled, or was awaited long enough. Pure.

`now` and all times are the monotonic clock's seconds, and passed in; `quiet` is the rule's settle time.

- What is not there is awaited one more settle time, from the moment the file itself had settled.
- What is there and has not settled is awaited for as long as it changes, and `LONGEST` at the least: it may be
  half a copy, and the job is paid for once.
- A dropped folder is taken when all its files have settled and nothing in it has changed for one more settle time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

AUTO: Final = 5.0
"""One more settle time in seconds where the rule says `settle: auto`."""

LONGEST: Final = 35.0
"""Seconds without a change after which a file that is there is given up: `auto` settles within 30."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A file that another one waits for. `since`: when it was first missed, or last seen to change.

    `what` names it for a person: "its companion clip.srt".
    """

    path: Path
    what: str
    since: float
    there: bool
    settled: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Until then, or until something is heard of what is awaited. `why` ends the sentence "it waits: …"."""

    until: float
    why: str


@dataclass(frozen=True, slots=True)
class Go:
    """It is taken; `without`: what was awaited in vain."""

    without: tuple[Awaited, ...] = ()


def alone_or_with(awaited: Sequence[Awaited], now: float, quiet: float) -> Wait | Go:
    """Whether a file that others belong to waits on."""
    open_ones = [one for one in awaited if not one.settled]
    waits = [(one, one.since + (max(quiet, LONGEST) if one.there else quiet)) for one in open_ones]
    going_on = [(one, until) for one, until in waits if until > now]
    if not going_on:
        return Go(tuple(open_ones))
    first, _ = going_on[0]
    state = "which has not settled yet" if first.there else "which is not there yet"
    return Wait(min(until for _, until in going_on), f"for {first.what}, {state}")


def folder_whole(unsettled: Sequence[Path], changed: float, now: float, quiet: float) -> Wait | Go:
    """Whether a dropped folder is whole; `changed`: when something in it was last seen to be different."""
    until = changed + quiet
    if unsettled:
        more = f" and {len(unsettled) - 1} more" if len(unsettled) > 1 else ""
        return Wait(
            max(until, now + quiet), f"for {unsettled[0].name}{more} in its folder, which has not settled yet"
        )
    if until > now:
        return Wait(until, f"its folder changed less than {quiet:g} s ago")
    return Go()
