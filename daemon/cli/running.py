"""`reeldrop run`: the daemon in the foreground."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from daemon.app import App, on_signals
from daemon.checks import look_over
from daemon.cli import logs
from daemon.cli.common import config_option, json_option, read_rules, say_stopping
from daemon.cli.reporting import reporter
from daemon.config.loading import require_choice
from daemon.config.model import Config
from daemon.errors import UsageError
from daemon.jobs import record
from daemon.jobs.states import State
from daemon.pipeline.hooks import Hook
from daemon.watching import Daemon, Unsettled


@click.command()
@click.option(
    "--once", is_flag=True, help="Do what is there now, then end; exit 1 if anything is left undone."
)
@click.option(
    "--take-over", is_flag=True, help="Take the watch folders from another daemon; it lets go of them."
)
@config_option
@json_option
def run(once: bool, take_over: bool, rules: Path | None, as_json: bool) -> int:
    """Watch the folders and edit what is dropped into them."""
    config = read_rules(rules)
    require_choice(config)
    if wrong := look_over(config):
        raise UsageError("", "\n".join(wrong))
    logs.set_up()
    with reporter(as_json=as_json) as hook:
        return asyncio.run(_once(config, hook, take_over) if once else _run(config, hook, take_over, as_json))


async def _run(config: Config, hook: Hook, take_over: bool, as_json: bool) -> int:
    stop = asyncio.Event()
    on_signals(stop, say_stopping)
    app = App(config, [hook])
    try:
        await Daemon(app, take_over=take_over).run(stop, lambda: None if as_json else _greet(config))
    finally:
        app.close()
    return 0


async def _once(config: Config, hook: Hook, take_over: bool) -> int:
    stop = asyncio.Event()
    on_signals(stop, say_stopping)
    app = App(config, [hook])
    before = app.store.read(record.counts)
    try:
        left = await Daemon(app, take_over=take_over).once(stop)
        after = app.store.read(record.counts)
    finally:
        app.close()
    _tell_unsettled(left)
    failed = after.get(State.FAILED, 0) > before.get(State.FAILED, 0)
    return 1 if left or failed or after.get(State.HELD) else 0


def _greet(config: Config) -> None:
    for rule in config.rules:
        folders = ", ".join(map(str, rule.watch))
        who = "embedded studio" if rule.by == "embedded" else config.service_url
        click.echo(f"{rule.name}: watching {folders} → {rule.output} ({who})")
    if sys.stdout.isatty():
        click.echo("Drop a file into a watched folder. Ctrl-C ends.")


def _tell_unsettled(left: tuple[Unsettled, ...]) -> None:
    for file in left:
        click.echo(f"not settled: {file.path}: {file.why}", err=True)
