"""`retry`: asked of the daemon that runs, done under the lock where none does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from daemon.cli.common import config_option, json_option, read_rules_if_any, record_of, say_json
from daemon.config.model import Config
from daemon.control.socket import ask
from daemon.errors import StateError, UsageError
from daemon.jobs import record
from daemon.jobs.lock import StateLock, is_locked
from daemon.jobs.public import public
from daemon.jobs.states import State
from daemon.jobs.store import Store
from daemon.pipeline.retrying import retry as retry_job


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--failed", is_flag=True, help="All failed jobs.")
@click.option(
    "--resend", is_flag=True, help="Send an instruction again that was sent before; it may be paid twice."
)
@config_option
@json_option
def retry(ids: Sequence[str], failed: bool, resend: bool, rules: Path | None, as_json: bool) -> int:
    """Try failed or held jobs again; what was done and paid already is kept."""
    config = read_rules_if_any(rules)
    if bool(ids) == failed:
        raise UsageError(
            "", "name the jobs, or say --failed for all failed ones", "`reeldrop jobs` lists them."
        )
    wanted = _failed(config) if failed else list(ids)
    for job in _retried(config, wanted, resend):
        if as_json:
            say_json(job)
        else:
            click.echo(f"{job['id']}  {Path(job['source']).name}: queued again")
    if as_json:
        return 0
    if not wanted:
        click.echo("No job has failed.")
    elif not is_locked(config.state):
        click.echo("No daemon runs: `reeldrop run` does them.")
    return 0


def _failed(config: Config) -> list[str]:
    with record_of(config) as store:
        if store is None:
            return []
        found = store.read(lambda connection: record.list_jobs(connection, states=[State.FAILED]))
    return [job.id for job in found]


def _retried(config: Config, ids: list[str], resend: bool) -> Iterable[dict[str, Any]]:
    if not ids:
        return
    if is_locked(config.state):
        for line in ask(config.state, "retry", ids=ids, resend=resend):
            yield line["job"]
        return
    from daemon.app import DATABASE

    path = config.state / DATABASE
    if not path.exists():
        raise StateError(f"state folder {config.state}", "holds no jobs yet")
    with StateLock(config.state), Store(path) as store:
        for prefix in ids:
            yield public(store.write_now(partial(retry_job, prefix=prefix, resend=resend, now=time.time())))
