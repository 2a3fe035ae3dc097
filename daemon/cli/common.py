"""What several commands share: the rules file, the record, the daemon's socket, words for people."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from daemon.config.fields import By
from daemon.config.loading import builtin_config, find_rules, load
from daemon.config.model import Config
from daemon.control.socket import ask
from daemon.errors import ReeldropError, UsageError
from daemon.jobs.model import Job, Step
from daemon.jobs.states import State
from daemon.jobs.store import Store

F = TypeVar("F", bound=Callable[..., Any])

STEP_WORDS: Final = {
    Step.SESSION: "opening a session",
    Step.UPLOAD: "uploading",
    Step.EDIT: "editing",
    Step.CONFIRM: "checking the edit",
    Step.RENDER: "rendering",
    Step.DOWNLOAD: "downloading",
    Step.DELIVER: "delivering",
}
STATE_STYLES: Final = {
    State.QUEUED: "cyan",
    State.RUNNING: "bold cyan",
    State.WAITING: "yellow",
    State.HELD: "bold yellow",
    State.SUCCEEDED: "green",
    State.FAILED: "bold red",
    State.CANCELLED: "dim",
}


def config_option(command: F) -> F:
    return click.option(
        "--config",
        "rules",
        type=click.Path(path_type=Path),
        help="The rules file. Default: $REELDROP_CONFIG, ./rules.yaml, ~/.config/reeldrop/, /etc/reeldrop/.",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")(
        command
    )


def read_rules(rules: Path | None) -> Config:
    """The rules file that applies. Raises UsageError where there is none, RulesError with all its faults."""
    return load(find_rules(rules))


def read_rules_if_any(rules: Path | None) -> Config:
    """The same for commands that only need to know the state folder."""
    if rules is not None:
        return read_rules(rules)
    try:
        found = find_rules(None)
    except UsageError:
        return builtin_config()
    return load(found)


def editors(config: Config) -> list[By]:
    """Who edits by these rules, the paid one first; without any rule, who would."""
    used = {rule.by for rule in config.rules} or {config.default_by}
    order: tuple[By, ...] = ("service", "embedded")
    return [by for by in order if by in used]


@contextmanager
def record_of(config: Config) -> Iterator[Store | None]:
    """The record, opened to be read; None where nothing has run yet."""
    from daemon.app import DATABASE

    path = config.state / DATABASE
    if not path.exists():
        yield None
        return
    with Store(path, readonly=True) as store:
        yield store


@contextmanager
def working(words: str) -> Iterator[Callable[[str], None]]:
    """Says on a terminal what is being waited for. Gives what says lines meanwhile, above it."""
    if not sys.stdout.isatty():
        yield click.echo
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    with console.status(f"{words} …"):
        # click.echo goes round the console, and its lines would stand behind these words.
        yield lambda line: console.print(Text.from_ansi(line), soft_wrap=True)


def ask_one(config: Config, command: str, **details: Any) -> dict[str, Any]:
    """A running daemon's answer of one line. Raises ReeldropError, StateError if none answers."""
    for told in ask(config.state, command, **details):
        return told
    raise ReeldropError("", "the daemon stopped before it answered", "Ask again.")


def say_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def ago(at: float) -> str:
    """`5 s ago`, `3 min ago`, … for a time in seconds since 1970; `in 3 min` for one to come."""
    seconds = time.time() - at
    size, unit = abs(seconds), "s"
    for limit, longer, name in ((90, 60, "min"), (90, 60, "h"), (36, 24, "d")):
        if size < limit:
            break
        size, unit = size / longer, name
    return f"{size:.0f} {unit} ago" if seconds >= 0 else f"in {size:.0f} {unit}"


def clock(at: float) -> str:
    """Local time of day."""
    return _clock(int(at))


@lru_cache(16)
def _clock(second: int) -> str:
    return datetime.fromtimestamp(second).astimezone().strftime("%H:%M:%S")


def say_stopping() -> None:
    """What a person reads at the first Ctrl-C, which does not end a render at once."""
    from daemon.app import DRAIN_LIMIT

    click.echo(f"Stopping: what runs gets {DRAIN_LIMIT:.0f} s to end. A second time stops at once.", err=True)


def one_line(text: str) -> str:
    """Text for a list: line breaks and control characters become spaces."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def brief(text: str, most: int) -> str:
    """At most `most` characters of one line, its beginning and its end."""
    text = one_line(text)
    end = most // 3
    return text if len(text) <= most else f"{text[: most - end - 1]}…{text[-end:]}"


def step_words(job: Job, index: int = 0) -> str:
    """What a running job does now, as a person says it."""
    if job.step is None:
        return "starting"
    words = STEP_WORDS[job.step]
    many = len(job.recipe.instructions)
    return f"{words} {index + 1}/{many}" if job.step is Step.EDIT and many > 1 else words
