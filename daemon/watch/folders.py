"""One watch folder at the edge: what watchdog tells of it, and what a scan finds below it.

Events are hints and the scan is the truth: both end as paths to look at. Folders behind symbolic links are
not entered; a link to a file stands for the file.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch

from daemon.errors import UsageError
from daemon.watch.inspection import stamp_from
from daemon.watch.names import is_skipped_folder, is_temporary, is_temporary_name
from daemon.watch.sight import Stamp

# FileModified is left out: every block written would be an event, the kernel's queue holds 16,384, and the
# look at the end of the quiet time sees the changed stamp anyway. So are opens, which our own looks cause.
_EVENTS: Final[list[type[FileSystemEvent]]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
]
_BATCH: Final = 512
"""Files a scan hands over at once."""


@dataclass(frozen=True, slots=True)
class Root:
    """A watch folder, by its absolute path."""

    path: Path
    recursive: bool = True


class Tip(NamedTuple):
    """Something happened at `path`. `source`: where the file came from. `tree`: a folder, to be scanned."""

    path: str
    source: str = ""
    tree: bool = False


class Found(NamedTuple):
    """A file that a scan saw; without a stamp, a folder that could not be read, and `why`."""

    path: str
    stamp: Stamp | None
    why: str = ""


class Folder(FileSystemEventHandler):
    """The events of one watch folder, as tips. After each, `wake` is called from watchdog's thread."""

    def __init__(self, root: Root, observer: BaseObserver, wake: Callable[[], None]) -> None:
        self.path = str(root.path)
        self.recursive = root.recursive
        self.tips: deque[Tip] = deque()
        self._observer = observer
        self._wake = wake
        self._watch: ObservedWatch | None = None
        self._real = self.path
        self._identity: tuple[int, int] | None = None

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called by watchdog in its own thread, in the order of what happened."""
        path = self._shown(event.src_path)
        target = self._shown(event.dest_path)
        tip = self._folder_tip(event, path, target) if event.is_directory else self._file_tip(path, target)
        if tip is not None:
            self.tips.append(tip)
            self._wake()

    def attach(self) -> None:
        """Begins to listen. Raises UsageError: the folder is missing, unreadable, or inotify is used up."""
        try:
            status = Path(self.path).stat()
            os.scandir(self.path).close()
            # watchdog does not follow a link given as the folder itself, and would hear nothing.
            self._real = os.path.realpath(self.path)
            self._watch = self._observer.schedule(
                self, self._real, recursive=self.recursive, event_filter=_EVENTS
            )
        except OSError as error:
            raise watch_error(self.path, error) from error
        self._identity = (status.st_dev, status.st_ino)

    def detach(self) -> None:
        """Stops listening. The last tips may still lie in `tips`."""
        if self._watch is not None:
            # KeyError: watchdog has dropped the watch itself.
            with suppress(KeyError):
                self._observer.unschedule(self._watch)
        self._watch = self._identity = None

    def exists(self) -> bool:
        return Path(self.path).is_dir()

    def reattach(self) -> None:
        """Listens anew where the folder was deleted, replaced or mounted since. Raises as `attach` does."""
        if self._identity is not None and self._identity == self._standing() and self._listening():
            return
        self.detach()
        self.attach()

    def scan(self, top: str) -> Iterator[list[Found]]:
        """The files below `top`, in batches; temporary names and skipped folders left out."""
        batch: list[Found] = []
        folders = [top]
        while folders:
            for found in self._list(folders.pop(), folders):
                batch.append(found)
                if len(batch) >= _BATCH:
                    yield batch
                    batch = []
        yield batch

    def _list(self, folder: str, folders: list[str]) -> Iterator[Found]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if self.recursive and not is_skipped_folder(entry.name):
                            folders.append(entry.path)
                    elif not is_temporary_name(entry.name):
                        stamp = _entry_stamp(entry)
                        if stamp is not None:
                            yield Found(entry.path, stamp)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            yield Found(folder, None, f"the folder cannot be read ({error.strerror or error})")

    def _folder_tip(self, event: FileSystemEvent, path: str, target: str) -> Tip | None:
        if isinstance(event, DirDeletedEvent):
            if path != self.path:
                return None
            # The emitter is about to end, but may not have ended when the folder is looked at again.
            self._identity = None
            return Tip(path, tree=True)
        top = target or path
        below = PurePath(self._relative(top), "any")
        return Tip(top, tree=True) if self.recursive and not is_temporary(below) else None

    def _file_tip(self, path: str, target: str) -> Tip | None:
        if is_temporary(PurePath(self._relative(path))):
            path = ""
        if target and not is_temporary(PurePath(self._relative(target))):
            return Tip(target, source=path)
        return Tip(path) if path else None

    def _shown(self, told: bytes | str) -> str:
        """A path as watchdog tells it, under the folder's name as the rules say it."""
        path = os.fsdecode(told)
        return self.path + path[len(self._real) :] if path else ""

    def _relative(self, path: str) -> str:
        return path[len(self.path) :].lstrip("/")

    def _standing(self) -> tuple[int, int] | None:
        try:
            status = Path(self.path).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _listening(self) -> bool:
        """Whether the emitter lives: it ends with its folder, whose inode number may come back."""
        emitters = list(self._observer.emitters)
        return any(emitter.watch == self._watch and emitter.is_alive() for emitter in emitters)


def watch_error(path: str, error: OSError) -> UsageError:
    """The one line for a folder that cannot be watched, with the command that mends it."""
    operation = f"watch {path}"
    quoted = shlex.quote(path)
    if error.errno == errno.ENOENT:
        return UsageError(operation, "the folder does not exist", f"Make it: mkdir -p {quoted}")
    if error.errno == errno.ENOTDIR:
        return UsageError(operation, "it is a file, not a folder")
    if error.errno == errno.ENOSPC:
        limit = "fs.inotify.max_user_watches"
        return UsageError(operation, "no inotify watch is left", f"Raise it: sudo sysctl {limit}=524288")
    if error.errno == errno.EMFILE:
        limit = "fs.inotify.max_user_instances"
        return UsageError(operation, "no inotify instance is left", f"Raise it: sudo sysctl {limit}=1024")
    if error.errno == errno.EACCES:
        return UsageError(operation, "this user may not read it", f"Look at its rights: ls -ld {quoted}")
    return UsageError(operation, error.strerror or str(error))


def _entry_stamp(entry: os.DirEntry[str]) -> Stamp | None:
    try:
        # d_type tells files from links without a system call; only a link is worth following.
        if entry.is_file(follow_symlinks=False):
            return stamp_from(entry.stat(follow_symlinks=False))
        return stamp_from(entry.stat()) if entry.is_symlink() else None
    except OSError:
        return None
