"""Files that have settled under a rule, and what the disk and the record say of them. Blocks; changes nothing."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection

from daemon.config.model import Rule
from daemon.deliver import folder
from daemon.jobs import files, record
from daemon.jobs.model import Companion, Delivery, KnownFile, Source
from daemon.jobs.store import Store
from daemon.media.types import MAX_BYTES
from daemon.pipeline.backlog import FirstSights
from daemon.rules.company import OWN_RULES
from daemon.rules.identity import instructions_key
from daemon.rules.match import Match

SIDE_BY_SIDE: Final = 2.0
"""Seconds by which the old path of a moved file may be told to be gone before its new one is seen: the two folders
may be listened to apart."""

Stat = tuple[int, int, int, int]
"""device, inode, size in bytes, mtime in ns."""


@dataclass(frozen=True, slots=True)
class Mate:
    """A settled file that belongs with an arrival; `sent` and `shared` as a `Companion` has them."""

    path: Path
    stat: Stat
    sent: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A settled file under a rule.

    `rejected`: why it cannot be edited at all, for a person. `seen`: when it was first seen at `path`, in epoch
    seconds; None: just now. `content`: its hash, where it was read while it settled. `mates`: what belongs with it, in
    the order in which it goes up. `lacks`: what was awaited in vain. `fault`: what is wrong with the clip's own rules
    file. `is_gathered`: all that was looked for; `is_late`: something of it came, changed or went after the file
    itself was taken.
    """

    match: Match
    path: Path
    stat: Stat
    rejected: str | None = None
    seen: float | None = None
    content: str | None = None
    mates: tuple[Mate, ...] = ()
    lacks: tuple[str, ...] = ()
    fault: str | None = None
    is_gathered: bool = False
    is_late: bool = False

    @property
    def rejection(self) -> str | None:
        """Why it cannot be edited at all, for a person."""
        if self.rejected is not None or self.stat[2] <= MAX_BYTES:
            return self.rejected
        return f"it has {self.stat[2] / 1e6:,.0f} MB and the editor takes 500 MB at most; compress or trim it"


@dataclass(frozen=True, slots=True)
class Looked:
    """What the disk says of an arrival.

    `left`: a known file of its content that was moved away; `older`: it was there before its rule; `delivered`:
    it was, somewhere; `stands`: a result of it stands in the rule's output folder.
    """

    arrival: Arrival
    source: Source
    key: str
    left: KnownFile | None
    older: bool
    delivered: bool
    stands: bool


class Changed(Exception):
    """A file is no longer what settled: the watcher settles it anew."""


class Incomplete(Exception):
    """Something belongs with an arrival that was not looked for, or is not what it was then."""


_One = TypeVar("_One", KnownFile, Delivery)
Answer = Looked | OSError | Changed | Incomplete


@dataclass(frozen=True, slots=True)
class _Read:
    arrival: Arrival
    source: Source
    key: str
    older: bool


class Looks:
    """Looks at arrivals. `wanted`: whether whoever looks still wants to know."""

    def __init__(
        self, store: Store, sights: FirstSights, now: Callable[[], float], wanted: Callable[[], bool]
    ) -> None:
        self._store = store
        self._sights = sights
        self._now = now
        self._wanted = wanted

    def look(self, arrivals: Sequence[Arrival]) -> list[Answer]:
        """Reads the files and looks at what else concerns their contents (a few hundred at most)."""
        found = [self._read(arrival) for arrival in arrivals]
        read = [one for one in found if isinstance(one, _Read)]
        contents = {one.source.content for one in read}
        same, delivered = self._store.read(
            lambda connection: (
                _by_content(files.with_contents(connection, contents)),
                _by_content(record.deliveries_with(connection, contents)),
            )
        )
        return [
            self._looked(one, same[one.source.content], delivered[one.source.content])
            if isinstance(one, _Read)
            else one
            for one in found
        ]

    def _read(self, arrival: Arrival) -> _Read | OSError | Changed | Incomplete:
        path, rule = arrival.path, arrival.match.rule
        try:
            if not arrival.is_gathered and os.path.lexists(f"{path}{OWN_RULES}"):
                return Incomplete()
            content = arrival.content or folder.hash_file(path, self._wanted)
            link = os.lstat(path)
            found = os.stat(path) if stat.S_ISLNK(link.st_mode) else link  # noqa: PTH116
            if (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) != arrival.stat:
                return Changed()
            companions = tuple(companion(mate) for mate in arrival.mates)
            # A link counts from when it was put there, however old the file is that it leads to.
            changed = max(found.st_ctime, link.st_ctime)
        except OSError as error:
            return error
        if any(
            (one.device, one.inode, one.size, one.mtime_ns) != mate.stat
            for one, mate in zip(companions, arrival.mates, strict=True)
        ):
            return Incomplete()
        return _Read(
            arrival,
            source=Source(path, *arrival.stat, content=content, companions=companions),
            key=instructions_key(rule, [one.content for one in companions if one.sent]),
            older=self._sights.is_older(rule, arrival.match.root, path, changed),
        )

    def _looked(self, read: _Read, same: Sequence[KnownFile], delivered: Sequence[Delivery]) -> Looked:
        arrival, source, rule = read.arrival, read.source, read.arrival.match.rule
        seen = self._now() if arrival.seen is None else arrival.seen
        gone = [
            file
            for file in same
            if (file.gone_at is None or file.gone_at >= seen - SIDE_BY_SIDE)
            and file.path != source.path
            and not os.path.lexists(file.path)
        ]
        mine = [one for one in delivered if one.key == read.key]
        return Looked(
            arrival,
            source,
            read.key,
            left=next((file for file in gone if self._is_of(rule, file, read)), None),
            older=read.older,
            delivered=bool(mine),
            stands=any(rule.output in one.media.parents and _stands(one) for one in mine),
        )

    def _is_of(self, rule: Rule, file: KnownFile, read: _Read) -> bool:
        """Whether a file that was moved away had its place in the rule's tree; that may have another name by now."""
        if any(root in file.path.parents for root in rule.watch):
            return True
        if not read.older:
            return False

        def earlier(connection: Connection) -> bool:
            jobs = record.jobs_for(connection, file.content, read.key)
            return any(job.source.path == file.path for job in jobs)

        return self._store.read(earlier)


def companion(mate: Mate) -> Companion:
    """Reads a companion. Raises OSError."""
    content = folder.hash_file(mate.path)
    found = mate.path.stat()
    stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return Companion(mate.path, *stat, content=content, sent=mate.sent, shared=mate.shared)


def _by_content(found: Iterable[_One]) -> Mapping[str, list[_One]]:
    sorted_out: dict[str, list[_One]] = defaultdict(list)
    for one in found:
        sorted_out[one.content].append(one)
    return sorted_out


def _stands(delivery: Delivery) -> bool:
    try:
        return delivery.media.stat().st_size == delivery.size
    except OSError:
        return False
