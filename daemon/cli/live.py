"""`check --live`: free calls to the editors in use, and what each of them answers."""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from daemon import __version__
from daemon.accounts import attribution, visitor
from daemon.cli.common import editors, working
from daemon.config.fields import By
from daemon.config.model import Config
from daemon.control.socket import ask
from daemon.errors import ReeldropError
from daemon.jobs.lock import is_locked
from daemon.nemo.embedded import EmbeddedAccount
from daemon.nemo.live import Seen, Verdict, Visitor

Answer = dict[str, Any]
Hear = Callable[[Seen], None]

_STYLES: Final = {
    Verdict.OK: "green",
    Verdict.DIFFERS: "yellow",
    Verdict.FAILED: "red",
    Verdict.SKIPPED: "cyan",
}


def look(config: Config, *, quiet: bool) -> list[Answer]:
    """Asks every editor that a rule uses; says what each call answers as it comes, unless `quiet`. Returns all."""
    found: list[Answer] = []
    with working("asking") if not quiet else nullcontext(_nothing) as say:
        for by in editors(config):
            say(f"\n{_asked(config, by)}")

            def hear(seen: Seen, by: By = by) -> None:
                found.append({"editor": by, **asdict(seen)})
                say(
                    f"{click.style(f'{seen.verdict:<8}', _STYLES[seen.verdict])} {seen.call}\n         {seen.told}"
                )

            try:
                _ask(config, by, hear)
            except ReeldropError as error:
                hear(Seen("reach the editor", Verdict.FAILED, str(error)))
        say(f"\n{_conclusion(found)}")
    return found


def _nothing(_: str) -> None:
    """Says it to nobody."""


def _conclusion(found: list[Answer]) -> str:
    bad = [answer["call"] for answer in found if answer["verdict"] == Verdict.FAILED]
    if bad:
        return f"Of no use: {', '.join(bad)}. The lines above hold no token: they can go into a bug report as they are."
    asked = [answer for answer in found if answer["verdict"] != Verdict.SKIPPED]
    return "Every answer can be used." if asked else "Nothing could be asked."


def _asked(config: Config, by: By) -> str:
    who = f"reeldrop {__version__} with Python {platform.python_version()}"
    if by == "embedded":
        return f"{who} asks the embedded studio, started for the moment:"
    return f'{who} asks {config.service_url}, where an empty project named "project" appears:'


def _ask(config: Config, by: By, hear: Hear) -> None:
    if by == "embedded":
        with tempfile.TemporaryDirectory(prefix="reeldrop-check-") as folder:
            asyncio.run(_embedded(config, Path(folder), hear))
    elif is_locked(config.state):
        for told in ask(config.state, "live"):
            hear(Seen(told["call"], Verdict(told["verdict"]), told["told"], told["refused"]))
    else:
        asyncio.run(_look(visitor(config, os.environ), hear))


async def _look(visitor: Visitor, hear: Hear) -> None:
    async for seen in visitor.look():
        hear(seen)


async def _embedded(config: Config, folder: Path, hear: Hear) -> None:
    account = EmbeddedAccount(folder, config.studio)
    try:
        await _look(Visitor(account, attribution(os.environ), ""), hear)
    finally:
        await account.stop()
