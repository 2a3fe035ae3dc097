"""What the kernel's notes about one tree mean: from watch numbers, names and cookies to tips about paths.

A rename is two notes with one cookie, nearly always side by side. The first without the second means that
something was moved out of the tree; so it is kept until the second can no longer come (`departed`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from watchdog.observers.inotify_c import InotifyConstants, WatchDescriptor

from daemon.watch.ear import Ear, Inotify, Note
from daemon.watch.names import is_skipped_folder, is_temporary_name
from daemon.watch.places import Heard, Identity, Places

_ROOT_LOST: Final = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF


class Kind(Enum):
    """WRITTEN: a file may have come or changed. TOUCHED: its times or rights have. GONE: it was deleted or moved
    out. TREE: a folder has come, all below it is new. EMPTIED: a folder was moved out with all that is in it.
    LOST: notes were lost, anything may have happened.
    """

    WRITTEN = "written"
    TOUCHED = "touched"
    GONE = "gone"
    TREE = "tree"
    EMPTIED = "emptied"
    LOST = "lost"


class Tip(NamedTuple):
    """Something happened at `path`. `source`: what stands there was renamed, and came from that path."""

    path: str
    kind: Kind
    source: str = ""


class _Leaving(NamedTuple):
    """The first half of a rename. `counted`: not of a name that is never input."""

    path: str
    folder: bool
    counted: bool


class Hearing:
    """The folders of the tree at `root` that are listened to, and the tips that their notes make."""

    def __init__(self, root: str, *, recursive: bool, inotify: Inotify, wake: Callable[[], None]) -> None:
        self._root = root
        self._recursive = recursive
        self._inotify = inotify
        self._ear = Ear(wake)
        self._places = Places()
        self._leaving: dict[int, _Leaving] = {}

    @property
    def silent(self) -> bool:
        """Whether no note waits to be read."""
        return not self._ear.notes

    @property
    def awaits(self) -> bool:
        """Whether something left its place and may yet turn up at another."""
        return bool(self._leaving)

    def hears(self, folder: str) -> bool:
        """Whether this very folder is listened to."""
        return self._places.at(folder) is not None

    def listen(self, folder: str, identity: Identity, scan: int) -> bool:
        """Listens to a folder; whether it was listened to before. Raises OSError as `Inotify.listen` does.

        FileExistsError: it is listened to under another path, and its notes cannot tell which one they mean.
        """
        heard = self._places.at(folder)
        if heard is not None and heard.identity == identity:
            heard.scan = scan
            return True
        if heard is not None:
            self.leave(folder)
        watch = self._inotify.listen(folder, self._ear)
        other = self._places.of(watch)
        if other is not None:
            if _identity(other.path) == identity:
                raise FileExistsError(folder)
            # It was renamed, and the notes of that were lost.
            self._places.move(other.path, folder)
            other.scan = scan
            return False
        self._places.add(Heard(folder, watch, identity, scan))
        return False

    def leave(self, top: str) -> None:
        """Listens no longer to a folder and those below it."""
        self._leave(self._places.drop(top))

    def leave_unseen(self, scan: int) -> None:
        """Listens no longer to what this scan of the whole tree did not come by."""
        self._leave(self._places.drop_unseen(scan))

    def tips(self, most: int) -> list[Tip]:
        """What the next notes mean, `most` at the most."""
        found: list[Tip] = []
        for _ in range(min(most, len(self._ear.notes))):
            found += self._read(self._ear.notes.popleft())
        return found

    def departed(self) -> list[Tip]:
        """What left its place, and did not turn up at another in the tree."""
        left, self._leaving = self._leaving, {}
        return [tip for one in left.values() for tip in self._depart(one)]

    def _read(self, note: Note) -> Iterator[Tip]:
        if note.is_queue_overflow:
            self._leaving.clear()
            yield Tip(self._root, Kind.LOST)
            return
        place = self._places.of(note.wd)
        if place is None:
            return
        if note.is_ignored:
            self._places.drop(place.path)
            if place.path == self._root:
                yield Tip(self._root, Kind.TREE)
        elif note.name:
            path = os.path.join(place.path, os.fsdecode(note.name))  # noqa: PTH118  # for each of 50,000
            folder = bool(note.mask & InotifyConstants.IN_ISDIR)
            yield from self._folder(note, path) if folder else self._file(note, path)
        elif note.mask & InotifyConstants.IN_UNMOUNT or (note.mask & _ROOT_LOST and place.path == self._root):
            yield Tip(place.path, Kind.TREE)

    def _folder(self, note: Note, path: str) -> Iterator[Tip]:
        if not self._recursive:
            return
        counted = not is_skipped_folder(os.path.basename(path))  # noqa: PTH119
        if note.is_moved_from:
            self._leaving[note.cookie] = _Leaving(path, folder=True, counted=counted)
        elif note.is_moved_to:
            left = self._leaving.pop(note.cookie, None)
            if not counted:
                yield from self._depart(left) if left else ()
            elif left is None or not left.counted:
                yield Tip(path, Kind.TREE)
            else:
                self._leave(self._places.move(left.path, path))
                yield Tip(path, Kind.TREE, left.path)
        elif counted and (note.is_create or (note.is_attrib and self._places.at(path) is None)):
            # Its rights have changed, and it was not listened to: perhaps it can be read now.
            yield Tip(path, Kind.TREE)

    def _file(self, note: Note, path: str) -> Iterator[Tip]:
        counted = not is_temporary_name(os.path.basename(path))  # noqa: PTH119
        if note.is_moved_from:
            self._leaving[note.cookie] = _Leaving(path, folder=False, counted=counted)
        elif note.is_moved_to:
            left = self._leaving.pop(note.cookie, None)
            if counted:
                yield Tip(path, Kind.WRITTEN, left.path if left and left.counted else "")
            elif left is not None:
                yield from self._depart(left)
        elif note.is_delete:
            yield from self._depart(_Leaving(path, folder=False, counted=counted))
        elif counted:
            yield Tip(path, Kind.TOUCHED if note.is_attrib else Kind.WRITTEN)

    def _depart(self, left: _Leaving) -> Iterator[Tip]:
        # A link to a folder is a file to the kernel; what was heard through it has gone with it.
        folder = left.folder or self._places.at(left.path) is not None
        if folder:
            self.leave(left.path)
        if left.counted:
            yield Tip(left.path, Kind.EMPTIED if folder else Kind.GONE)

    def _leave(self, watches: list[int]) -> None:
        if watches:
            self._inotify.leave([WatchDescriptor(watch) for watch in watches], self._ear)


def _identity(path: str) -> Identity | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino
