"""A job that a daemon works on, shown from the lines of its control socket."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from daemon.cli.common import STEP_WORDS
from daemon.errors import ReeldropError
from daemon.jobs.model import Step


class Following:
    """One line with a bar on a terminal, a line for each step in a pipe, nothing when `quiet`."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._name = name
        self._quiet = quiet
        self._bar: Any = None
        if not quiet and sys.stdout.isatty():
            from rich.progress import Progress

            self._bar = Progress(transient=True)

    def __enter__(self) -> Following:
        if self._bar is not None:
            self._bar.start()
            self._shown = self._bar.add_task("starting", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def follow(self, lines: Iterator[dict[str, Any]]) -> dict[str, Any]:
        """The job as it is at the end. Raises ReeldropError where the daemon went away before."""
        job: dict[str, Any] | None = None
        ended = False
        for line in lines:
            if "job" in line:
                ended, job = job is not None, line["job"]
            elif "begun" in line:
                self._step(STEP_WORDS[Step(line["begun"])])
            elif "progress" in line and self._bar is not None:
                self._bar.update(self._shown, total=1.0, completed=line["fraction"])
        if job is None or not ended:
            raise ReeldropError(
                "", f"the daemon stopped before {self._name} was finished", "It goes on when it runs."
            )
        return job

    def _step(self, words: str) -> None:
        if self._bar is not None:
            self._bar.update(self._shown, description=f"{self._name}: {words}", total=None, completed=0)
        elif not self._quiet:
            click.echo(f"{self._name}: {words}")
