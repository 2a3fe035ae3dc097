"""Writing records so that a crash leaves the old one or the new one, never half of either."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Final

from daemon.errors import StateError
from daemon.nemo.wire import JsonObject

LOCK_WAIT_S: Final = 10.0
_LOCK_LOOK: Final = 0.05


def write_json(path: Path, value: JsonObject) -> None:
    """Replaces `path` whole: hidden file, fsync, rename, fsync of the folder."""
    hidden = path.with_name(f".{path.name}.new")
    with hidden.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    place(hidden, path)


def place(hidden: Path, path: Path) -> None:
    """Renames a written and synced file to where it is looked for, and syncs the folder."""
    hidden.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> JsonObject | None:
    """The record, or None where there is none that can be read."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


class FolderLock:
    """One studio per folder, held by flock until `release` or the process's end.

    `wait_s`: how long another studio may take to end, in seconds.
    """

    def __init__(self, folder: Path, wait_s: float = LOCK_WAIT_S) -> None:
        self._folder = folder
        self._wait_s = wait_s
        self._descriptor = -1

    def take(self) -> None:
        """Waits for another studio to end. Raises StateError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                "open the studio's folder",
                f"{self._folder}: {error.strerror}",
                "Name a folder you may write.",
            ) from None
        deadline = time.monotonic() + self._wait_s
        while not self._taken():
            if time.monotonic() > deadline:
                os.close(self._descriptor)
                raise StateError(
                    "open the studio's folder",
                    f"another studio has been using {self._folder} for {self._wait_s:g} s",
                    "End the other one, or give this one a folder of its own.",
                )
            time.sleep(_LOCK_LOOK)

    def release(self) -> None:
        os.close(self._descriptor)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
