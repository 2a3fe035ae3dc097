"""What would become of files if the daemon looked at them now. Reads the record and the folders, and changes nothing.

Content is not read: a file whose inode, size and mtime the record does not know counts as new.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar

from sqlalchemy import Connection

from daemon.config.fields import Existing
from daemon.config.model import Config, Rule, Where
from daemon.deliver import folder
from daemon.deliver.names import Skip, choose
from daemon.jobs import approvals, files, holds, record
from daemon.jobs.model import Delivery, Job, KnownFile, Recipe
from daemon.jobs.prices import Prices
from daemon.jobs.states import UNFINISHED, State
from daemon.jobs.store import Store
from daemon.media.types import MAX_BYTES, kind_of
from daemon.pipeline.backlog import FirstSights
from daemon.pipeline.beside import Beside, goes_with
from daemon.pipeline.drops import Find, NoJob, Sighting, asked_above, sighting, work_for
from daemon.pipeline.recipes import recipe_of
from daemon.rules import company
from daemon.rules.identity import instructions_key
from daemon.rules.match import Match, RuleBook
from daemon.rules.where import left_out

Does = Literal["edit", "copy", "hold", "nothing"]
T = TypeVar("T")

_HOUR: Final = 3600.0
_BATCH: Final = 500
"""Files looked up at once."""
_JOB: Final = "{job}"
"""Stands in a name for the id of a job that is not made yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file, and what a look at it told: device, inode, size in bytes, mtime in ns, ctime in seconds."""

    path: Path
    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime: float

    @classmethod
    def at(cls, path: Path) -> Seen:
        """Raises OSError."""
        found = path.stat()
        # A link counts from when it was put there, however old the file is that it leads to.
        changed = max(found.st_ctime, path.lstat().st_ctime)
        return cls(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What would become of a file. `credits`: about how many it costs, or would once it is approved.

    `priced`: by what the rule's own jobs cost, not by the public price. `new`: its content was never seen, or not
    under this name; should it have been delivered before, it costs nothing. `why`: for a person.
    """

    path: Path
    rule: str | None
    does: Does
    output: Path | None = None
    credits: float = 0.0
    priced: bool = False
    new: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Past:
    """What the record knows of some files."""

    by_path: dict[Path, KnownFile]
    by_inode: dict[tuple[int, int, int, int], list[KnownFile]]
    jobs: dict[tuple[str, str], list[Job]]
    delivered: dict[tuple[str, str], list[Delivery]]


class Outlook:
    """The rules as they are, and the record (None: nothing has run yet). `now`: seconds since 1970."""

    def __init__(self, config: Config, store: Store | None, now: float) -> None:
        self._config = config
        self._store = store
        self._now = now
        self._book = RuleBook(config.rules, os.path.realpath)
        self._keys = {rule.name: instructions_key(rule) for rule in config.rules}
        self._beside = Beside(self._book)
        self._firsts: dict[Path, Path] = {}
        self._taken: dict[Path, dict[str, bool]] = {}
        self._sights = None if store is None else FirstSights(store)
        if self._sights is not None:
            self._sights.look(config.rules, now, note=False)
        names = [rule.name for rule in config.rules]
        self._prices = self._read(lambda connection: Prices(connection, names), Prices(None))
        self._begun = self._read(lambda connection: approvals.begun(connection, now - _HOUR), 0.0)
        no_rules: list[str] = []
        self._held = frozenset(self._read(holds.held, no_rules))

    def of(self, seen: Sequence[Seen]) -> Iterator[Prospect]:
        """What would become of each of these files, in this order."""
        for start in range(0, len(seen), _BATCH):
            some = seen[start : start + _BATCH]
            past = self._read(partial(_past, seen=some), _Past({}, {}, {}, {}))
            for file in some:
                match = self._match(file)
                if match is None:
                    yield Prospect(path=file.path, rule=None, does="nothing", why=self._why_none(file))
                elif (why := self._belongs(file.path, match)) is not None:
                    yield Prospect(path=file.path, rule=match.rule.name, does="nothing", why=why)
                else:
                    yield self._one(file, match, past)

    def _one(self, file: Seen, match: Match, past: _Past) -> Prospect:
        rule, here = match.rule, past.by_path.get(file.path)
        if here is not None and here.is_same(file.device, file.inode, file.size, file.mtime_ns):
            return self._seen_before(file, rule, past.jobs.get((here.content, self._keys[rule.name]), []))
        if file.size > MAX_BYTES:
            why = f"it has {file.size / 1e6:,.0f} MB and the editor takes 500 MB at most"
            return Prospect(path=file.path, rule=rule.name, does="nothing", why=why)
        same = past.by_inode.get((file.device, file.inode, file.size, file.mtime_ns), [])
        content = same[0].content if same else ""
        earlier = past.jobs.get((content, self._keys[rule.name]), [])
        delivered = past.delivered.get((content, self._keys[rule.name]), [])
        left = next((one for one in same if one.path != file.path and not os.path.lexists(one.path)), None)
        find = Find(
            seen=sighting(content, here, left),
            path=file.path,
            earlier=earlier,
            delivered=bool(delivered) or any(job.state is State.SUCCEEDED for job in earlier),
            stands=any(rule.output in one.media.parents and one.media.exists() for one in delivered),
            existing=self._existing(rule) if self._is_older(file, match) else None,
        )
        work = work_for(find)
        if isinstance(work, NoJob):
            return Prospect(path=file.path, rule=rule.name, does="nothing", why=_why_no_job(find))
        served = find.delivered and rule.again != "redo"
        if served and rule.again == "skip":
            why = f"delivered before{_as(delivered)}, and the rule says `again: skip`"
            return Prospect(path=file.path, rule=rule.name, does="nothing", why=why)
        output = self._output(match)
        if isinstance(output, str):
            return Prospect(path=file.path, rule=rule.name, does="nothing", why=output)
        price = self._prices.estimate(rule.name, kind_of(file.path), rule)
        cost = 0.0 if served else price.credits
        if work.held is None and rule.by == "service":
            work = asked_above(work, estimate=cost, begun=self._begun, limit=self._config.limits.ask_above)
        held = work.held
        if held is None and rule.name in self._held:
            held = f"the rule is held; `reeldrop resume --rule {rule.name}` lets it go on"
        if held is None:
            self._begun += cost
        copied = f"delivered before{_as(delivered)}: served from there" if served else ""
        return Prospect(
            path=file.path,
            rule=rule.name,
            does="hold" if held is not None else "copy" if served else "edit",
            output=output,
            credits=cost,
            priced=price.known and cost > 0,
            new=not content,
            why=copied if held is None else held.removeprefix(f"{approvals.CODE}: "),
        )

    def _seen_before(self, file: Seen, rule: Rule, jobs: Sequence[Job]) -> Prospect:
        """A file that was taken, and has not changed: its job goes on, or is over."""
        mine = [job for job in jobs if job.source.path == file.path] or jobs
        if not mine:
            return Prospect(path=file.path, rule=rule.name, does="nothing", why="it is known, and no drop")
        job = mine[0]
        reason = f": {job.reason}" if job.reason else ""
        if job.state is State.SUCCEEDED:
            why = f"delivered as {', '.join(map(str, job.outputs))}"
            return Prospect(path=file.path, rule=rule.name, does="nothing", why=why)
        if job.state not in UNFINISHED:
            why = f"job {job.id} has {'failed' if job.state is State.FAILED else 'been cancelled'}{reason}"
            return Prospect(path=file.path, rule=rule.name, does="nothing", why=why)
        price = self._prices.estimate(rule.name, kind_of(file.path), job.recipe)
        return Prospect(
            path=file.path,
            rule=rule.name,
            does="hold" if job.state is State.HELD else "edit",
            output=job.recipe.folder / f"{job.recipe.base}.{_ending(job.recipe, file.path)}",
            credits=price.credits,
            priced=price.known and price.credits > 0,
            why=f"job {job.id} is {job.state}{reason}",
        )

    def _existing(self, rule: Rule) -> Existing:
        return rule.existing or ("hold" if rule.by == "service" else "run")

    def _is_older(self, file: Seen, match: Match) -> bool:
        """Whether it was there before its rule; for a rule that never looked, all that is there is."""
        if self._sights is None:
            return True
        return self._sights.is_older(match.rule, match.root, file.path, file.ctime)

    def _output(self, match: Match) -> Path | str:
        """Where the result would be put; or why there would be none."""
        recipe = recipe_of(match, _JOB, self._config.api.language, self._now)
        where, source = recipe.folder, match.root / match.relative
        if where not in self._taken:
            self._taken[where] = self._read(partial(record.names_in, folder=where), {})
        taken = self._taken[where]

        def is_reserved(base: str) -> bool:
            if (source.parent, source.stem) == (where, base):
                return True
            return base in taken and not (recipe.on_conflict == "overwrite" and taken[base])

        chosen = choose(
            recipe.base,
            recipe.on_conflict,
            is_free=lambda base: folder.is_free(where, base),
            is_reserved=is_reserved,
        )
        if isinstance(chosen, Skip):
            return f"{where / chosen.base} is there already, and the rule says `on_conflict: skip`"
        taken[chosen.base] = False
        return where / f"{chosen.base}.{_ending(recipe, source)}"

    def _match(self, file: Seen) -> Match | None:
        """The first rule that takes the file, as far as its size tells: how long it lasts stands in its content."""
        fits = (one for one in self._book.matches(file.path) if _left_out(one.rule, file) is None)
        match = next(fits, None)
        return None if match is None else company.bundled(match)

    def _belongs(self, path: Path, match: Match) -> str | None:
        """What a file is a part of that is no job of its own; of a dropped folder, all files but the first."""
        if match.is_folder:
            folder = match.root / match.relative
            if folder not in self._firsts:
                self._firsts[folder] = self._beside.first_of(match) or path
            if self._firsts[folder] != path:
                return goes_with(match)
        return self._beside.belongs(path)

    def _why_none(self, file: Seen) -> str:
        verdicts = self._book.explain(file.path, lambda rule: _left_out(rule, file))
        told = [f"rule {verdict.rule.name}: {verdict.why}" for verdict in verdicts]
        return self._beside.belongs(file.path) or "; ".join(told) or "there are no rules"

    def _read(self, query: Callable[[Connection], T], otherwise: T) -> T:
        return otherwise if self._store is None else self._store.read(query)


def _past(connection: Connection, seen: Sequence[Seen]) -> _Past:
    known = files.among(connection, [one.path for one in seen], [one.inode for one in seen])
    by_inode: dict[tuple[int, int, int, int], list[KnownFile]] = {}
    for one in known:
        by_inode.setdefault((one.device, one.inode, one.size, one.mtime_ns), []).append(one)
    contents = {one.content for one in known}
    jobs: dict[tuple[str, str], list[Job]] = {}
    for job in record.jobs_with(connection, contents):
        jobs.setdefault((job.source.content, job.key), []).append(job)
    delivered: dict[tuple[str, str], list[Delivery]] = {}
    for delivery in record.deliveries_with(connection, contents):
        delivered.setdefault((delivery.content, delivery.key), []).append(delivery)
    return _Past({one.path: one for one in known}, by_inode, jobs, delivered)


def _why_no_job(find: Find) -> str:
    if find.seen is Sighting.MOVED:
        return "it has moved here, and its content was taken before"
    if find.existing is None:
        return "its content was taken before"
    if find.stands:
        return "it was there before the rule, and its result stands in the output folder"
    if find.existing == "ignore":
        return "it was there before the rule, which says `existing: ignore`"
    return "it was there before the rule, and its content was taken before"


def _left_out(rule: Rule, file: Seen) -> str | None:
    sized = rule.model_copy(update={"where": Where(size=rule.where.size)})
    return left_out(sized, size=file.size, length=None)


def _as(delivered: Sequence[Delivery]) -> str:
    return f" as {delivered[0].media}" if delivered else ""


def _ending(recipe: Recipe, source: Path) -> str:
    """The extension that the result most likely gets: `auto` knows better once it is rendered."""
    if recipe.format != "auto":
        return recipe.format
    return "m4a" if recipe.by == "embedded" and kind_of(source) == "audio" else "mp4"
