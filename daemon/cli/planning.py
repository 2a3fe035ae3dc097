"""`reeldrop plan`: what would become of every file, and what it would cost. Nothing is touched, nobody asked."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from daemon.cli.common import config_option, json_option, read_rules, record_of, say_json
from daemon.config.model import Config
from daemon.pipeline.outlook import Does, Outlook, Prospect, Seen
from daemon.watch.names import is_skipped_folder, is_temporary_name

_DONE: dict[Does, str] = {
    "edit": "to edit",
    "copy": "served from earlier results",
    "hold": "held",
    "nothing": "nothing to do",
}


@dataclass
class Total:
    """What would become of a rule's files. `credits` and `held`: about what is to be paid, now and once approved."""

    rule: str
    files: Counter[Does] = field(default_factory=Counter)
    credits: float = 0.0
    held: float = 0.0

    def add(self, prospect: Prospect) -> None:
        self.files[prospect.does] += 1
        if prospect.does == "hold":
            self.held += prospect.credits
        else:
            self.credits += prospect.credits

    def __str__(self) -> str:
        counts = ", ".join(
            f"{self.files[does]:,} {words}" for does, words in _DONE.items() if self.files[does]
        )
        held = f", and about {self.held:,.0f} for what is held" if self.held else ""
        cost = f"about {self.credits:,.0f} credits{held}" if self.credits or self.held else "free"
        return f"{self.rule}: {counts or 'no files'}; {cost}"


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]…", type=click.Path(path_type=Path, exists=True))
@config_option
@json_option
def plan(paths: Sequence[Path], rules: Path | None, as_json: bool) -> int:
    """Dry run: every file below the watch folders (or PATHs), its rule, its result, about what it costs.

    Content is not read, nothing is changed, and nobody is asked.
    """
    config = read_rules(rules)
    seen = list(_seen(config, paths))
    totals = {rule.name: Total(rule.name) for rule in config.rules}
    new = 0
    with record_of(config) as store:
        for prospect in Outlook(config, store, time.time()).of(seen):
            if prospect.rule is not None:
                totals[prospect.rule].add(prospect)
            new += prospect.new and prospect.credits > 0
            _say(prospect, as_json)
    for total in totals.values():
        if as_json:
            say_json(_total(total))
        else:
            click.echo(total)
    if new and not as_json:
        click.echo(
            f"Content is not read: of {new:,} files it is not known yet, and what turns out to have been delivered "
            "before is served from there and costs nothing."
        )
    return 0


def _seen(config: Config, paths: Sequence[Path]) -> Iterator[Seen]:
    """The files to look at, each once, in the order of their paths."""
    if paths:
        tops = [(Path(os.path.normpath(path.absolute())), True) for path in paths]
    else:
        tops = [(root, rule.recursive) for rule in config.rules for root in rule.watch]
    found = {path for top, recursive in tops for path in _files(top, recursive)}
    for path in sorted(found):
        try:
            yield Seen.at(path)
        except OSError:
            continue  # gone meanwhile, or a link that leads nowhere


def _files(top: Path, recursive: bool) -> Iterator[Path]:
    """What the daemon would look at: no temporary files, and nothing behind links to folders."""
    if not top.is_dir():
        if top.exists():
            yield top
        return
    for here, below, names in os.walk(top):
        below[:] = [name for name in below if not is_skipped_folder(name)] if recursive else []
        yield from (Path(here, name) for name in names if not is_temporary_name(name))


def _say(prospect: Prospect, as_json: bool) -> None:
    if as_json:
        say_json(_public(prospect))
        return
    line = f"{prospect.rule or '-'}  {prospect.path}"
    if prospect.does == "nothing":
        click.echo(f"{line}: nothing: {prospect.why}")
        return
    cost = f"about {prospect.credits:,.0f} credits" if prospect.credits else "free"
    held = "held: " if prospect.does == "hold" else ""
    why = f" ({held}{prospect.why})" if prospect.why else ""
    click.echo(f"{line} → {prospect.output}  {cost}{why}")


def _public(prospect: Prospect) -> dict[str, Any]:
    return {
        "file": str(prospect.path),
        "rule": prospect.rule,
        "does": prospect.does,
        "output": None if prospect.output is None else str(prospect.output),
        "credits": round(prospect.credits, 2),
        "priced": "rule" if prospect.priced else "public",
        "new": prospect.new,
        "why": prospect.why or None,
    }


def _total(total: Total) -> dict[str, Any]:
    return {
        "total": total.rule,
        "files": total.files.total(),
        **{does: total.files[does] for does in _DONE},
        "credits": round(total.credits, 2),
        "held_credits": round(total.held, 2),
    }
