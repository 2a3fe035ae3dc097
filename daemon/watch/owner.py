"""Whose a watch folder is: what its owner file says, and from when on it says nothing any more. Pure.

    no file ─────────────────────────────────> FREE     it is ours once our file stands there
    our id ──────────────────────────────────> OURS
    this kernel's processes ── it runs ──────> HELD     a second daemon ends, or takes it over by a person's word
                            └─ it is gone ───> DEAD     taken over
    this machine before its last boot ───────> DEAD
    anything else (another machine) ─────────> UNKNOWN ── its heartbeat changes ──> HELD
                                                       └─ not within `patience` ──> DEAD

Laws:
- Another machine's clock is never compared with ours: its heartbeat only has to change.
- An owner takes files only for `lease` seconds after a heartbeat that found the folder its own. Whoever takes
  over from another machine has seen no heartbeat for longer than that.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple

NAME: Final = ".reeldrop-owner"
"""Never input: it starts with what all hidden files of ours start with."""

BEAT: Final = 30.0
"""Seconds between two heartbeats."""

MOST_BYTES: Final = 8192
"""A longer owner file is none of ours: a path has 4,096 bytes at the most."""

_LEASE: Final = 2.0
_PATIENCE: Final = 2.5
_SLOWEST: Final = 60.0
"""Seconds between the heartbeats of another owner that are believed: a file may say anything."""


@dataclass(frozen=True, slots=True)
class Owner:
    """What one line of JSON says of a daemon.

    `id`: of this run. `process` and `started` (clock ticks since the boot) name it in the process namespace
    `space` of the kernel that was booted as `boot`, on the machine `machine` (a digest). `since` and
    `heartbeat`: ISO times of its own clock; `every`: seconds between its heartbeats. `recursive`: whether it
    takes what lies in folders below, too.
    """

    host: str
    process: int
    state: str
    since: str
    heartbeat: str
    every: float
    recursive: bool
    id: str
    machine: str
    boot: str
    space: str
    started: int

    @property
    def line(self) -> bytes:
        """The owner file. As long after each heartbeat, so that it can be written over in place."""
        return (json.dumps(asdict(self), ensure_ascii=False) + "\n").encode(errors="replace")

    def __str__(self) -> str:
        since = datetime.fromisoformat(self.since).astimezone()
        return f"process {self.process} on {self.host} (state {self.state}) since {since:%Y-%m-%d %H:%M}"


class Standing(NamedTuple):
    """An owner file as it stands there; equal ones, no heartbeat between. `owner` None: what it says is of no use."""

    owner: Owner | None
    text: bytes
    inode: int
    mtime_ns: int

    def __str__(self) -> str:
        return str(self.owner) if self.owner else f"a {NAME} that names nobody"


class Claim(Enum):
    FREE = "free"
    OURS = "ours"
    HELD = "held"
    DEAD = "dead"
    UNKNOWN = "unknown"


def read(text: bytes) -> Owner | None:
    """The owner that a line names; None if it is none of ours, or half of one."""
    if len(text) > MOST_BYTES:
        return None
    try:
        said = json.loads(text)
        owner = Owner(**{field.name: said[field.name] for field in fields(Owner)})
        datetime.fromisoformat(owner.since)
        datetime.fromisoformat(owner.heartbeat)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    words = (owner.host, owner.state, owner.id, owner.machine, owner.boot, owner.space)
    # They are told to people, and anybody who may write into the folder may have written them.
    if not all(isinstance(word, str) and word.isprintable() for word in words):
        return None
    is_sound = type(owner.process) is type(owner.started) is int and isinstance(owner.every, int | float)
    return owner if is_sound and owner.process > 0 and owner.every >= 0 else None


def claim(standing: Standing | None, we: Owner, booted: float, runs: Callable[[Owner], bool | None]) -> Claim:
    """Whose the folder is, as far as one look can tell.

    `booted`: when this machine was, in epoch seconds of its clock. `runs`: whether a process of this kernel
    still runs; None where that cannot be seen.
    """
    if standing is None:
        return Claim.FREE
    owner = standing.owner
    if owner is None:
        return Claim.UNKNOWN
    if owner.id == we.id:
        return Claim.OURS
    if we.boot and (owner.boot, owner.space) == (we.boot, we.space):
        alive = runs(owner)
        return Claim.UNKNOWN if alive is None else Claim.HELD if alive else Claim.DEAD
    is_here = we.machine and (owner.machine, owner.host) == (we.machine, we.host) and owner.boot != we.boot
    # A copy of this machine, made with all its names, has heartbeats that are younger than our boot.
    if is_here and datetime.fromisoformat(owner.heartbeat).timestamp() < booted:
        return Claim.DEAD
    return Claim.UNKNOWN


def lease(every: float) -> float:
    """Seconds for which a heartbeat lets its owner take files."""
    return _LEASE * every


def patience(standing: Standing) -> float:
    """Seconds after which an owner whose heartbeat has not changed is gone."""
    every = standing.owner.every if standing.owner else BEAT
    return _PATIENCE * min(every, _SLOWEST)


@dataclass(frozen=True, slots=True)
class Observed:
    """An owner of whom one look could not tell, as it was first seen at `since` (seconds of a clock of ours)."""

    standing: Standing
    since: float

    def claim(self, standing: Standing, now: float) -> Claim:
        """What a later look at the same file says."""
        if standing != self.standing:
            return Claim.HELD
        return Claim.DEAD if now - self.since >= patience(standing) else Claim.UNKNOWN
