"""`reeldrop open`: a fresh browser link to a job's project."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from daemon.cli.common import (
    ask_one,
    config_option,
    json_option,
    read_rules_if_any,
    record_of,
    say_json,
    working,
)
from daemon.config.model import Config
from daemon.config.quantities import format_time
from daemon.errors import StateError
from daemon.jobs import record
from daemon.jobs.lock import is_locked
from daemon.jobs.model import Job


@click.command()
@click.argument("job_id", metavar="ID")
@config_option
@json_option
def open(job_id: str, rules: Path | None, as_json: bool) -> int:
    """A fresh browser link to the job's project. It opens it for anyone who has it, and is written nowhere."""
    config = read_rules_if_any(rules)
    with record_of(config) as store:
        if store is None:
            raise StateError(f"state folder {config.state}", "holds no jobs yet")
        job = store.read(lambda connection: record.find_job(connection, job_id))
    with working("asking the service"):
        link = _link(config, job)
    if as_json:
        say_json(link)
        return 0
    lives = f" for {format_time(link['expires_in'])}" if link["expires_in"] else ""
    click.echo(link["url"])
    click.echo(f"It opens the project for anyone who has it{lives}, and is written nowhere.", err=True)
    return 0


def _link(config: Config, job: Job) -> dict[str, Any]:
    if is_locked(config.state):
        return ask_one(config, "open", id=job.id)
    from daemon.accounts import visitor

    return asdict(asyncio.run(visitor(config, os.environ).link(job)))
