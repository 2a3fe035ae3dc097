"""`reeldrop recover`: a new record in the place of a damaged or lost one, from the sidecars of what was delivered."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from daemon.app import DATABASE
from daemon.cli.common import config_option, json_option, read_rules_if_any, say_json, working
from daemon.deliver.earlier import deliveries_below
from daemon.errors import StateError, UsageError
from daemon.jobs import record
from daemon.jobs.lock import StateLock
from daemon.jobs.store import Store
from daemon.pipeline.opening import take_in

_BESIDE: Final = ("-shm", "-wal")
"""What SQLite keeps beside a database; a log that stayed would be read into the new one."""
_LOST: Final = (
    "What these say was delivered is not edited or paid for again. Lost are the timelines of all jobs, and the jobs "
    "that had not ended: their files count as files that were there before the rule. Results that lie elsewhere are "
    "known once `reeldrop recover` was given their folders."
)
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@click.command()
@click.argument("more", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path))
@config_option
@json_option
def recover(more: Sequence[Path], rules: Path | None, as_json: bool) -> int:
    """Begin a new job database in the place of a damaged or lost one. FOLDER: more places where results lie."""
    config = read_rules_if_any(rules)
    path = config.state / DATABASE
    for folder in more:
        if not folder.is_dir():
            raise UsageError("", f"{folder} is no folder")
    with StateLock(config.state):
        whole = _is_whole(path)
        aside = None if whole else _set_aside(path, time.strftime("%Y%m%d-%H%M%S"))
        outputs = [] if whole else [rule.output for rule in config.rules]
        with Store(path) as store, working("Reading the sidecars"):
            jobs = sum(store.read(record.counts).values())
            found = {one: _read(store, one) for one in [*outputs, *(folder.absolute() for folder in more)]}
    if as_json:
        told = {str(folder): number for folder, number in found.items()}
        say_json({"whole": whole, "set_aside": None if aside is None else str(aside), "deliveries": told})
        return 0
    if whole:
        click.echo(f"{path} is whole ({jobs:,} jobs); it was left as it is.")
    elif aside is None:
        click.echo(f"There was no job database at {path}; a new one was made.")
    else:
        click.echo(f"The damaged database lies at {aside}, and a new one was made.")
    for folder, number in found.items():
        click.echo(f"  {number:,} {'delivery' if number == 1 else 'deliveries'} below {folder}")
    if not whole:
        click.echo(_LOST)
    return 0


def _is_whole(path: Path) -> bool:
    """Whether there is a record that can be read. Raises StateError where that cannot be told now."""
    if not path.exists():
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
        hint = "Nothing was changed. Mend that, and ask again."
        raise StateError("job database", f"{path} cannot be read now ({error})", hint) from None


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


def _read(store: Store, folder: Path) -> int:
    """How many deliveries the sidecars below a folder tell of."""
    found = list(deliveries_below(folder))
    if found:
        now = time.time()
        store.write_now(partial(take_in, output=folder, found=found, now=now, below=True))
    return len(found)
