"""The folders of one tree that are listened to: which watch tells of which path. Pure bookkeeping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daemon.watch.mounts import is_below

Identity = tuple[int, int]
"""device, inode"""


@dataclass(slots=True)
class Heard:
    """A folder that is listened to. `scan`: the number of the scan that last came by."""

    path: str
    watch: int
    identity: Identity
    scan: int


class Places:
    """Folders by path and by watch; the kernel has one watch for a folder, whatever paths lead to it."""

    def __init__(self) -> None:
        self._by_path: dict[str, Heard] = {}
        self._by_watch: dict[int, Heard] = {}

    def __len__(self) -> int:
        return len(self._by_path)

    def at(self, path: str) -> Heard | None:
        return self._by_path.get(path)

    def of(self, watch: int) -> Heard | None:
        return self._by_watch.get(watch)

    def add(self, heard: Heard) -> None:
        """Neither its path nor its watch may be in use."""
        self._by_path[heard.path] = self._by_watch[heard.watch] = heard

    def drop(self, top: str) -> list[int]:
        """Forgets a folder and all below it; their watches."""
        return [self._take(one).watch for one in list(self._below(top))]

    def drop_unseen(self, scan: int) -> list[int]:
        """Forgets the folders that this scan of the whole tree did not come by; their watches."""
        return [self._take(one).watch for one in list(self._by_path.values()) if one.scan != scan]

    def move(self, source: str, target: str) -> list[int]:
        """A folder was renamed: it and all below it have new paths. The watches of what stood at `target`."""
        dropped = self.drop(target)
        for one in [self._take(one) for one in list(self._below(source))]:
            one.path = target + one.path[len(source) :]
            self.add(one)
        return dropped

    def _below(self, top: str) -> Iterator[Heard]:
        return (one for path, one in self._by_path.items() if is_below(path, top))

    def _take(self, one: Heard) -> Heard:
        del self._by_path[one.path]
        del self._by_watch[one.watch]
        return one
