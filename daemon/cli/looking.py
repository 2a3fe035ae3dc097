"""`status`, `jobs`, `job` and `why`: reading the record, which any process may do while the daemon works."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from daemon.cli.common import (
    STATE_STYLES,
    ago,
    brief,
    clock,
    config_option,
    json_option,
    one_line,
    read_rules,
    read_rules_if_any,
    record_of,
    say_json,
    step_words,
)
from daemon.cli.credits import budget_standings
from daemon.config.model import Config, Rule
from daemon.control.socket import ask
from daemon.errors import StateError
from daemon.jobs import approvals, files, holds, record
from daemon.jobs.lock import is_locked
from daemon.jobs.model import Job
from daemon.jobs.public import public, public_entry
from daemon.jobs.states import State
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.pipeline.backlog import told
from daemon.pipeline.beside import Beside
from daemon.pipeline.gathering import length_of
from daemon.rules.match import RuleBook, Verdict
from daemon.rules.where import asks_length, left_out
from daemon.watch.owner import Claim
from daemon.watch.owners import claim_of

_SHOWN = 5


@click.command()
@config_option
@json_option
def status(rules: Path | None, as_json: bool) -> int:
    """One screen: folders, what runs, waits, is held or failed."""
    config = read_rules_if_any(rules)
    running = is_locked(config.state)
    unsettled = _told(config, "pending")
    troubles = [one["trouble"] for one in _told(config, "troubles")]
    with record_of(config) as store:
        counted = store.read(record.counts) if store else {}
        jobs = store.read(lambda connection: _worth_showing(connection)) if store else {}
        waiting = store.read(approvals.waiting) if store else []
        budgets = budget_standings(config, store)
        held_rules = store.read(holds.held) if store else []
    if as_json:
        counts = {state.value: counted.get(state, 0) for state in State}
        found = {"daemon": running, "state": str(config.state), "jobs": counts, "held_rules": held_rules}
        asked = [asdict(one) for one in waiting]
        limits = [one.for_programs() for one in budgets]
        say_json(
            {**found, "unsettled": unsettled, "troubles": troubles, "approvals": asked, "budgets": limits}
        )
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Daemon: {'running' if running else 'not running'}   State: {config.state}")
    for rule in config.rules:
        console.print(f"  {rule.name}: {', '.join(map(str, rule.watch))} → {rule.output}", style="dim")
    numbers = ", ".join(f"{counted[state]} {state}" for state in State if counted.get(state))
    console.print(f"Jobs: {numbers or 'none yet'}")
    for budget in budgets:
        console.print(f"Budget, {budget}")
    if not running and any(counted.get(state) for state in (State.QUEUED, State.RUNNING, State.WAITING)):
        console.print(
            "No daemon runs: what is not finished goes on at the next `reeldrop run`.", style="yellow"
        )
    for trouble in troubles:
        console.print(Text.assemble(("trouble      ", "bold yellow"), one_line(trouble)))
    for name in held_rules:
        words = f"{name}: what is dropped waits until `reeldrop resume --rule {shlex.quote(name)}`"
        console.print(Text.assemble(("on hold      ", "bold yellow"), words))
    for one in waiting:
        console.print(Text.assemble(("your word    ", "bold yellow"), one_line(told(one))))
    counted[State.HELD] = counted.get(State.HELD, 0) - sum(one.files for one in waiting)
    for state, some in jobs.items():
        _print_some(console, state, some, counted[state])
    for file in unsettled:
        console.print(Text.assemble(("not settled  ", "yellow"), f"{file['path']}: {file['why']}"))
    return 0


@click.command()
@click.option("--state", "states", multiple=True, type=click.Choice([state.value for state in State]))
@click.option("--rule", help="Only this rule's.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@config_option
@json_option
def jobs(states: Sequence[str], rule: str | None, limit: int, rules: Path | None, as_json: bool) -> int:
    """List jobs, newest first."""
    wanted = [State(state) for state in states]
    with record_of(read_rules_if_any(rules)) as store:
        found = (
            store.read(lambda connection: record.list_jobs(connection, states=wanted, rule=rule, limit=limit))
            if store
            else []
        )
    if as_json:
        for job in found:
            say_json(public(job))
        return 0
    if not found:
        click.echo("No jobs.")
        return 0
    console = Console(highlight=False)
    if not console.is_terminal:
        for job in found:
            click.echo(f"{job.id}  {job.state:<9}  {job.rule}  {job.source.path}  {_said(job)}")
        return 0
    table = Table("job", "state", "rule", "file", "since", "", box=None, header_style="dim", pad_edge=False)
    for job in found:
        table.add_row(
            job.id,
            Text(job.state, STATE_STYLES[job.state]),
            job.rule,
            job.source.path.name,
            ago(job.updated_at),
            _said(job),
        )
    console.print(table)
    return 0


@click.command()
@click.argument("job_id", metavar="ID")
@config_option
@json_option
def job(job_id: str, rules: Path | None, as_json: bool) -> int:
    """One job with everything that happened to it. The beginning of its ID is enough."""
    config = read_rules_if_any(rules)
    with record_of(config) as store:
        if store is None:
            raise StateError(f"state folder {config.state}", "holds no jobs yet")
        found = store.read(lambda connection: record.find_job(connection, job_id))
        entries = store.read(lambda connection: record.timeline_of(connection, found.id))
    if as_json:
        say_json(public(found) | {"timeline": [public_entry(entry) for entry in entries]})
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((found.id, "bold"), "  ", (found.state.value, STATE_STYLES[found.state])))
    for name, value in _facts(found):
        console.print(Text.assemble((f"{name:<12}", "dim"), value))
    for entry in entries:
        console.print(Text.assemble((f"{clock(entry.at)}  ", "dim"), entry.text))
    return 0


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@json_option
def why(file: Path, rules: Path | None, as_json: bool) -> int:
    """Which rule takes FILE and why the others do not, and what became of it."""
    config = read_rules(rules)
    path = file.absolute()
    book = RuleBook(config.rules, os.path.realpath)
    verdicts = book.explain(path, _bounds(path, config))
    belongs = _belongs(book, path, verdicts)
    owner = _other_owner(book, path, config)
    waits = next((one["why"] for one in _told(config, "pending") if one["path"] == str(path)), None)
    with record_of(config) as store:
        found = store.read(lambda connection: _jobs_at(connection, path)) if store else []
    taken = any(verdict.taken for verdict in verdicts)
    if as_json:
        told = [{"rule": one.rule.name, "taken": one.taken, "why": one.why} for one in verdicts]
        say_json(
            {
                "file": str(path),
                "rules": told,
                "waits": waits,
                "owner": owner,
                "belongs": belongs,
                "jobs": [public(job) for job in found],
            }
        )
    else:
        _explain(path, verdicts, waits, owner, belongs, found, config)
    return 0 if taken or found else 1


def _explain(
    path: Path,
    verdicts: Sequence[Verdict],
    waits: str | None,
    owner: str | None,
    belongs: str | None,
    found: list[Job],
    config: Config,
) -> None:
    if not path.exists():
        click.echo(f"{path} is not there (any more).")
    for verdict in verdicts:
        click.echo(f"rule {verdict.rule.name}: {verdict.why}")
    if belongs is not None:
        click.echo(f"It is no job of its own: {belongs}.")
    if waits is not None:
        click.echo(f"It has not settled yet: {waits}")
    if owner is not None:
        click.echo(f"Its watch folder is another daemon's, which alone takes files there: {owner}.")
    for one in found:
        click.echo(
            f"job {one.id}: {one.state}, attempt {one.attempt} of {one.recipe.attempts}. {_said(one)}".rstrip()
        )
        if (went := _went(one, path)) is not None:
            click.echo(f"  {went}")
    if (
        found
        or (waits, owner, belongs) != (None, None, None)
        or not any(verdict.taken for verdict in verdicts)
    ):
        return
    if is_locked(config.state):
        click.echo(
            "It has no job of its own: the daemon knows this content from another path, or has not looked yet."
        )
    else:
        click.echo("No daemon runs; `reeldrop run` takes it.")


def _belongs(book: RuleBook, path: Path, verdicts: Sequence[Verdict]) -> str | None:
    """Why a file is no job of its own, by the rule that takes it or would."""
    beside, takers = Beside(book), [verdict.rule for verdict in verdicts if verdict.taken]
    match = next((one for one in book.matches(path) if one.rule in takers), None)
    return (beside.of_folder(path, match) if match else None) or beside.belongs(path)


def _jobs_at(connection: Connection, path: Path) -> list[Job]:
    """The jobs of a file, newest first; where it has left its path, also those of what stood there last."""
    found = record.list_jobs(connection, source=path, limit=_SHOWN)
    stood = None if found or os.path.lexists(path) else files.known(connection, path)
    return found if stood is None else record.jobs_with(connection, [stood.content])[:_SHOWN]


def _went(job: Job, path: Path) -> str | None:
    """Where the source of a job has gone that stood at `path`; None where nothing is known of it."""
    source, recipe = job.source.path, job.recipe
    if source == path:
        gone = recipe.after == "delete" and job.state is State.SUCCEEDED and not os.path.lexists(path)
        return "Its rule deletes what was delivered (`after: delete`)." if gone else None
    if source.parent == recipe.archive:
        return f"Its source was archived: {source}"
    if source.parent == recipe.quarantine:
        return f"Its source was put aside, for it failed: {source}"
    return f"The same content was taken as {source}"


def _bounds(path: Path, config: Config) -> Callable[[Rule], str | None]:
    """Says which bound of a rule leaves the file out; it is looked at only if a rule asks."""

    @cache
    def length() -> float | None:
        return length_of(path, Ffmpeg(find_ffmpeg(config.studio.ffmpeg)))

    def left(rule: Rule) -> str | None:
        if not path.is_file():
            return None
        return left_out(rule, size=path.stat().st_size, length=length() if asks_length(rule) else None)

    return left


def _other_owner(book: RuleBook, path: Path, config: Config) -> str | None:
    """Another daemon that has the file's watch folder, as far as one look can tell."""
    match = book.match(path)
    try:
        claim, standing = claim_of(match.root, config.state) if match else (Claim.FREE, None)
    except OSError:
        return None
    return str(standing) if claim in (Claim.HELD, Claim.UNKNOWN) else None


def _worth_showing(connection: Connection) -> dict[State, list[Job]]:
    shown = (State.RUNNING, State.WAITING, State.HELD, State.FAILED)
    lists = {
        state: record.list_jobs(connection, states=[state], but=approvals.CODE, limit=_SHOWN)
        for state in shown
    }
    return {state: some for state, some in lists.items() if some}


def _print_some(console: Console, state: State, some: list[Job], of: int) -> None:
    for one in some:
        line = (f"{state:<9}", STATE_STYLES[state]), f"  {one.id}  {one.source.path.name}: {_said(one)}"
        console.print(Text.assemble(*line))
    if of > len(some):
        console.print(f"           … and {of - len(some)} more: reeldrop jobs --state {state}", style="dim")


def _said(job: Job) -> str:
    """What stands behind a job's state."""
    if job.state is State.RUNNING:
        return step_words(job)
    if job.state is State.SUCCEEDED:
        return ", ".join(map(str, job.outputs))
    then = f" (looks again {ago(job.not_before)})" if job.not_before else ""
    return f"{brief(job.reason or '', 160)}{then}"


def _facts(job: Job) -> list[tuple[str, str]]:
    credits = "unknown" if job.credits is None else f"{job.credits:g}"
    facts = [
        ("file", str(job.source.path)),
        ("rule", job.rule),
        *(("asked", text) for text in job.recipe.instructions),
        ("made by", job.made_by),
        ("attempt", f"{job.attempt} of {job.recipe.attempts}"),
        ("credits", credits if job.state is State.SUCCEEDED else ""),
        ("result", ", ".join(map(str, job.outputs))),
        ("reason", job.reason or ""),
        ("next look", ago(job.not_before) if job.not_before else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _told(config: Config, question: str) -> list[dict[str, Any]]:
    """What a running daemon answers (`pending`: files it waits for; `troubles`); nothing where none answers."""
    if not is_locked(config.state):
        return []
    try:
        return list(ask(config.state, question))
    except StateError:
        return []
