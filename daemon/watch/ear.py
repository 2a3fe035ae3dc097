"""The kernel's queue of notes (inotify(7)), read by watchdog's reader.

Only its reader is used, and not its observers: those tell nobody that the queue ran over, that a folder below
could not be listened to or that one was moved out, cannot leave folders out, and lose what they cannot keep up
with at 17,000 notes a second. Whose notes they are and what they mean is decided in `hearing`.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)

# Every block written would be a note (IN_MODIFY), and the kernel's queue holds 16,384: the look at the end of
# the quiet time sees the changed stamp anyway. So would be our own looks (IN_OPEN, IN_CLOSE_NOWRITE).
_MASK: Final = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
)
_NO_WATCH: Final = -1

Note = InotifyEvent


class Ear(WatchCallback):
    """The notes of one tree, in the order of what happened. After each, `wake` is called from the reader's thread."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.notes: deque[Note] = deque()
        self._wake = wake

    def on_event(self, event: Note) -> None:
        """Must not raise: that would end the reader, and all folders would be deaf."""
        self.notes.append(event)
        self._wake()

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        self.on_event(Note(wd, InotifyConstants.IN_IGNORED, 0, b""))

    def on_queue_overflow(self) -> None:
        self.on_event(Note(WatchDescriptor(_NO_WATCH), InotifyConstants.IN_Q_OVERFLOW, 0, b""))


class Inotify:
    """One inotify instance for the ears of all trees; opened with the first folder that is listened to."""

    def __init__(self) -> None:
        _calm_watchdog()
        self._reader: InotifyFD | None = None
        self._closed = False
        self._turn = threading.Lock()

    @property
    def died(self) -> bool:
        """Whether the reader's thread has ended by itself: no folder is heard any more."""
        reader = self._reader
        return reader is not None and not self._closed and not reader.is_alive()

    def listen(self, folder: str, ear: Ear) -> WatchDescriptor:
        """Begins to listen to a folder, not to those below; listening once more answers the same number.

        Raises OSError: ENOSPC (no watch is left), EMFILE (no instance), EACCES, ENOENT, ENOTDIR.
        """
        with self._turn:
            if self._closed:
                raise OSError(errno.EBADF, "no longer listening")
            if self._reader is None:
                reader = InotifyFD()
                reader.start()
                self._reader = reader
            watch = self._reader.add_callback(os.fsencode(folder), _MASK, ear, _id(ear))
        if watch == _NO_WATCH:
            # watchdog raises every other error of the system call.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
        return watch

    def leave(self, watches: Iterable[WatchDescriptor], ear: Ear) -> None:
        """Listens to these no longer; some may have ended by themselves."""
        with self._turn:
            if self._reader is not None and not self._closed:
                with suppress(OSError):
                    self._reader.remove_callbacks([(watch, _id(ear)) for watch in watches])

    def close(self) -> None:
        """Ends listening for good. Blocks until the reader has ended."""
        with self._turn:
            reader, self._closed = self._reader, True
        if reader is not None:
            reader.stop()
            reader.join()


def _id(ear: Ear) -> CallbackId:
    return CallbackId(id(ear))


def _calm_watchdog() -> None:
    """Two of watchdog's own sayings mislead a person: that a folder was listened to twice, that notes were lost.

    The first must not reach a program that turns warnings into errors. What was lost is looked for by a scan.
    """
    warnings.filterwarnings("ignore", "Callback with id .* already exists", RuntimeWarning)
    logging.getLogger("watchdog.observers.inotify_c").addFilter(_matters)


def _matters(record: logging.LogRecord) -> bool:
    return "overflowed" not in record.getMessage()
