"""Files in an output folder: written hidden, synced, renamed into place. No reader ever sees half of one.

All functions here touch the disk and raise DeliveryError, which says what the folder lacks.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import xxhash

from daemon.deliver.sidecar import is_about
from daemon.errors import DeliveryError

RESULTS: Final = ("mp4", "mov", "mkv", "webm", "m4a", "mp3", "wav")
"""What a result may be, by extension; all of them are looked at before a base name is taken."""
NOTES: Final = ("FAILED.txt", "HELD.txt")
HIDDEN: Final = ".reeldrop-"
_BESIDE: Final = ("json", "log")
_LONGEST_NOTE: Final = 64 << 10
"""Bytes of a note that are read: somebody else's file may have such a name."""
_CHUNK: Final = 1 << 20
_FIRST: Final = 64 << 10
"""Bytes read at first: room for a whole chunk costs a small file more than reading it."""

_AT_FDCWD: Final = -100
_NOREPLACE: Final = 1
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def hidden(folder: Path, job_id: str, name: str) -> Path:
    """Where a job's unfinished file lies in the output folder; never input, never shown."""
    return folder / f"{HIDDEN}{job_id}-{name}"


def make(folder: Path) -> None:
    """Makes an output folder and what lacks above it."""
    with _telling(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def is_free(folder: Path, base: str) -> bool:
    """Whether no file of a result of this base name stands in the folder."""
    endings = (*RESULTS, *_BESIDE, *NOTES)
    return not any(os.path.lexists(folder / f"{base}.{ending}") for ending in endings)


def is_left(folder: Path, base: str, source: Path) -> bool:
    """Whether all that has this base name are notes about this source: a record that was lost has left them."""
    if any(os.path.lexists(folder / f"{base}.{ending}") for ending in (*RESULTS, *_BESIDE)):
        return False
    notes = [path for ending in NOTES if os.path.lexists(path := folder / f"{base}.{ending}")]
    return bool(notes) and all(is_about(_beginning(note), source) for note in notes)


def write(folder: Path, job_id: str, name: str, text: str, file_mode: int | None) -> None:
    """Writes one of a job's own small files, over an older version of it."""
    with _telling(folder):
        unfinished = hidden(folder, job_id, name)
        try:
            with unfinished.open("w", encoding="utf-8", errors="replace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            dress(unfinished, file_mode)
            unfinished.replace(folder / name)
        except OSError:
            # On a full disk an empty file can still be made, and would stay.
            unfinished.unlink(missing_ok=True)
            raise


def place(unfinished: Path, final: Path, *, replace: bool) -> bool:
    """Renames a finished file into place; False where a file stands there and must not be replaced."""
    with _telling(final.parent):
        if replace:
            unfinished.replace(final)
            return True
        return _rename_no_replace(unfinished, final)


def sync(folder: Path) -> None:
    """Makes the folder's names durable."""
    with _telling(folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_notes(folder: Path, base: str) -> None:
    with _telling(folder):
        for ending in NOTES:
            (folder / f"{base}.{ending}").unlink(missing_ok=True)


def remove_hidden(folder: Path, job_id: str) -> None:
    """Removes what a job has left unfinished."""
    with _telling(folder):
        for left in folder.glob(f"{HIDDEN}{job_id}-*"):
            left.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copies a delivered file to a hidden one, synced; the file system shares the blocks where it can."""
    with _telling(target.parent):
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())


def hash_file(path: Path, wanted: Callable[[], bool] = lambda: True) -> str:
    """xxh3-128 of a file's bytes, hex. Raises OSError; InterruptedError once it is no longer `wanted`."""
    hasher, size = xxhash.xxh3_128(), _FIRST
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(size):
            hasher.update(chunk)
            size = _CHUNK
            if not wanted():
                raise InterruptedError
    return hasher.hexdigest()


def hash_of(content: bytes) -> str:
    """The same of bytes that were read already."""
    return xxhash.xxh3_128_hexdigest(content)


def dress(path: Path, file_mode: int | None) -> None:
    """Gives a file its mode; None: the folder's own mode and group, as far as we may."""
    above = path.parent.stat()
    path.chmod(above.st_mode & 0o666 if file_mode is None else file_mode)
    if file_mode is None and path.stat().st_gid != above.st_gid:
        try:
            os.chown(path, -1, above.st_gid)
        except PermissionError:
            return


def _beginning(note: Path) -> str:
    try:
        with note.open("rb") as file:
            return file.read(_LONGEST_NOTE).decode("utf-8", "replace")
    except OSError:
        return ""


def _rename_no_replace(source: Path, target: Path) -> bool:
    """renameat2 where the file system has it, else a hard link, else a look before the rename."""
    if _renameat2 is not None:
        if _renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _NOREPLACE) == 0:
            return True
        if ctypes.get_errno() == errno.EEXIST:
            return False
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError:
        # Neither exists on exFAT or SMB; one daemon owns the reserved name, so a look is what is left.
        if os.path.lexists(target):
            return False
        source.rename(target)
    else:
        source.unlink()
    return True


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DeliveryError(
            "write the result", f"{folder}: {error.strerror or error}", _hint(error.errno, folder)
        ) from None


def _hint(number: int | None, folder: Path) -> str:
    match number:
        case errno.ENOSPC | errno.EDQUOT:
            return "Make space there; it goes on by itself."
        case errno.EACCES | errno.EPERM:
            return f"Let this user write there (`ls -ld {folder}` shows who may); it goes on by itself."
        case errno.EROFS:
            return "The file system is read-only; mount it writable, and it goes on by itself."
        case _:
            return "It goes on by itself once that is mended."
