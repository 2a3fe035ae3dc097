"""One daemon for a state folder: whoever holds the lock writes the database."""

from __future__ import annotations

import fcntl
import os
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
            raise StateError(
                f"state folder {state}",
                f"cannot be written ({error.strerror})",
                "Give this user the folder, or name another one with `state:` in the rules file.",
            ) from None
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
