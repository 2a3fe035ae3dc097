"""One daemon for a state folder: whoever holds the lock writes the database. And who may not write there at all."""

from __future__ import annotations

import fcntl
import os
import pwd
import shlex
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import Final, TextIO

from daemon.errors import StateError

_PATIENCE: Final = 0.5


class StateLock:
    """An flock on `state/lock`. It goes with the process, however that ends.

    Raises StateError where another process holds it or the folder cannot be written.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / "lock"
        try:
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._path.open("a+")
        except OSError as error:
            why, hint = shut_out(self._path) or (
                f"cannot be written ({error.strerror})",
                "Give this user the folder, or name another one with `state:` in the rules file.",
            )
            raise StateError(f"state folder {state}", why, hint) from None
        if not _take(self._file):
            holder = self._path.read_text().strip() or "another process"
            self._file.close()
            raise StateError(
                f"state folder {state}",
                f"is in use by {holder}",
                "One daemon works on a state folder: stop that one, or give this one a `state:` of its own.",
            ) from None
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        self._file.close()

    def __enter__(self) -> StateLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _take(file: TextIO) -> bool:
    """Whether the lock could be had. A command that only asks has it for an instant; that is waited out."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_PATIENCE / 20)
        else:
            return True


def is_locked(state: Path) -> bool:
    """Whether a process holds the lock of this state folder now. Raises StateError where this user may not ask."""
    try:
        with (state / "lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except PermissionError as error:
        raise StateError(
            f"state folder {state}",
            f"cannot be read ({error.strerror})",
            "Ask as the user whose daemon works there.",
        ) from None
    return False


def shut_out(path: Path) -> tuple[str, str] | None:
    """What keeps this user from writing a file of the state folder, and what mends that; None: nothing does.

    Looked at are the folder, the file, and what SQLite keeps beside a database.
    """
    for place in (path.parent, *(Path(f"{path}{ending}") for ending in ("", "-wal", "-shm"))):
        if not os.path.exists(place):  # noqa: PTH110  Path.exists raises where the folder above is closed to us
            continue
        found, me = place.stat(), os.geteuid()
        needed = os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(found.st_mode) else 0)
        if os.access(place, needed):
            continue
        mode, named = stat.S_IMODE(found.st_mode), shlex.quote(str(place))
        why = (
            f"{place} cannot be read and written by {_name(me)} "
            f"(it belongs to {_name(found.st_uid)}, mode {mode:04o})"
        )
        if found.st_uid != me:
            over = f"`sudo chown -R {_name(me)} {shlex.quote(str(path.parent))}`"
            return why, f"Work as {_name(found.st_uid)}, or {over} gives the state folder over."
        if mode >> 6 & needed != needed:
            return why, f"`chmod u+rw{'x' if needed & os.X_OK else ''} {named}` mends it."
        return why, f"See how its file system is mounted (`findmnt -T {named}`) and whether it takes changes."
    return None


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
