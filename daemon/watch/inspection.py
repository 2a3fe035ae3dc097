"""The look at one file on disk: who stands there, whether somebody writes it, whether it is whole."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath
from typing import Final

from daemon.deliver.folder import hash_of
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.media.tail import decodes_to_its_end
from daemon.watch.container import examine
from daemon.watch.faults import unreadable
from daemon.watch.lease import Lease, writer_of
from daemon.watch.sight import Busy, Gone, Seen, Sight, Stamp, Unreadable

# O_NONBLOCK: a fifo that took the file's place since the stat, or another program's write lease, would block.
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


_SMALL: Final = 64 << 10
"""Bytes up to which a file is read whole while it is looked at: to open it once more costs more than its bytes."""


def stamp_from(status: os.stat_result) -> Stamp | None:
    """The stamp of a regular file; None for a folder, socket, fifo or device."""
    if not stat.S_ISREG(status.st_mode):
        return None
    # As a tuple is made: through the fields' names it took twice as long, for every file of every scan.
    return tuple.__new__(Stamp, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


def stamp_of(path: str) -> Stamp | None:
    """The stamp of the regular file at `path`, or of the one a link there leads to; None: none is seen."""
    try:
        return stamp_from(os.stat(path))  # noqa: PTH116
    except OSError:
        return None


def any_ffmpeg() -> Ffmpeg:
    """The one that is found without a word in the rules. Raises MediaError."""
    return Ffmpeg(find_ffmpeg())


def inspect(path: str, ffmpeg: Callable[[], Ffmpeg] = any_ffmpeg) -> Sight:
    """Looks at the file at `path`. May wait as long as its file system makes it wait; raises nothing.

    `ffmpeg`: looks at the end of an mp4 that ends in zeros.
    """
    try:
        fd = os.open(path, _OPEN)
    except (FileNotFoundError, NotADirectoryError):
        return Gone()
    except BlockingIOError:
        stamp = stamp_of(path)
        return Busy(stamp) if stamp else Gone()
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket has taken its place
            return Gone()
        return Unreadable(unreadable(path, error))
    try:
        return inspect_open(fd, path, partial(decodes_to_its_end, Path(path), ffmpeg))
    except OSError as error:
        return Unreadable(unreadable(path, error))
    finally:
        os.close(fd)


def _content(fd: int, size: int) -> str | None:
    """The hash of a small file; None where its file system hands it over in pieces."""
    read = os.pread(fd, _SMALL, 0)
    return hash_of(read) if len(read) == size else None


def inspect_open(fd: int, path: str, decodes: Callable[[], bool]) -> Sight:
    """Looks through `fd` at the file that was opened at `path`. Raises OSError where reading fails."""
    before = stamp_from(os.fstat(fd))
    if before is None:
        return Gone()
    lease = writer_of(fd)
    if lease is Lease.BUSY:
        return Busy(before)
    finding = examine(fd, before.size, PurePath(path), decodes)
    content = _content(fd, before.size) if before.size < _SMALL else None
    after = stamp_of(path)
    if after is None:
        return Gone()
    if after != before:
        # Written or replaced while we read: what was found belongs to no version of it.
        return Busy(after)
    return Seen(before, lease is Lease.FREE, finding, content)
