"""`reeldrop recover`: a new record in the place of a damaged or lost one, from its remains and the sidecars."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import click
from sqlalchemy import Connection, func, select

from daemon.app import DATABASE
from daemon.cli.common import config_option, json_option, read_rules_if_any, say_json, working
from daemon.config.model import Config
from daemon.deliver.earlier import deliveries_below
from daemon.errors import UsageError
from daemon.jobs import record, salvage, schema
from daemon.jobs.lock import StateLock
from daemon.jobs.model import Delivery, Job
from daemon.jobs.salvage import Carried, Gone
from daemon.jobs.states import FINISHED, UNFINISHED, State
from daemon.jobs.store import RECOVERED, Store, put, refusal, torn
from daemon.pipeline.opening import take_in
from daemon.pipeline.recipes import recipe_of
from daemon.pipeline.runner import tell_people
from daemon.rules.identity import instructions_key
from daemon.rules.match import RuleBook

_BESIDE: Final = ("-shm", "-wal")
"""What SQLite keeps beside a database; a log that stayed would be read into the new one."""
_PLACE: Final = "recovering"
"""The folder in the state folder where the new database is made."""
_WORDS: Final = {
    "jobs": "jobs",
    "steps": "records of jobs' steps",
    "timeline": "lines of jobs' logs",
    "deliveries": "deliveries",
    "files": "known files",
    "holds": "held rules",
    "accounts": "accounts",
}
"""The rows that a person may miss."""
_DELIVERED: Final = (
    "What these say was delivered is not edited or paid for again. Results that lie elsewhere are known once "
    "`reeldrop recover` was given their folders."
)
_NOTHING: Final = (
    "Nothing of it can be read: lost are the timelines of all jobs, and the jobs that had not ended."
)
_FILES: Final = (
    "Files of lost jobs count as files that were there before the rule. They may have been paid for: "
    "look at the service's projects before you approve one."
)
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anew:
    """A record that was begun anew. `carried`: out of the damaged one; None: nothing.

    `jobs` and `deliveries` were carried over. `unclear`: jobs that may have forgotten a message, and are held
    therefore; `unheld`: lost ones that are not. `found`: deliveries that sidecars tell of, by folder.
    """

    aside: Path | None
    carried: Carried | None
    jobs: dict[State, int]
    deliveries: int
    unclear: int
    unheld: tuple[Gone, ...]
    found: dict[Path, int]

    @property
    def lost(self) -> dict[str, int | None]:
        kept = {} if self.carried is None else self.carried.lost
        return {table: number for table, number in kept.items() if table in _WORDS and number != 0}

    @property
    def waiting(self) -> int:
        return self.jobs.get(State.HELD, 0)

    @property
    def going_on(self) -> int:
        return sum(number for state, number in self.jobs.items() if state in UNFINISHED) - self.waiting


@click.command()
@click.argument("more", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path))
@config_option
@json_option
def recover(more: Sequence[Path], rules: Path | None, as_json: bool) -> int:
    """Begin a new job database with what a damaged one still tells. FOLDER: more places where results lie."""
    config = read_rules_if_any(rules)
    path = config.state / DATABASE
    for folder in more:
        if not folder.is_dir():
            raise UsageError("", f"{folder} is no folder")
    folders = [folder.absolute() for folder in more]
    with StateLock(config.state):
        shutil.rmtree(config.state / _PLACE, ignore_errors=True)
        try:
            if path.with_name(path.name + RECOVERED).exists():
                _swap(path)  # an earlier `recover` was stopped in between
            if _is_whole(path):
                _tell_whole(path, folders, as_json)
            else:
                outputs = [rule.output for rule in config.rules]
                _tell_anew(_begin_anew(config, path, [*outputs, *folders]), path, as_json)
        except (OSError, sqlite3.Error) as error:
            raise refusal(path, error) from None
    return 0


def _is_whole(path: Path) -> bool:
    """Whether there is a record that can be read. Raises StateError where that cannot be told now."""
    if not path.exists() or torn(path) is not None:
        return False
    try:
        # To read alone: what a person may want to rescue is not touched.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)
        try:
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return False
            tables = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
            return bool(connection.execute(tables).fetchone()[0])
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            return False
        raise


def _begin_anew(config: Config, path: Path, folders: Sequence[Path]) -> Anew:
    """Makes a new database aside, and puts it in the place of the old one once it is whole."""
    place = config.state / _PLACE
    place.mkdir(mode=0o700)
    try:
        with working("Reading what is left"):
            is_there = path.exists() or torn(path) is not None
            carried = salvage.carry(path, place / DATABASE) if is_there else None
            told = {folder: list(deliveries_below(folder)) for folder in folders}
            with Store(place / DATABASE) as store:
                anew = _fill(config, store, carried, told)
        put(place / DATABASE, path.with_name(path.name + RECOVERED))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return replace(anew, aside=_swap(path))


def _fill(config: Config, store: Store, carried: Carried | None, told: dict[Path, list[Delivery]]) -> Anew:
    """Makes a record that a daemon may go on from of what was carried over and of what the sidecars tell."""
    now, deliveries = time.time(), store.read(_count_deliveries)
    held, unheld = list[Job](), list[Gone]()
    if carried is not None:
        delivered = {one.job for found in told.values() for one in found}
        gone = [one for one in carried.gone if one.sent and one.id not in delivered]
        stand_ins, unheld = _stand_ins(config, gone, now)
        held = store.write_now(partial(salvage.settle, carried=carried, stand_ins=stand_ins, now=now))
    for job in held:
        asyncio.run(tell_people(store, job))
    for folder, found in told.items():
        if found:
            store.write_now(partial(take_in, output=folder, found=found, now=now, below=True))
    return Anew(
        aside=None,
        carried=carried,
        jobs=store.read(record.counts),
        deliveries=deliveries,
        unclear=len(held),
        unheld=tuple(unheld),
        found={folder: len(found) for folder, found in told.items()},
    )


def _stand_ins(config: Config, gone: Iterable[Gone], now: float) -> tuple[list[Job], list[Gone]]:
    """Held jobs for the files of lost ones that may have been paid for; and those lost ones that no rule takes."""
    book = RuleBook(config.rules, os.path.realpath)
    jobs, left = [], []
    for one in gone:
        match = None if one.source is None else book.match(one.source.path)
        if match is None or one.source is None:
            left.append(one)
        elif match.rule.by == "service":
            jobs.append(
                Job(
                    id=one.id,
                    rule=match.rule.name,
                    source=one.source,
                    recipe=recipe_of(match, one.id, config.api.language, now),
                    key=instructions_key(match.rule),
                    state=State.HELD,
                    created_at=now,
                    updated_at=now,
                )
            )
    return jobs, left


def _count_deliveries(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(schema.deliveries)).scalar_one()


def _swap(path: Path) -> Path | None:
    """Puts the new database in the place of the old one; where that lies now."""
    aside = _set_aside(path, time.strftime("%Y%m%d-%H%M%S"))
    put(path.with_name(path.name + RECOVERED), path)
    return aside


def _set_aside(path: Path, when: str) -> Path | None:
    """Renames the database and what lies beside it; None where there is none. Replaces nothing."""
    aside = path.with_name(f"{path.name}.damaged-{when}")
    number = 1
    while any(os.path.lexists(f"{aside}{ending}") for ending in ("", *_BESIDE)):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{when}-{number}")
    # The database last: a kill in between must leave none of its logs to a new one.
    moved = False
    for ending in (*_BESIDE, ""):
        if os.path.lexists(f"{path}{ending}"):
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
            moved = True
    return aside if moved else None


def _tell_whole(path: Path, folders: Iterable[Path], as_json: bool) -> None:
    with Store(path) as store, working("Reading the sidecars"):
        jobs = sum(store.read(record.counts).values())
        told = {folder: list(deliveries_below(folder)) for folder in folders}
        for folder, found in told.items():
            if found:
                store.write_now(partial(take_in, output=folder, found=found, now=time.time(), below=True))
    if as_json:
        say_json({"whole": True, "set_aside": None, "deliveries": {str(one): len(told[one]) for one in told}})
        return
    click.echo(f"{path} is whole ({jobs:,} jobs); it was left as it is.")
    _tell_found({folder: len(found) for folder, found in told.items()})


def _tell_anew(anew: Anew, path: Path, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "whole": False,
                "set_aside": None if anew.aside is None else str(anew.aside),
                "carried": {
                    "jobs": sum(anew.jobs.values()),
                    "go_on": anew.going_on,
                    "held": anew.waiting,
                    "unclear": anew.unclear,
                    "deliveries": anew.deliveries,
                },
                "lost": None if anew.carried is None else anew.lost,
                "not_held": [one.id for one in anew.unheld],
                "deliveries": {str(folder): number for folder, number in anew.found.items()},
            }
        )
        return
    if anew.aside is None:
        click.echo(f"There was no job database at {path}; a new one was made.")
    else:
        click.echo(f"The damaged database lies at {anew.aside}, and a new one was made.")
    if anew.carried is not None:
        _tell_carried(anew, anew.carried)
    elif anew.aside is not None:
        click.echo(f"{_NOTHING} {_FILES}")
    _tell_found(anew.found)
    click.echo(_DELIVERED)


def _tell_carried(anew: Anew, carried: Carried) -> None:
    ended = sum(number for state, number in anew.jobs.items() if state in FINISHED)
    click.echo(
        f"Carried over: {_many(sum(anew.jobs.values()), 'jobs')} ({ended:,} ended, {anew.going_on:,} go on by "
        f"themselves, {anew.waiting:,} held), {_many(anew.deliveries, 'deliveries')}."
    )
    lost = [_many(number, _WORDS[table]) for table, number in anew.lost.items()]
    click.echo(f"Lost: {', '.join(lost) or 'nothing that a table or its index names'}.")
    if carried.stale:
        click.echo("Its log was gone too, and with it what was written last, of any job.")
    if anew.unclear:
        click.echo(
            f"{_many(anew.unclear, 'jobs')} may have sent an instruction that no record tells of, and wait for you as "
            "`maybe-paid`: `reeldrop jobs --state held`."
        )
    for one in anew.unheld:
        which = one.id if one.source is None else f"{one.id} ({one.source.path})"
        click.echo(f"Job {which} is lost, may have been paid for, and no rule takes its file by now.")
    if "jobs" in anew.lost:
        click.echo(_FILES)


def _tell_found(found: Mapping[Path, int]) -> None:
    for folder, number in found.items():
        click.echo(f"  {_many(number, 'deliveries')} below {folder}")


def _many(number: int | None, what: str) -> str:
    """`1 job`, `2 jobs`; None: nobody knows how many."""
    if number is None:
        return f"{what}, nobody knows how many"
    if number != 1:
        return f"{number:,} {what}"
    one = {"deliveries": "delivery", "records of jobs' steps": "record of a job's step"}
    return f"1 {one.get(what) or what.removesuffix('s')}"
