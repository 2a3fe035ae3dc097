"""Output folders that take no file: one job at a time finds out whether that is over, and nothing new is paid.

A folder that is full, gone or read-only concerns every job that delivers there. Without this, each of them
would edit, pay, fetch its result and only then learn what the first one knew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

_LONGEST: Final = 60.0
"""Seconds between two tries at the most: a try costs nothing, it looks whether the folder takes a file."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a folder; nobody tries it before `until`. `wait`: seconds of the pause before that.

    `tried_by`: the id of the job that tries it now, and may go on with it.
    """

    cause: str
    until: float
    wait: float
    tried_by: str = ""


class Folders:
    """The output folders that are in trouble. Times are seconds since 1970."""

    def __init__(self) -> None:
        self._troubles: dict[Path, Trouble] = {}

    @property
    def troubles(self) -> Mapping[Path, Trouble]:
        return self._troubles

    def rests(self, folder: Path, job: str, now: float) -> Trouble | None:
        """What keeps a job from trying the folder now. Once its time has come, whoever asks first may try.

        It may until its result is placed or that has failed. Seen without: asked again before its first message,
        the one that tried was held like the others, and the folder stayed in trouble for ever.
        """
        trouble = self._troubles.get(folder)
        if trouble is None or trouble.tried_by == job:
            return None
        if now < trouble.until:
            return trouble
        self._troubles[folder] = Trouble(trouble.cause, now + trouble.wait, trouble.wait, job)
        return None

    def failed(self, folder: Path, cause: str, first: float, now: float) -> float:
        """A try failed; returns when the next one may come: after `first` seconds, then after twice as long."""
        known = self._troubles.get(folder)
        wait = first if known is None else min(_LONGEST, 2 * known.wait)
        self._troubles[folder] = Trouble(cause, now + wait, wait)
        return now + wait

    def works(self, folder: Path) -> bool:
        """A file was placed there; returns whether it was in trouble until now."""
        return self._troubles.pop(folder, None) is not None

    def shift(self, seconds: float) -> None:
        """The clock was set: the times of the next tries go with it."""
        self._troubles = {
            folder: replace(one, until=one.until + seconds) for folder, one in self._troubles.items()
        }
