"""One watch folder at the edge: what is heard of it, and what a scan finds below it.

Events are hints and the scan is the truth: both end as paths to look at. A scan listens to each folder before
it reads it, so that nothing falls between the two, and finds out which parts are to be polled instead: file
systems that tell nothing, folders that cannot be listened to, and what turned out to be silent.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

from daemon.config.fields import WatchMode
from daemon.errors import UsageError
from daemon.watch.ear import Inotify
from daemon.watch.faults import unreadable, used_up, watch_error
from daemon.watch.hearing import Hearing, Kind, Tip
from daemon.watch.inspection import stamp_from
from daemon.watch.mounts import Mount, Mounts, is_below, read_mounts
from daemon.watch.names import OWN_PREFIX, is_skipped_folder, is_temporary_name
from daemon.watch.places import Identity
from daemon.watch.sight import Stamp

POLL: Final = 15.0
"""Seconds between two scans of what is polled."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BATCH: Final = 512
"""Files a scan hands over at once, and notes that are read at once."""


@dataclass(frozen=True, slots=True)
class Root:
    """A watch folder, by its absolute path."""

    path: Path
    recursive: bool = True
    mode: WatchMode = "auto"


class Found(NamedTuple):
    """A file that a scan saw; `heard`: its folder was listened to before."""

    path: str
    stamp: Stamp
    heard: bool = False


class Trouble(NamedTuple):
    """`path` cannot be read, or not be listened to (`limits`); `why` is empty where it can be again."""

    path: str
    topic: Literal["read", "limits"]
    why: str


class Look(NamedTuple):
    """A tip, and the file that stands there now."""

    tip: Tip
    stamp: Stamp | None


class _Stop(NamedTuple):
    """A folder on a scan's way: as the rules call it, without links, and whether it is polled."""

    path: str
    real: str
    polled: bool


class _Way(NamedTuple):
    """What a scan has still to enter."""

    folders: list[_Stop]
    links: list[_Stop]


class Folder:
    """A watch folder. All that blocks is called in one thread at a time, but for `changed`."""

    def __init__(
        self,
        root: Root,
        inotify: Inotify,
        wake: Callable[[], None],
        *,
        poll: float = POLL,
        follow_links: bool = False,
    ) -> None:
        self.path = str(root.path)
        self.hearing = Hearing(self.path, recursive=root.recursive, inotify=inotify, wake=wake)
        self._root = root
        self._poll = poll
        self._follow_links = follow_links
        self._identity: Identity | None = None
        self._real = self.path
        self._mounts = Mounts()
        self._mount: Mount | None = None
        self._scans = 0
        self._folders = 0
        self._polled: set[str] = set()
        self._distrusted: frozenset[str] = frozenset()
        self._unheard: dict[str, OSError] = {}
        self._shut: set[str] = set()
        self._linked: dict[str, str] = {}
        self._used_up = False
        self._tops: tuple[str, ...] = ()

    def attach(self) -> None:
        """Finds the folder, for the first time or anew. Raises UsageError: it is missing or cannot be read."""
        try:
            identity, empty = _identity(self.path), _is_empty(self.path)
        except OSError as error:
            raise watch_error(self.path, error) from error
        mounts, real = read_mounts(), os.path.realpath(self.path)
        if self._mount is not None and empty and mounts.at(self._mount.point) is None:
            # The bare folder that a file system was mounted on.
            raise UsageError(f"watch {self.path}", f"what was mounted at {self._mount.point} is gone")
        self._identity, self._mounts, self._real, self._mount = identity, mounts, real, mounts.over(real)

    def detach(self) -> None:
        """Listens no longer. The last notes may still lie in `hearing`."""
        self.hearing.leave(self.path)
        self._identity = None
        for found in (self._polled, self._unheard, self._shut, self._linked):
            found.clear()
        self._tops = ()

    def stands(self) -> bool:
        """Whether the folder that was attached is still the one at its path."""
        return self._identity is not None and self._identity == _identity_or_none(self.path)

    def reattach(self) -> None:
        """Finds the folder anew where it was deleted, replaced or mounted since. Raises as `attach` does."""
        if not self.stands():
            self.detach()
            self.attach()

    def changed(self, mounts: Mounts) -> bool:
        """Whether the folder vanished, came back or was replaced, or something below it was (un)mounted."""
        if self._identity is not None:
            return not self.stands() or mounts.below(self._real) != self._mounts.below(self._real)
        try:
            empty = _is_empty(self.path)
        except OSError:
            return False
        return self._mount is None or not empty or mounts.at(self._mount.point) is not None

    def polled(self) -> tuple[str, ...]:
        """The folders that have to be scanned again and again, none below another."""
        return self._tops

    def distrust(self, path: str) -> str | None:
        """No event told of the file at `path`: what it lies on is polled from now on. The folder, if that is new."""
        mount = self._mounts.over(os.path.realpath(Path(path).parent))
        top = self.path
        if mount is not None and is_below(mount.point, self._real):
            top += mount.point[len(self._real) :]
        if self._root.mode != "auto" or top in self._distrusted:
            return None
        self._distrusted |= {top}
        self._tops = _highest({*self._tops, top})
        return top

    def hear(self) -> tuple[list[Look], bool]:
        """Reads some notes: what they tell of, as it is now; and whether the watch folder itself stands."""
        return self._looked(self.hearing.tips(_BATCH))

    def departed(self) -> tuple[list[Look], bool]:
        """The same for what left its place and has not turned up at another."""
        return self._looked(self.hearing.departed())

    def scan(self, top: str) -> Iterator[list[Found | Trouble]]:
        """The files at and below `top`, in batches; temporary names and skipped folders left out."""
        whole = top == self.path
        if whole:
            self._begin_whole()
        self._scans += 1
        way = self._way_from(top)
        if whole and way.folders[0].polled:
            self._polled.add(top)
        batch: list[Found | Trouble] = []
        while (stop := self._next(way)) is not None:
            for found in self._enter(stop, way):
                batch.append(found)
                if len(batch) >= _BATCH:
                    yield batch
                    batch = []
        if whole:
            self.hearing.leave_unseen(self._scans)
        batch += self._limits(whole=whole)
        self._tops = _highest({*self._polled, *self._distrusted, *self._unheard, *self._shut})
        yield batch

    def _begin_whole(self) -> None:
        self._mounts = read_mounts()
        self._folders = 0
        self._polled.clear()
        self._unheard.clear()

    def _is_polled(self, path: str, real: str) -> bool:
        if self._root.mode != "auto":
            return self._root.mode == "poll"
        mount = self._mounts.over(real)
        return any(is_below(path, top) for top in self._distrusted) or (mount is not None and mount.silent)

    def _way_from(self, top: str) -> _Way:
        real = os.path.realpath(top)
        stop = _Stop(top, real, self._is_polled(top, real))
        is_link = top != self.path and os.path.islink(top)  # noqa: PTH114
        return _Way([], [stop]) if is_link else _Way([stop], [])

    def _next(self, way: _Way) -> _Stop | None:
        """Links come last, those to outer folders first: which of two ways leads to a folder does not change."""
        if way.folders:
            return way.folders.pop()
        way.links.sort(key=lambda stop: (stop.real, stop.path), reverse=True)
        while way.links:
            stop = way.links.pop()
            if not self._is_entered(stop):
                self._linked[stop.path] = stop.real
                return stop
        return None

    def _enter(self, stop: _Stop, way: _Way) -> Iterator[Found | Trouble]:
        try:
            heard, start = self._listen(stop), f"{stop.path.rstrip('/')}/"
            folder = os.open(stop.path, _FOLDER)
            try:
                for name in os.listdir(folder):  # noqa: PTH208
                    if is_temporary_name(name):
                        continue
                    path = f"{start}{name}"
                    try:
                        # By the folder's descriptor: 100,000 files take 0.3 s, by os.scandir and its entries 0.5 s.
                        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                        stamp = stamp_from(status) or self._met(path, name, status.st_mode, stop, way)
                    except FileNotFoundError:
                        continue
                    except OSError as error:
                        if isinstance(error, PermissionError) and not os.access(stop.path, os.X_OK):
                            raise  # the folder may be read, not entered: so it is for all of them
                        yield Trouble(path, "read", unreadable(path, error))
                        continue
                    if stamp is not None:
                        yield tuple.__new__(Found, (path, stamp, heard))  # as in `stamp_from`
            finally:
                os.close(folder)
        except (FileNotFoundError, NotADirectoryError):
            self._shut.discard(stop.path)
            self._polled.discard(stop.path)
            self._unheard.pop(stop.path, None)
            return
        except OSError as error:
            self._shut.add(stop.path)
            yield Trouble(stop.path, "read", unreadable(stop.path, error, folder=True))
            return
        if stop.path in self._shut:
            self._shut.discard(stop.path)
            yield Trouble(stop.path, "read", "")

    def _listen(self, stop: _Stop) -> bool:
        """Listens to a folder; whether it was listened to before. Raises OSError where it cannot be looked at."""
        identity = _identity(stop.path)
        self._folders += 1
        if stop.polled:
            if self.hearing.hears(stop.path):
                self.hearing.leave(stop.path)
            self._unheard.pop(stop.path, None)
            return False
        try:
            heard = self.hearing.listen(stop.path, identity, self._scans)
        except OSError as error:
            self._unheard[stop.path] = error
            return False
        self._unheard.pop(stop.path, None)
        return heard

    def _met(self, path: str, name: str, mode: int, stop: _Stop, way: _Way) -> Stamp | None:
        """The stamp of the file that a link in a folder leads to; a folder is put on the way."""
        if stat.S_ISDIR(mode):
            if self._root.recursive and not is_skipped_folder(name):
                self._descend(path, name, stop, way)
            return None
        if not stat.S_ISLNK(mode):
            return None
        linked = self._linked_to(path)
        if isinstance(linked, _Stop):
            way.links.append(linked)
            return None
        return linked

    def _descend(self, path: str, name: str, stop: _Stop, way: _Way) -> None:
        real = f"{stop.real.rstrip('/')}/{name}"
        mount = self._mounts.at(real)
        polled = stop.polled
        if mount is not None:
            if self._mounts.shows(mount, self._real):
                return
            polled = self._is_polled(path, real)
            if polled and not stop.polled:
                self._polled.add(path)
        way.folders.append(_Stop(path, real, polled))

    def _linked_to(self, path: str) -> Stamp | _Stop | None:
        """What a link counts for: the file that it leads to, a folder to enter, or nothing."""
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        real = os.path.realpath(path)
        inside = is_below(real, self._real)
        if not stat.S_ISDIR(status.st_mode):
            return stamp_from(status) if inside or self._follow_links else None
        name = os.path.basename(path)  # noqa: PTH119
        if not (self._follow_links and self._root.recursive) or is_skipped_folder(name):
            return None
        if inside or is_below(self._real, real):
            return None
        return _Stop(path, real, self._is_polled(path, real))

    def _is_entered(self, stop: _Stop) -> bool:
        """Whether another link leads to this folder, or to one that holds it."""
        for link, target in list(self._linked.items()):
            if link != stop.path and is_below(stop.real, target):
                if os.path.realpath(link) == target:
                    return True
                del self._linked[link]
        return False

    def _looked(self, tips: list[Tip]) -> tuple[list[Look], bool]:
        looks = [self._look(tip) for tip in _gathered(tips)]
        missing = any(look.stamp is None and look.tip.kind not in (Kind.TREE, Kind.LOST) for look in looks)
        return looks, not missing or self.stands()

    def _look(self, tip: Tip) -> Look:
        if tip.kind in (Kind.TREE, Kind.EMPTIED, Kind.LOST):
            return Look(tip, None)
        try:
            status = os.lstat(tip.path)
        except OSError:
            return Look(tip, None)
        if not stat.S_ISLNK(status.st_mode):
            return Look(tip, stamp_from(status))
        linked = self._linked_to(tip.path)
        if isinstance(linked, _Stop):
            return Look(tip._replace(kind=Kind.TREE), None)
        return Look(tip, linked)

    def _limits(self, *, whole: bool) -> Iterator[Trouble]:
        """Says once that inotify is used up, and once that it no longer is."""
        errors = [error for error in self._unheard.values() if error.errno in (errno.ENOSPC, errno.EMFILE)]
        if self._used_up and not errors:
            self._used_up = False
            yield Trouble(self.path, "limits", "")
        elif whole and errors and not self._used_up:
            self._used_up = True
            why = used_up(errors[0], len(errors), self._folders, self._poll)
            yield Trouble(self.path, "limits", why or "")


def merged(roots: Iterable[Root]) -> tuple[Root, ...]:
    """One root a folder: two rules may watch the same one, with and without what is below it, in other modes."""
    found: dict[Path, Root] = {}
    for root in roots:
        other = found.get(root.path, root)
        mode = other.mode if _CARE[other.mode] >= _CARE[root.mode] else root.mode
        found[root.path] = replace(root, recursive=root.recursive or other.recursive, mode=mode)
    return tuple(found.values())


_CARE: Final[dict[WatchMode, int]] = {"events": 0, "auto": 1, "poll": 2}


def _highest(paths: set[str]) -> tuple[str, ...]:
    """Those of them that lie below no other."""
    tops: list[str] = []
    for path in sorted(paths, key=lambda path: path.split("/")):
        if not tops or not is_below(path, tops[-1]):
            tops.append(path)
    return tuple(tops)


def _gathered(tips: list[Tip]) -> list[Tip]:
    """One tip for what several notes say of one file, unless something was renamed or went in between."""
    kept: list[Tip] = []
    places: dict[str, int] = {}
    for tip in tips:
        place = places.get(tip.path)
        if tip.source or tip.kind in (Kind.GONE, Kind.EMPTIED, Kind.LOST):
            places.clear()
            kept.append(tip)
        elif place is None:
            places[tip.path] = len(kept)
            kept.append(tip)
        elif tip.kind is not Kind.TOUCHED:
            kept[place] = tip
    return kept


def _is_empty(path: str) -> bool:
    """Whether nothing but files of our own lies in a folder. Raises OSError."""
    with os.scandir(path) as entries:
        return all(entry.name.startswith(OWN_PREFIX) for entry in entries)


def _identity(path: str) -> Identity:
    status = os.stat(path)  # noqa: PTH116
    return status.st_dev, status.st_ino


def _identity_or_none(path: str) -> Identity | None:
    try:
        return _identity(path)
    except OSError:
        return None
