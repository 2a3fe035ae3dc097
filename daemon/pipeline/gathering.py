"""Between the watcher, which settles single files, and the intake, which makes jobs: what belongs together.

    settled ─> where? ─> alone ─────────────────────────────────────────────> intake
                 │         └─> companions, pairs, a folder, its own rules ─> Wait … Go ─┤
                 └─ left out: told by `why`, taken by a later rule              └─> no job of its own

Decisions are made by `rules.gather`; here are the looks at the disk, the timers, and the memory of what has
settled. Every file and folder that waits does so by itself, so that none keeps another waiting.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from daemon.config.model import Rule, Where
from daemon.errors import MediaError, UsageError
from daemon.media.ffmpeg import Ffmpeg
from daemon.media.probe import probe
from daemon.media.types import kind_of
from daemon.pipeline.arrivals import Arrival, Mate, Stat
from daemon.pipeline.beside import Asked, Beside, Company, by_its_own_rules, stat_of, tree
from daemon.pipeline.intake import Intake
from daemon.rules import company
from daemon.rules.gather import AUTO, LONGEST, Awaited, Go, Wait, alone_or_with, folder_whole
from daemon.rules.match import Match, RuleBook
from daemon.rules.where import asks_length, left_out

_log = structlog.get_logger()

_PROBES: Final = 2
"""Lengths looked for at once: each is a process of ffmpeg."""
_SHORTEST: Final = 0.01
"""Seconds between two looks at least."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A version of a file that has settled and is no job (yet). `seen` and `rejected` as an `Arrival` has them."""

    stat: Stat
    seen: float | None = None
    rejected: str | None = None


@dataclass(slots=True)
class _Waiting:
    """A file or folder that is looked at until it is taken. `heard`: something happened to what it waits for.

    `changes`: what each awaited file was at the last look, and since when.
    """

    heard: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""
    changes: dict[Path, tuple[Stat | None, float]] = field(default_factory=dict)


class Gathering:
    """What has settled goes in by `settled`, and out to the intake.

    `owns`: whether files may be taken from a watch folder now; `clock`: monotonic seconds.
    """

    def __init__(
        self,
        book: RuleBook,
        intake: Intake,
        ffmpeg: Callable[[], Ffmpeg],
        owns: Callable[[Path], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._owns = owns
        self._book = book
        self._beside = Beside(book)
        self._intake = intake
        self._ffmpeg = ffmpeg
        self._clock = clock
        self._told: dict[Path, _Told] = {}
        self._waiting: dict[Path, _Waiting] = {}
        self._awaited_by: dict[Path, set[Path]] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._probing = asyncio.Semaphore(_PROBES)
        intake.gather_anew = self._anew

    def rule_for(self, path: str) -> Rule | None:
        """The rule whose settle time a file has: of those that may take it, or what it belongs to, the most patient.

        None where no rule may, or its watch folder is another daemon's.
        """
        is_own_rules = path.endswith(company.OWN_RULES)
        matches = list(self._takers(path.removesuffix(company.OWN_RULES)))
        rules = [match.rule for match in matches if self._owns(match.root)]
        if not matches and not is_own_rules:
            here = Path(path)
            rules = [
                rule
                for rule, _ in company.taker_of_companion(self._book, here)
                if any(root in here.parents and self._owns(root) for root in rule.watch)
            ]
        return max(rules, key=lambda rule: LONGEST if rule.settle is None else rule.settle, default=None)

    def known(self, found: Iterable[tuple[str, Stat]]) -> set[tuple[str, Stat]]:
        """The versions that have settled and are remembered here. A str: asked for every file of every scan."""
        if not self._told:
            return set()
        told = ((path, stat, self._told.get(Path(path))) for path, stat in found)
        return {(path, stat) for path, stat, one in told if one is not None and one.stat == stat}

    def settled(
        self, path: Path, stat: Stat, seen: float | None, rejected: str | None, content: str | None = None
    ) -> None:
        """This version of a file has settled, or is nothing that the editor takes (`rejected`: why).

        `content`: its hash, where it was read anyway.
        """
        clip = company.clip_of_own_rules(path)
        hosts = [clip] if clip is not None else self._beside.hosts(path)
        match = None if clip is not None else self._book.match(path)
        if match is not None and not hosts and _is_plain(match, path):
            if self._owns(match.root):
                self._intake.put(Arrival(match, path, stat, rejected, seen, content))
            return
        if self.rule_for(os.fspath(path)) is None:
            return
        self._told[path] = _Told(stat, seen, rejected)
        heard = self._hear(path)
        if hosts and not heard:
            self._begin(self._late(path, hosts))
        if match is not None:
            self._look_after(path, self._file)

    def gone(self, path: Path) -> None:
        """No file stands there any more."""
        self._told.pop(path, None)
        clip = company.clip_of_own_rules(path)
        hosts = [clip] if clip is not None else self._beside.hosts(path)
        if not self._hear(path) and hosts:
            self._begin(self._late(path, hosts))

    def emptied(self, folder: Path) -> None:
        """No file stands below this folder any more."""
        for path in [path for path in self._told if folder in path.parents]:
            self.gone(path)

    def moved(self, source: Path, target: Path) -> None:
        """A file has another name."""
        self._told.pop(source, None)
        self._hear(source)
        self._hear(target)

    def pending(self) -> Iterator[tuple[Path, str]]:
        """The files and folders that have settled and wait for others, and for what."""
        for path, waiting in self._waiting.items():
            if waiting.why:
                yield path, f"it waits {waiting.why}"

    async def idle(self) -> None:
        """Returns once nothing waits here or in the intake."""
        await self._intake.idle()
        while self._work:
            await asyncio.wait(set(self._work))
            await self._intake.idle()

    async def close(self) -> None:
        """Forgets what waits: it settles anew at the next start."""
        for work in self._work:
            work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    # What is looked at

    def _anew(self, arrival: Arrival) -> None:
        self._told[arrival.path] = _Told(arrival.stat, arrival.seen, arrival.rejected)
        self._look_after(arrival.path, self._file)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _look_after(self, path: Path, look: Callable[[Path, _Waiting], Coroutine[Any, Any, None]]) -> None:
        """Begins to look at a file or a folder; one that is looked at already is looked at again at once."""
        if path in self._waiting:
            self._waiting[path].heard.set()
            return
        waiting = self._waiting[path] = _Waiting()
        self._begin(self._guarded(path, waiting, look))

    async def _guarded(
        self, path: Path, waiting: _Waiting, look: Callable[[Path, _Waiting], Coroutine[Any, Any, None]]
    ) -> None:
        try:
            await look(path, waiting)
        except FileNotFoundError:
            self._told.pop(path, None)
        except OSError as error:
            # It is looked at again: what is not known is new at the next scan.
            self._told.pop(path, None)
            _log.warning("file.unreadable", path=str(path), error=error.strerror)
        except Exception:
            self._told.pop(path, None)
            _log.exception("gathering.crashed", path=str(path))
        finally:
            del self._waiting[path]
            for one in waiting.changes:
                self._stop_awaiting(one, path)

    async def _file(self, path: Path, waiting: _Waiting, late: bool = False) -> None:
        began, match, fitted = self._clock(), None, None
        while (told := self._told.get(path)) is not None:
            waiting.heard.clear()
            if told is not fitted:
                match, fitted = await self._fitting(path, told), told
            if match is None:
                return  # left out by every rule's `where`; remembered, so that it is not looked at at every scan
            whole = company.bundled(match)
            if whole.is_folder:
                self._look_after(whole.root / whole.relative, partial(self._folder, whole=whole))
                return
            found = await asyncio.to_thread(self._beside.look, match, path)
            if found.host is not None:
                return
            awaited = self._awaited(path, waiting, found.asked, began)
            verdict = alone_or_with(awaited, self._clock(), _quiet(match.rule))
            if isinstance(verdict, Go):
                await self._take(match, path, told, found, verdict, late)
                return
            await self._wait(waiting, verdict)

    async def _take(
        self, match: Match, path: Path, told: _Told, found: Company, verdict: Go, late: bool
    ) -> None:
        lacking = {one.path for one in verdict.without}
        if found.remuxed is not None and found.remuxed.stat is not None and found.remuxed.path not in lacking:
            await self._intake.set_aside(path, told.stat)
            return
        recorded = found.recorded
        if recorded is not None and await asyncio.to_thread(self._intake.was_taken, recorded.path):
            await self._intake.set_aside(path, told.stat)
            return
        mates = [
            Mate(one.path, one.stat, shared=shared)
            for one, shared in found.companions
            if one.stat is not None and one.path not in lacking
        ]
        if (
            recorded is not None
            and recorded.stat is not None
            and self._has_settled(recorded.path, recorded.stat)
        ):
            mates.append(Mate(recorded.path, recorded.stat, sent=False))
        fault = None
        if found.own_rules is not None:
            try:
                match = await asyncio.to_thread(by_its_own_rules, match, path)
            except UsageError as error:
                fault = str(error)
        self._put(
            Arrival(
                match,
                path,
                told.stat,
                told.rejected,
                told.seen,
                mates=tuple(mates),
                lacks=tuple(
                    _lacks(one)
                    for one in verdict.without
                    if found.remuxed is None or one.path != found.remuxed.path
                ),
                fault=fault,
                is_gathered=True,
                is_late=late,
            )
        )

    def _put(self, arrival: Arrival) -> None:
        self._intake.put(arrival)
        # The intake knows it from here on; and if it cannot be read there, it is to be looked at again.
        self._told.pop(arrival.path, None)

    async def _folder(self, folder: Path, waiting: _Waiting, *, whole: Match) -> None:
        """Waits until all of a dropped folder has settled, and puts it as one arrival."""
        changed, before = self._clock(), None
        while True:
            waiting.heard.clear()
            found = await asyncio.to_thread(tree, folder, whole.rule.recursive)
            if found != before:
                changed, before = self._clock(), found
            mine = sorted((path for path in found if self._is_of(path, whole)), key=company.in_order)
            if not mine:
                return
            beside = [
                path
                for path in found
                if path not in mine and self._beside.accompanies(path, mine, whole.rule)
            ]
            unsettled = [path for path in (*mine, *beside) if not self._has_settled(path, found[path])]
            verdict = folder_whole(unsettled, changed, self._clock(), _quiet(whole.rule))
            if isinstance(verdict, Go):
                break
            await self._wait(waiting, verdict)
        told = {path: self._told.get(path) or _Told(found[path]) for path in mine}
        lengths = {path: await self._length(path, told[path], [whole.rule]) for path in mine}
        fitting = [path for path in mine if _fits(told[path], whole.rule, lengths[path])]
        good = [path for path in fitting if told[path].rejected is None]
        if not fitting:
            return
        first, *rest = good or fitting[:1]
        mates = [
            path
            for one in (first, *rest)
            for path in (one, *self._beside.companions_among(one, beside, whole.rule))
        ][1:]
        self._put(
            Arrival(
                whole,
                first,
                told[first].stat,
                told[first].rejected,
                told[first].seen,
                mates=tuple(Mate(path, found[path]) for path in mates),
                lacks=tuple(
                    f"without {path.name}: {told[path].rejected}"
                    for path in fitting
                    if path not in good and good
                ),
                is_gathered=True,
            )
        )

    async def _late(self, path: Path, hosts: Iterable[Path]) -> None:
        """Something of a clip came, changed or went: a clip that was taken already is looked at again."""
        for clip, stat in await asyncio.to_thread(self._taken_ones, path, list(hosts)):
            if clip not in self._waiting:
                self._told[clip] = _Told(stat)
                self._look_after(clip, partial(self._file, late=True))

    def _taken_ones(self, path: Path, hosts: Sequence[Path]) -> list[tuple[Path, Stat]]:
        found = [(clip, stat) for clip in hosts if clip != path and (stat := stat_of(clip)) is not None]
        return [(clip, stat) for clip, stat in found if self._intake.is_known(os.fspath(clip), stat)]

    def _is_of(self, path: Path, whole: Match) -> bool:
        return any(company.bundled(match) == whole for match in self._book.matches(path))

    # Whether a rule's bounds fit

    def _takers(self, path: str) -> Iterator[Match]:
        """What may take a file: the rules with bounds, up to the first without."""
        for match in self._book.matches(path):
            yield match
            if match.rule.where.is_open:
                return

    async def _fitting(self, path: Path, told: _Told) -> Match | None:
        """The first rule whose bounds the file lies within."""
        matches = list(self._book.matches(path))
        length = await self._length(path, told, [match.rule for match in matches])
        return next((match for match in matches if _fits(told, match.rule, length)), None)

    async def _length(self, path: Path, told: _Told, rules: Iterable[Rule]) -> float | None:
        """How long the file lasts, looked at only where a rule asks; None for what has no length."""
        if told.rejected is not None or not any(map(asks_length, rules)):
            return None
        async with self._probing:
            return await asyncio.to_thread(length_of, path, self._ffmpeg())

    # Waiting

    def _awaited(self, path: Path, waiting: _Waiting, asked: Iterable[Asked], began: float) -> list[Awaited]:
        now, awaited = self._clock(), []
        for one in asked:
            for place in one.places:
                self._awaited_by.setdefault(place, set()).add(path)
                waiting.changes.setdefault(place, (None, began))
            before, since = waiting.changes[one.path]
            if before != one.stat:
                waiting.changes[one.path] = (one.stat, now)
                since = now
            there = one.stat is not None
            settled = one.stat is not None and self._has_settled(one.path, one.stat)
            awaited.append(Awaited(one.path, one.what, since, there, settled))
        return awaited

    def _has_settled(self, path: Path, stat: Stat) -> bool:
        told = self._told.get(path)
        return (told is not None and told.stat == stat) or self._intake.is_known(os.fspath(path), stat)

    async def _wait(self, waiting: _Waiting, verdict: Wait) -> None:
        waiting.why = verdict.why
        with suppress(TimeoutError):
            await asyncio.wait_for(waiting.heard.wait(), max(_SHORTEST, verdict.until - self._clock()))

    def _hear(self, path: Path) -> bool:
        """Whether a file that waits for this one was woken."""
        waiting = [self._waiting[one] for one in self._awaited_by.get(path, ())]
        for one in waiting:
            one.heard.set()
        return bool(waiting)

    def _stop_awaiting(self, awaited: Path, path: Path) -> None:
        others = self._awaited_by.get(awaited, set())
        others.discard(path)
        if not others:
            self._awaited_by.pop(awaited, None)


def length_of(path: Path, ffmpeg: Ffmpeg) -> float | None:
    """How long a video or a sound lasts, in seconds; None for what has no length, or none that can be read."""
    if kind_of(path) not in ("video", "audio"):
        return None
    try:
        return probe(path, ffmpeg).duration_s
    except MediaError:
        return None


def _fits(told: _Told, rule: Rule, length: float | None) -> bool:
    if told.rejected is not None:
        # It cannot be edited at all, and a person is to be told so: how long it lasts is nothing to go by.
        rule = rule.model_copy(update={"where": Where(size=rule.where.size)})
    return left_out(rule, size=told.stat[2], length=length) is None


def _is_plain(match: Match, path: Path) -> bool:
    """Whether nothing but a rules file of its own can belong with a file: for that the intake looks anyway."""
    rule = match.rule
    halves = rule.pairs == "obs" and (company.remuxed_of(path) or company.recorded_of(path))
    return not (rule.companions or halves or company.bundled(match).is_folder) and rule.where.is_open


def _quiet(rule: Rule) -> float:
    return AUTO if rule.settle is None else rule.settle


def _lacks(one: Awaited) -> str:
    if one.there:
        return f"without {one.what}: it is there, and has not settled"
    return f"without {one.what}: it did not come"
