"""`reeldrop credits`: the balance, and what was spent."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from daemon.cli.common import (
    ask_one,
    config_option,
    editors,
    json_option,
    read_rules_if_any,
    record_of,
    say_json,
    working,
)
from daemon.config.fields import By
from daemon.config.model import Config
from daemon.errors import ReeldropError, UsageError
from daemon.jobs.lock import is_locked
from daemon.jobs.spending import Cluster, Edit, Sum, clusters, edits, summed, takings
from daemon.jobs.store import Store
from daemon.pipeline import budget as limits


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's balance in credits; `error`: why it is not known."""

    account: By
    url: str | None
    available: float | None = None
    frozen: float | None = None
    total: float | None = None
    error: str | None = None

    def __str__(self) -> str:
        if self.account == "embedded":
            return "Embedded studio: free, nothing is counted."
        if self.error is not None:
            return f"Balance at {self.url}: not known: {self.error}"
        frozen = f", {_number(self.frozen)} reserved for work in progress" if self.frozen else ""
        return f"Balance at {self.url}: {_number(self.available)} credits available{frozen}."


@click.command()
@click.option("--by", type=click.Choice(["rule", "folder", "month"]), default="rule", show_default=True)
@click.option("--month", metavar="YYYY-MM", help="Only what was spent in this month.")
@click.option("--csv", "as_csv", is_flag=True, help="What was spent, for spreadsheets; no balance is read.")
@config_option
@json_option
def credits(by: str, month: str | None, as_csv: bool, rules: Path | None, as_json: bool) -> int:
    """The balance of each account in use, and what was spent by rule, folder or month."""
    if month is not None and not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month):
        raise UsageError("--month", f"{month} is no month", "Such as 2026-11.")
    config = read_rules_if_any(rules)
    with record_of(config) as store:
        found = clusters(store.read(edits)) if store else []
        budgets = budget_standings(config, store)
    groups, total = _sums(found, by, month)
    if as_csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow((by, "edits", "credits", "exact", "unknown"))
        for one in groups:
            table.writerow((one.name, one.edits, round(one.credits, 2), str(one.exact).lower(), one.unknown))
        return 0
    standings = [_standing(config, account) for account in editors(config)]
    if as_json:
        for standing in standings:
            say_json(asdict(standing))
        for budget in budgets:
            say_json({"by": "budget", **budget.for_programs()})
        for one in (*groups, *total):
            name = "total" if one in total else by
            say_json({"by": name, **asdict(one), "credits": round(one.credits, 2)})
    else:
        for standing in standings:
            click.echo(standing)
        for budget in budgets:
            click.echo(f"Budget, {budget}.")
        _show(by, groups, total, month)
    return 1 if any(standing.error for standing in standings) else 0


def budget_standings(config: Config, store: Store | None) -> list[limits.Standing]:
    """The limits that the rules set, and what of them is spent."""
    budgets, now = limits.budgets_of(config), time.time()
    if store is None or not budgets:
        return [limits.Standing(budget, 0.0, 0.0) for budget in budgets]
    taken = store.read(lambda connection: takings(connection, limits.since(budgets, now), ()))
    return [limits.standing(budget, taken, now) for budget in budgets]


def _standing(config: Config, account: By) -> Standing:
    if account == "embedded":
        return Standing("embedded", None)
    from daemon.accounts import visitor

    try:
        with working("asking the service"):
            if is_locked(config.state):
                told = ask_one(config, "credits")
            else:
                told = asdict(asyncio.run(visitor(config, os.environ).balance()))
    except ReeldropError as error:
        return Standing("service", config.service_url, error=str(error))
    return Standing("service", config.service_url, told["available"], told["frozen"], told["total"])


def _sums(found: Sequence[Cluster], by: str, month: str | None) -> tuple[list[Sum], list[Sum]]:
    """By name, and the one of all (none where nothing was sent)."""
    names = {"rule": lambda edit: edit.rule, "folder": lambda edit: str(edit.folder), "month": _month}

    def name(edit: Edit) -> str | None:
        return names[by](edit) if month in (None, _month(edit)) else None

    return summed(found, name), summed(found, lambda edit: None if name(edit) is None else "total")


def _month(edit: Edit) -> str:
    """Local time."""
    return datetime.fromtimestamp(edit.sent_at).astimezone().strftime("%Y-%m")


def _show(by: str, groups: Sequence[Sum], total: Sequence[Sum], month: str | None) -> None:
    if not total:
        click.echo(f"Nothing was spent{f' in {month}' if month else ' yet'}.")
        return
    rows = [*groups, *total]
    console = Console(highlight=False)
    if console.is_terminal:
        table = Table(by, box=None, header_style="dim", pad_edge=False)
        for title in ("edits", "credits", "unknown"):
            table.add_column(title, justify="right")
        for one in rows:
            unknown = str(one.unknown) if one.unknown else ""
            style = "bold" if one in total else ""
            table.add_row(one.name, str(one.edits), _spent(one), unknown, style=style)
        console.print(table)
    else:
        for one in rows:
            unknown = f", unknown: {_edits(one.unknown)}" if one.unknown else ""
            click.echo(f"{one.name}: {_spent(one)} credits for {_edits(one.edits)}{unknown}")
    if not all(one.exact for one in rows):
        click.echo("≈ edits overlapped in time, and share evenly what they cost together")
    if any(one.unknown for one in total):
        click.echo("unknown: no balance was read after them, or the account was topped up meanwhile")


def _spent(one: Sum) -> str:
    if one.unknown == one.edits:
        return "?"
    return f"{'' if one.exact else '≈ '}{_number(one.credits)}"


def _edits(number: int) -> str:
    return f"{number} edit{'' if number == 1 else 's'}"


def _number(credits: float | None) -> str:
    """At most two decimals, thousands apart."""
    return f"{credits or 0:,.2f}".rstrip("0").rstrip(".")
