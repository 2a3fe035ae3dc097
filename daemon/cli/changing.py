"""The commands that change jobs: asked of the daemon that runs, done under the lock where none does."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from daemon.cli.common import config_option, json_option, one_line, read_rules_if_any, record_of, say_json
from daemon.config.model import Config
from daemon.config.quantities import parse_time
from daemon.control.socket import Message, ask
from daemon.errors import ReeldropError, StateError, UsageError
from daemon.jobs import prices, record
from daemon.jobs.lock import StateLock, is_locked
from daemon.jobs.model import Job
from daemon.jobs.states import State
from daemon.jobs.store import Store
from daemon.pipeline import orders

_SHOWN: Final = 20
"""Lines for the jobs of a rule or of all, before the rest of them is only counted."""


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--failed", is_flag=True, help="All failed jobs.")
@click.option(
    "--resend", is_flag=True, help="Send an instruction again that was sent before; it may be paid twice."
)
@click.option("--yes", is_flag=True, help="Do not ask before an instruction is sent a second time.")
@config_option
@json_option
def retry(
    ids: Sequence[str], failed: bool, resend: bool, yes: bool, rules: Path | None, as_json: bool
) -> int:
    """Try failed, held or cancelled jobs again; what was done and paid already is kept."""
    config = read_rules_if_any(rules)
    if bool(ids) == failed:
        raise UsageError(
            "", "name the jobs, or say --failed for all failed ones", "`reeldrop jobs` lists them."
        )
    wanted = _failed(config) if failed else list(ids)
    if resend and not yes:
        _ask_to_resend(config, wanted)
    if not wanted:
        return 0 if as_json else _say("No job has failed.")
    return _tell(config, _send(config, "retry", ids=wanted, resend=resend), as_json, limit=len(ids) or _SHOWN)


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--rule", metavar="RULE", help="All that this rule has delivered.")
@click.option("--since", metavar="TIME", help="With --rule: only what was delivered in the last 7d, 12h, …")
@click.option("--yes", is_flag=True, help="Do not ask before credits are spent.")
@config_option
@json_option
def redo(
    files: Sequence[Path],
    rule: str | None,
    since: str | None,
    yes: bool,
    rules: Path | None,
    as_json: bool,
) -> int:
    """Edit delivered files once more, as their rule says now, and pay again. FILE: a source or a result."""
    config = read_rules_if_any(rules)
    if bool(files) == (rule is not None) or (since is not None and rule is None):
        raise UsageError("", "name the files, or a --rule (and --since when)")
    begin = 0.0 if since is None else time.time() - _seconds(since)
    with record_of(config) as store:
        if store is None:
            raise _nothing_yet(config)
        found, problems = _to_redo(store, config, files, rule, begin)
    for problem in problems:
        click.echo(f"reeldrop: {problem}", err=True)
    if not found:
        return (
            1 if problems else _say(f"Rule {rule} has delivered nothing{' in that time' if since else ''}.")
        )
    _ask_price(sum(price for _, _, price in found), len(found), yes, as_json)
    wanted = [{"id": job.id, "source": os.fspath(path)} for job, path, _ in found]
    told = _tell(config, _send(config, "redo", jobs=wanted), as_json, limit=len(files) or _SHOWN)
    return max(told, 1 if problems else 0)


def _order(name: str, words: str) -> click.Command:
    @click.command(name, help=words)
    @click.argument("ids", nargs=-1, metavar="[ID]...")
    @click.option("--rule", metavar="RULE", help="All jobs of this rule.")
    @click.option("--all", "everything", is_flag=True, help="All jobs.")
    @config_option
    @json_option
    def command(
        ids: Sequence[str], rule: str | None, everything: bool, rules: Path | None, as_json: bool
    ) -> int:
        config = read_rules_if_any(rules)
        if bool(ids) + (rule is not None) + everything != 1:
            raise UsageError("", "name the jobs, or a --rule, or say --all", "`reeldrop jobs` lists them.")
        asked: Message = {"ids": list(ids)} if ids else {"rule": rule}
        return _tell(config, _send(config, name, **asked), as_json, limit=len(ids) or _SHOWN)

    return command


cancel = _order("cancel", "Give jobs up: what is on its way stops at once. Their files stay.")
hold = _order("hold", "Let jobs wait; with --rule or --all, also what is still to be dropped.")
resume = _order("resume", "Let jobs and rules go on that `hold` made wait.")
approve = _order("approve", "Do the jobs that wait for approval, and spend what they cost.")
ignore = _order("ignore", "Do not do the jobs that wait for approval, and never ask again.")


def _send(config: Config, command: str, **asked: Any) -> Iterator[Message]:
    """The answers, a line for each job; without a daemon, from the record itself."""
    if is_locked(config.state):
        yield from ask(config.state, command, **asked)
        return
    from daemon.app import DATABASE
    from daemon.pipeline.commands import Commands
    from daemon.pipeline.runner import take_up

    path = config.state / DATABASE
    if not path.exists():
        raise _nothing_yet(config)
    with StateLock(config.state), Store(path) as store:

        async def carried_out() -> list[Message]:
            await take_up(store, time.time())
            return [line async for line in Commands(store, config).table[command](asked)]

        yield from asyncio.run(carried_out())


def _tell(config: Config, lines: Iterable[Message], as_json: bool, *, limit: int) -> int:
    """Says what was done, and why what was not; the exit code. `limit`: jobs that are told of one by one."""
    code = jobs = queued = 0
    for line in lines:
        if "refused" in line:
            click.echo(f"reeldrop: {line['said']}", err=True)
            code = max(code, 2 if line["usage"] else 1)
        elif "job" not in line:
            if not as_json:
                click.echo(line["said"])
        elif as_json:
            say_json(line["job"])
        else:
            job = line["job"]
            jobs += 1
            queued += job["state"] == State.QUEUED
            if jobs <= limit:
                click.echo(f"{job['id']}  {one_line(Path(job['source']).name)}: {line['said']}")
    if jobs > limit:
        click.echo(f"… and {jobs - limit:,} more. `reeldrop jobs` lists them.")
    if queued and not is_locked(config.state):
        click.echo(f"No daemon runs: `reeldrop run` does {'it' if queued == 1 else 'them'}.")
    return code


def _say(text: str) -> int:
    click.echo(text)
    return 0


def _failed(config: Config) -> list[str]:
    with record_of(config) as store:
        if store is None:
            return []
        found = store.read(lambda connection: record.list_jobs(connection, states=[State.FAILED]))
    return [job.id for job in found]


def _ask_to_resend(config: Config, prefixes: Iterable[str]) -> None:
    """Asks where an instruction would be sent again that may have been paid for. Raises UsageError in a pipe."""
    with record_of(config) as store:
        if store is None:
            return
        again = [job for job in _known(store, prefixes) if _resends(store, job)]
        credits = sum(_price(store, job) for job in again)
    if not again:
        return
    names = ", ".join(one_line(job.source.path.name) for job in again[:_SHOWN])
    more = f" and {len(again) - _SHOWN:,} more" if len(again) > _SHOWN else ""
    _ask(
        f"{names}{more}: what was sent to be edited is sent again and may be paid a second time, about "
        f"{credits:,.0f} credits.",
        "Say --yes to send it again without being asked.",
    )


def _known(store: Store, prefixes: Iterable[str]) -> Iterator[Job]:
    """The jobs that these ids name; the order itself says what is wrong with the others."""
    for prefix in prefixes:
        try:
            yield store.read(lambda connection, prefix=prefix: record.find_job(connection, prefix))  # type: ignore[misc]
        except UsageError:
            continue


def _resends(store: Store, job: Job) -> bool:
    return orders.resends(job, store.read(lambda connection: record.steps_of(connection, job.id)))


def _price(store: Store, job: Job) -> float:
    return store.read(lambda connection: prices.estimate_job(connection, job)).credits


def _to_redo(
    store: Store, config: Config, files: Sequence[Path], rule: str | None, begin: float
) -> tuple[list[tuple[Job, Path, float]], list[ReeldropError]]:
    """Jobs with the place of their source and the price, and what cannot be done again."""
    from daemon.pipeline import redo as again

    problems: list[ReeldropError] = []
    jobs: list[tuple[Job, Path | None]] = []

    def attempt(step: Callable[[], None]) -> None:
        try:
            step()
        except ReeldropError as error:
            problems.append(error)

    for file in files:
        path = file.absolute()
        attempt(lambda path=path: jobs.extend((job, path) for job in again.of_file(store, path)))  # type: ignore[misc]
    if rule is not None:
        jobs = [(job, None) for job in again.of_rule(store, rule, begin)]
    found: dict[str, tuple[Job, Path, float]] = {}

    def look(job: Job, named: Path | None) -> None:
        seen = again.look(store, config, job, named)
        found[job.id] = job, seen.source, seen.price.credits

    for job, named in jobs:
        attempt(lambda job=job, named=named: look(job, named))  # type: ignore[misc]
    return list(found.values()), problems


def _ask_price(credits: float, number: int, yes: bool, as_json: bool) -> None:
    files = "1 file is" if number == 1 else f"{number:,} files are"
    if not credits:
        click.echo(f"{files} edited once more, for free.", err=as_json)
        return
    price = f"{files} edited once more: about {credits:,.0f} credits."
    if yes:
        click.echo(price, err=as_json)
    else:
        _ask(price, "Say --yes to spend them without being asked.")


def _ask(what: str, instead: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("", what, instead)
    click.confirm(f"{what} Go on?", abort=True)


def _seconds(text: str) -> float:
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError("--since", str(error), "Such as 7d or 12h.") from None


def _nothing_yet(config: Config) -> StateError:
    return StateError(f"state folder {config.state}", "holds no jobs yet")
