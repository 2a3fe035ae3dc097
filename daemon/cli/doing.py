"""`reeldrop do`: one file, now."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from daemon.app import App, on_signals
from daemon.cli import logs
from daemon.cli.common import config_option, json_option, read_rules_if_any, say_json, say_stopping
from daemon.cli.following import Following
from daemon.cli.reporting import outcome, reporter
from daemon.config.model import Config
from daemon.config.routing import misplaced
from daemon.control.socket import ask
from daemon.deliver import folder as output_folder
from daemon.errors import ReeldropError, SourceError, UsageError
from daemon.jobs.lock import is_locked
from daemon.jobs.model import Job
from daemon.jobs.public import public
from daemon.jobs.states import State
from daemon.pipeline.hooks import Hook


@click.command("do")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("instruction")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The output folder. Default: beside FILE."
)
@click.option("--yes", is_flag=True, help="Do not ask before credits are spent.")
@config_option
@json_option
def do(
    file: Path, instruction: str, output: Path | None, yes: bool, rules: Path | None, as_json: bool
) -> int:
    """Edit FILE as INSTRUCTION says, now, with no rules file needed.

    \b
    reeldrop do talk.mp4 "add calm background music"
    """
    config = read_rules_if_any(rules)
    path = file.absolute()
    if not path.exists():
        raise UsageError("", f"{file} does not exist", "Check the name.")
    if not path.is_file():
        raise UsageError("", f"{file} is no file", "Name a video, sound, picture or text file.")
    if not instruction.strip() or any("\ud800" <= letter <= "\udfff" for letter in instruction):
        raise UsageError(
            "", "the instruction is empty or no UTF-8", 'Say what to do, such as "trim to 10 s".'
        )
    if (why := misplaced(instruction)) is not None:
        raise UsageError("", why)
    target = (output or path.parent).absolute()
    output_folder.make(target)
    _ask_price(config, yes)
    if is_locked(config.state):
        return _through_daemon(config, path, instruction, target, as_json)
    logs.set_up()
    with reporter(as_json=as_json) as hook:
        job = asyncio.run(_alone(config, path, instruction, target, hook))
    return _tell(public(job), outcome(job), as_json)


async def _alone(config: Config, path: Path, instruction: str, output: Path, hook: Hook) -> Job:
    app = App(config, [hook])
    try:
        stop = asyncio.Event()
        on_signals(stop, say_stopping)
        async with app.working():
            job = await _order(app, path, instruction, output)
            done = asyncio.create_task(app.finished(job))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait((done, stopped), return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if done.done():
                return done.result()
            done.cancel()
        job = app.job(job.id)
        if job.state is State.QUEUED:
            raise ReeldropError(
                "", f"stopped; job {job.id} goes on when the daemon or `reeldrop do` runs again"
            )
        return job
    finally:
        app.close()


async def _order(app: App, path: Path, instruction: str, output: Path) -> Job:
    try:
        return await app.order(path, instruction, output)
    except OSError as error:
        raise SourceError("", f"{path} cannot be read ({error.strerror})") from None


def _through_daemon(config: Config, path: Path, instruction: str, output: Path, as_json: bool) -> int:
    """The daemon that runs has the record; it does the work and tells."""
    asked = {"path": os.fspath(path), "instruction": instruction, "output": os.fspath(output)}
    lines: Iterator[dict[str, Any]] = ask(config.state, "do", **asked)
    with Following(path.name, quiet=as_json) as following:
        job = following.follow(lines)
    said = job["reason"] if job["state"] != State.SUCCEEDED else f"delivered {job['outputs'][0]}"
    return _tell(job, f"{job['state']}: {said}", as_json)


def _tell(job: dict[str, Any], said: str | None, as_json: bool) -> int:
    done = job["state"] == State.SUCCEEDED
    if as_json:
        say_json(job)
    elif done:
        click.echo(job["outputs"][0])
    else:
        click.echo(f"reeldrop: {Path(job['source']).name}: {said}", err=True)
    return 0 if done else 1


def _ask_price(config: Config, yes: bool) -> None:
    if config.default_by != "service":
        if os.environ.get("NEMO_TOKEN"):
            click.echo(
                "NEMO_TOKEN is set, but no address: this is edited on this machine, for free.", err=True
            )
        return
    if yes:
        return
    price = (
        f"This is edited by {config.service_url} on your account: about 50 credits for an edit, "
        "about 100 where a clip is generated; exporting is free."
    )
    if not sys.stdin.isatty():
        raise UsageError("", price, "Say --yes to spend them without being asked.")
    click.confirm(f"{price} Go on?", abort=True)
