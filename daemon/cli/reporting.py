"""What happens, shown while it happens: bars on a terminal, plain lines in a pipe, JSON for programs."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daemon.cli.common import brief, clock, one_line, say_json, step_words
from daemon.jobs.model import Job
from daemon.jobs.public import public
from daemon.jobs.states import State
from daemon.pipeline.hooks import EDITOR_SAYS, Happening, Hook, JobChanged, Noted, StepBegun, StepProgress


@contextmanager
def reporter(*, as_json: bool) -> Iterator[Hook]:
    """The hook that suits where the output goes."""
    if as_json:
        yield _json
    elif sys.stdout.isatty():
        with _Bars() as bars:
            yield bars.hear
    else:
        yield _Lines().hear


class _Lines:
    """A line for each step, each change of state and what the editor says.

    Those of one turn of the loop go out together: a burst has one for every file, and a write for each of them kept
    the loop from its work for as long again.
    """

    def __init__(self) -> None:
        self._said: list[str] = []
        self._broken: OSError | None = None

    def hear(self, happening: Happening) -> None:
        """Raises OSError once nobody reads them any more."""
        if self._broken is not None:
            raise self._broken
        match happening:
            case JobChanged(job):
                text = outcome(job)
            case StepBegun(job, _, index):
                text = step_words(job, index)
            case Noted(_, said) if said.startswith(EDITOR_SAYS):
                text = one_line(said)
            case _:
                text = None
        if text is None:
            return
        if not self._said:
            asyncio.get_running_loop().call_soon(self._write)
        name = one_line(happening.job.source.path.name)
        self._said.append(f"{clock(time.time())}  {happening.job.id}  {name}: {text}\n")

    def _write(self) -> None:
        said, self._said = "".join(self._said), []
        try:
            sys.stdout.write(said)
            sys.stdout.flush()
        except OSError as error:
            self._broken = error


def outcome(job: Job) -> str | None:
    """How a job stands, where a person wants to hear of it."""
    match job.state:
        case State.SUCCEEDED:
            return f"delivered {', '.join(map(str, job.outputs))}"
        case State.QUEUED:
            return f"taken by rule {job.rule}"
        case State.FAILED | State.HELD | State.CANCELLED | State.WAITING:
            then = f" (again at {clock(job.not_before)})" if job.not_before else ""
            return f"{job.state}: {one_line(job.reason or '')}{then}"
        case _:
            return None


def _json(happening: Happening) -> None:
    if isinstance(happening, JobChanged):
        say_json(public(happening.job))


class _Bars:
    """A line for each running job with its step and a bar; what ends scrolls away above."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[file]}", style="bold"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        self._shown: dict[str, Any] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def hear(self, happening: Happening) -> None:
        job = happening.job
        match happening:
            case JobChanged():
                self._change(job)
            case StepBegun(_, _, index):
                # A new bar for each step: one that was full once keeps its time and its full length.
                self._drop(job)
                self._bar(job, step_words(job, index))
            case StepProgress(_, _, fraction):
                self._progress.update(self._bar(job), total=1.0, completed=fraction)
            case Noted(_, text) if text.startswith(EDITOR_SAYS):
                self._say(job, text.removeprefix(EDITOR_SAYS), "dim")

    def _bar(self, job: Job, words: str = "starting") -> Any:
        if job.id not in self._shown:
            name = brief(job.source.path.name, 40)
            self._shown[job.id] = self._progress.add_task(words, total=None, file=name)
        return self._shown[job.id]

    def _drop(self, job: Job) -> None:
        if job.id in self._shown:
            self._progress.remove_task(self._shown.pop(job.id))

    def _change(self, job: Job) -> None:
        if job.state is State.RUNNING:
            self._bar(job)
            return
        self._drop(job)
        line = outcome(job)
        styles = {
            State.SUCCEEDED: "green",
            State.FAILED: "red",
            State.HELD: "yellow",
            State.WAITING: "yellow",
        }
        if line is not None and job.state is not State.QUEUED:
            self._say(job, line, styles.get(job.state, "dim"))

    def _say(self, job: Job, text: str, style: str) -> None:
        from rich.text import Text

        line = Text.assemble(
            (f"{clock(time.time())}  ", "dim"), (one_line(job.source.path.name), "bold"), ": ", (text, style)
        )
        self._progress.console.print(line, soft_wrap=True)
