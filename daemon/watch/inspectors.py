"""The threads that look at the due files of one watch folder: a share that hangs keeps no other folder waiting."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

MOST: Final = 4
"""Inspections at once in one watch folder. They wait for the disk, hardly for the processor."""
HUNG: Final = 64
"""Threads at the most, where those that there are hang: a share may be mounted below a local folder."""


class Inspectors:
    """`inspect` is called for each path that is put, in one of a few threads, begun as they are needed.

    Not a pool's: one that hangs must not keep the process from ending.
    """

    def __init__(self, name: str, inspect: Callable[[str], None]) -> None:
        self._name = name
        self._inspect = inspect
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._idle = 0
        self._threads = 0
        self._begun = 0
        self._begun_before = 0
        self._ended = False

    @property
    def behind(self) -> bool:
        """Whether a file waits for a thread."""
        return bool(self._waiting)

    def put(self, path: str) -> None:
        with self._changed:
            self._waiting.append(path)
            if len(self._waiting) > self._idle and self._threads < MOST:
                self._start()
            else:
                self._changed.notify()

    def relieve(self) -> None:
        """To be called now and then: where files wait and none was begun since the last call, all threads hang."""
        with self._changed:
            if self._waiting and self._begun == self._begun_before:
                for _ in range(min(MOST, len(self._waiting), HUNG - self._threads)):
                    self._start()
            self._begun_before = self._begun

    def end(self) -> None:
        """Forgets what waits; what is looked at now is looked at to its end."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()

    def _start(self) -> None:
        self._threads += 1
        name = f"inspect {self._name} {self._threads}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (path := self._next()) is not None:
            self._inspect(path)

    def _next(self) -> str | None:
        with self._changed:
            self._idle += 1
            while not self._waiting and not self._ended:
                self._changed.wait()
            self._idle -= 1
            self._begun += 1
            return self._waiting.popleft() if self._waiting else None
