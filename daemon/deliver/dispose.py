"""Sources that have done their work: moved to another folder or deleted, if they still are what was uploaded.

A move gives the file a second name in the other folder (a hard link; where that is not possible, a copy that is
synced and whose hash is verified), and then takes the first name away. Whoever was killed in between finds the
second name again and takes the first one away. Nothing is ever overwritten.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from shutil import copystat

from daemon.deliver import folder
from daemon.errors import DeliveryError, SourceGone
from daemon.jobs.model import Source
from daemon.media.types import kind_of

_RETRIED = "It is tried again by itself."


def move(source: Source, into: Path, job_id: str) -> Path:
    """Moves a source into a folder, which is made if missing; returns where it lies then.

    Raises SourceGone where it is no longer what was uploaded, DeliveryError where one of the folders forbids it.
    """
    check(source)
    with _telling(source.path.parent):
        _may_write(source.path.parent)
    with _telling(into):
        folder.make(into)
        if source.path.parent.samefile(into):
            return source.path
        target = _link(source, into) or _copy(source, into, job_id)
        if target == source.path:
            return target
        folder.sync(into)
    try:
        delete(source)
    except SourceGone:
        # Written to after it was linked: the new bytes stand under both names, and only one was there before.
        if _same_inode(source.path, target):
            with _telling(into):
                target.unlink()
            raise
    return target


def delete(source: Source) -> None:
    """Deletes a source. Raises SourceGone and DeliveryError as `move` does."""
    check(source)
    with _telling(source.path.parent):
        source.path.unlink(missing_ok=True)


def check(source: Source) -> None:
    """Raises SourceGone unless the very file that was uploaded stands there: device, inode, size and mtime."""
    with _telling(source.path.parent):
        try:
            found = source.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            raise SourceGone("", "it is no longer there") from None
    if stat.S_ISLNK(found.st_mode):
        raise SourceGone("", "it is a link, and what it leads to lies elsewhere")
    if (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) != (
        *(source.device, source.inode, source.size, source.mtime_ns),
    ):
        raise SourceGone("", "it has changed since it was edited")


def moved_to(source: Source, into: Path) -> Path | None:
    """Where an earlier daemon has moved this source in a folder; None where it is not there."""
    with _telling(into):
        for target in _names(into, source.path.name):
            if not os.path.lexists(target):
                return None
            if _is_it(target, source):
                return target
    return None


def at(source: Source, path: Path) -> Source:
    """The source as it stands at its new path. Raises DeliveryError where it cannot be looked at."""
    with _telling(path.parent):
        found = path.stat()
    return Source(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, source.content)


def _link(source: Source, into: Path) -> Path | None:
    """A second name for the file, in the folder; None where there can be no link to it."""
    for target in _names(into, source.path.name):
        try:
            os.link(source.path, target, follow_symlinks=False)
        except FileExistsError:
            if _is_it(target, source):
                return target
        except OSError:
            break  # another file system, or one without links; what else is wrong the copy tells
        else:
            return target
    return None


def _copy(source: Source, into: Path, job_id: str) -> Path:
    unfinished = folder.hidden(into, job_id, "source")
    try:
        folder.copy(source.path, unfinished)
        if os.path.lexists(source.path.with_name(unfinished.name)):
            return source.path  # the same folder, mounted twice: it lies there already
        if folder.hash_file(unfinished) != source.content:
            raise SourceGone("", "its copy is not what was uploaded")
        _dress(source.path, unfinished)
        return next(
            target
            for target in _names(into, source.path.name)
            if folder.place(unfinished, target, replace=False) or _is_it(target, source)
        )
    finally:
        unfinished.unlink(missing_ok=True)


def _dress(source: Path, copy: Path) -> None:
    """Times, mode and owner of the source, as far as the file system and our rights go."""
    found = source.stat()
    with suppress(OSError):
        os.chown(copy, found.st_uid, found.st_gid)
    with suppress(OSError):
        copystat(source, copy)


def _names(into: Path, name: str) -> Iterator[Path]:
    yield into / name
    plain = Path(name)
    # `x.urls.txt` called `x.urls-2.txt` would be a script when it is tried again.
    endings = (plain.suffix, "".join(plain.suffixes[-2:]))
    ending = next(one for one in endings if kind_of(f"x{one}") == kind_of(name))
    yield from (into / f"{name[: len(name) - len(ending)]}-{number}{ending}" for number in count(2))


def _is_it(target: Path, source: Source) -> bool:
    """Whether the source's bytes stand there: its second name, or the copy of one who was killed."""
    found = target.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size != source.size:
        return False
    if (found.st_dev, found.st_ino) == (source.device, source.inode):
        return True
    return folder.hash_file(target) == source.content


def _same_inode(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _may_write(where: Path) -> None:
    if not os.access(where, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "this user may not remove files from there")


@contextmanager
def _telling(where: Path) -> Iterator[None]:
    try:
        yield
    except DeliveryError as error:
        raise DeliveryError("", error.cause, error.hint) from None
    except OSError as error:
        raise DeliveryError("", f"{where}: {error.strerror or error}", _RETRIED) from None
