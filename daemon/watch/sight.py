"""What one look at a file can show. Frozen values; no disk.

Sight
├── Gone          no regular file stands there
├── Unreadable    it stands there, and we may not or cannot read it
├── Busy          somebody is writing it
└── Seen          nobody was seen writing it; what its bytes say
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Stamp(NamedTuple):
    """Which file stands at a path and in what version: equal stamps, the same unchanged file.

    A tuple, because one is made for every file of every scan. `size` in bytes, `mtime_ns` since the epoch.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int


class Content(Enum):
    """What a file's bytes say about it."""

    WHOLE = "whole"
    UNFINISHED = "unfinished"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Finding:
    """`why` ends the sentence "it is not taken: …"; empty for a whole file."""

    content: Content
    why: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    pass


@dataclass(frozen=True, slots=True)
class Unreadable:
    why: str


@dataclass(frozen=True, slots=True)
class Busy:
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Seen:
    """`alone`: the lease was granted, so no local program is writing. False: it could not be asked.

    `content`: the xxh3-128 of a small file, hex: it was read anyway.
    """

    stamp: Stamp
    alone: bool
    finding: Finding
    content: str | None = None


Sight = Gone | Unreadable | Busy | Seen
