"""Files that were there before their rule, and what all that waits for a person's word is told as."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from daemon.config.model import Rule
from daemon.jobs import folders
from daemon.jobs.approvals import Waiting
from daemon.jobs.store import Store
from daemon.pipeline.drops import BEFORE

_TICK: Final = 0.02
"""Seconds by which a file's ctime may lie before the time it was made: the kernel stamps files by a clock that
ticks every 10 ms at the slowest."""


class FirstSights:
    """When each rule looked at its watch folders for the first time; what stood there then is no drop.

    A file's ctime tells: nobody can set it, and a file that is made there or moved there later gets a new one. A
    folder that is moved in brings old files with it, so the folders that stood there are kept on record too.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[tuple[str, Path], tuple[str, float]] = {}
        self._stood: dict[tuple[Path, str], bool] = {}

    def look(self, rules: Iterable[Rule], now: float, *, note: bool = True) -> None:
        """Notes what is seen for the first time. Blocks; to be called before the folders are scanned.

        `note` false: only looks, for whoever may not write.
        """
        for rule in rules:
            takes = _takes(rule)
            for root in rule.watch:
                at = self._first_sight(root, takes)
                if at is None and root.is_dir():
                    at = now
                    if note:
                        tree = [root, *(_folders_below(root) if rule.recursive else ())]
                        self._store.write_now(partial(folders.seen, tree=tree, takes=takes, now=now))
                if at is not None:
                    self._seen[rule.name, root] = takes, at

    def is_older(self, rule: Rule, root: Path, path: Path, changed: float) -> bool:
        """Whether a file was there before the rule; `changed`: its ctime, in seconds since 1970. May stat folders."""
        takes, at = self._seen.get((rule.name, root), ("", 0.0))
        if changed >= at - _TICK:
            return False
        between = [folder for folder in path.parents if root in folder.parents]
        return all(self._did_stand(folder, takes) or _changed(folder) < at - _TICK for folder in between)

    def _did_stand(self, folder: Path, takes: str) -> bool:
        if (folder, takes) not in self._stood:
            self._stood[folder, takes] = self._first_sight(folder, takes) is not None
        return self._stood[folder, takes]

    def _first_sight(self, folder: Path, takes: str) -> float | None:
        return self._store.read(partial(folders.first_sight, root=folder, takes=takes))


def told(waiting: Waiting) -> str:
    """The one line for all files of a rule that wait for a word."""
    one = waiting.files == 1
    files = "1 file was" if one else f"{waiting.files:,} files were"
    before = "there before the rule"
    beyond = "dropped beyond what `limits.ask_above` lets begin within an hour unasked"
    why = f"{files} {before if waiting.reason == BEFORE else beyond}"
    rule = shlex.quote(waiting.rule)
    return (
        f"{waiting.rule}: {why}; about {waiting.credits:,.0f} credits. `reeldrop approve --rule {rule}` runs "
        f"{'it' if one else 'them'}, `reeldrop ignore --rule {rule}` never asks again"
    )


def _takes(rule: Rule) -> str:
    """A digest (32 hex digits) of which files a rule takes: one that takes others looks at its folder anew."""
    said: dict[str, object] = {"match": rule.match, "ignore": rule.ignore, "recursive": rule.recursive}
    if not rule.where.is_open:  # not said of the others: they would look at their folders anew
        said["where"] = rule.where.model_dump()
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _folders_below(root: Path) -> Iterator[Path]:
    for here, names, _ in os.walk(root):
        for name in names:
            yield Path(here, name)


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_ctime
    except OSError:
        return 0.0
