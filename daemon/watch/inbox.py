"""What the watcher asks of, and tells to, whoever wants the files."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from daemon.watch.sight import Stamp


class Known(NamedTuple):
    """Versions of files, by their paths. `kept`: those of them that are on record, and follow a renamed file."""

    versions: Set[tuple[str, tuple[int, int, int, int]]] = frozenset()
    kept: Set[tuple[str, tuple[int, int, int, int]]] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule takes the file. `quiet`: its settle time in seconds, None for auto."""

    quiet: float | None = None


class Inbox(Protocol):
    """Who wants the files. But for `known`, called on the event loop, one call at a time; must neither block nor raise.

    `settled` and `rejected` are told once for each version of a file, and the watcher keeps no memory of it:
    from then on `known` has to answer True for that path and stamp.
    """

    def wanted(self, path: str) -> Wanted | None:
        """Whether a rule takes `path`, and after what quiet time. None: nothing is done with it."""

    def known(self, found: Sequence[tuple[str, Stamp]]) -> Known:
        """Those versions that need no settling: they were told already. Called in threads, and may block.

        Asked first and for every file of every scan, many at once. As in `wanted` a path is a str: 100,000 values of
        Path cost as much as the scan.
        """

    def settled(self, path: Path, stamp: Stamp, age: float, content: str | None) -> None:
        """Nobody writes it, it is whole, and it stayed as `stamp` says for its quiet time.

        `age`: seconds since the file was first seen at `path`; `content`: the xxh3-128 of a small one, hex.
        """

    def rejected(self, path: Path, stamp: Stamp, age: float, why: str) -> None:
        """Settled, and nothing the editor accepts. `why`: for a person, without capital or full stop."""

    def gone(self, path: Path) -> None:
        """A wanted file was deleted or moved out. Not told while the watch folder itself is missing."""

    def emptied(self, folder: Path) -> None:
        """A folder was moved out with all that is in it. Not told while the watch folder itself is missing."""

    def moved(self, source: Path, target: Path) -> None:
        """A file was renamed within its watch folder. What is not on record settles anew at its new path."""

    def scanned(self, folder: Path, known: int) -> None:
        """All of a watch folder was read, as it is at the start and by every rescan.

        `known`: how many of the files that were found there are on record.
        """

    def warned(self, path: Path, message: str) -> None:
        """A person should know: a file that does not settle, a folder that cannot be read or is gone."""

    def eased(self, path: Path) -> None:
        """What was warned about a folder is over."""
