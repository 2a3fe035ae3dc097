"""From a settled file to a job: hash it, see whether it is a drop, write the job down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from daemon import __version__
from daemon.config.fields import Existing
from daemon.config.model import Config, Rule
from daemon.deliver import folder
from daemon.errors import DeliveryError
from daemon.jobs import approvals, files, holds, record
from daemon.jobs.model import Delivery, Job, KnownFile, Recipe, Source
from daemon.jobs.prices import estimate
from daemon.jobs.states import UNFINISHED, Move, State
from daemon.media.types import MAX_BYTES, kind_of
from daemon.pipeline.backlog import FirstSights, told
from daemon.pipeline.bench import Bench
from daemon.pipeline.disposing import dispose
from daemon.pipeline.drops import (
    TOO_MUCH,
    Find,
    NewJob,
    NoJob,
    RunAgain,
    Sighting,
    asked_above,
    sighting,
    work_for,
)
from daemon.pipeline.missing import find_missing
from daemon.pipeline.opening import read_results
from daemon.pipeline.orders import held_with
from daemon.pipeline.runner import tell_people
from daemon.rules.identity import instructions_key
from daemon.rules.match import Match
from daemon.rules.names import base_name, relative_folder

_log = structlog.get_logger()
_HASHERS: Final = 2
"""Files hashed at once: a disk reads two as fast as twenty."""
_TAKERS: Final = 64
"""Files on their way at once: those that wait for the disk to commit them share one commit."""
_SIDE_BY_SIDE: Final = 2.0
"""Seconds by which the old path of a moved file may be told to be gone before its new one is seen: the two folders
may be listened to apart."""
_HOUR: Final = 3600.0
"""Seconds for which `limits.ask_above` counts what was begun."""

Stat = tuple[int, int, int, int]
"""device, inode, size in bytes, mtime in ns."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A settled file under a rule.

    `rejected`: why it cannot be edited at all, for a person. `seen`: when it was first seen at `path`, in epoch
    seconds; None: just now.
    """

    match: Match
    path: Path
    stat: Stat
    rejected: str | None = None
    seen: float | None = None


@dataclass(frozen=True, slots=True)
class _Looked:
    """What the disk says of an arrival.

    `left`: a known file of its content that was moved away; `older`: it was there before its rule; `delivered`:
    it was, somewhere; `stands`: a result of it stands in the rule's output folder.
    """

    source: Source
    key: str
    left: KnownFile | None
    older: bool
    delivered: bool
    stands: bool


class Intake:
    """Takes arrivals one after the other and makes jobs of them; `added` is called when there is new work."""

    def __init__(self, bench: Bench, config: Config, added: Callable[[], None]) -> None:
        self._bench = bench
        self._config = config
        self._added = added
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue()
        self._taken: dict[str, Stat] = {}
        self._missing: set[Path] = set()
        self._hashing = asyncio.Semaphore(_HASHERS)
        self._reading = asyncio.Lock()
        self._read: set[Path] = set()
        self._sights = FirstSights(bench.store)
        self._once = False
        self._ended = False
        self._told: list[approvals.Waiting] = []

    async def look_at_folders(self, *, once: bool) -> None:
        """Notes which watch folders are seen for the first time; before anything is scanned.

        `once`: whoever runs the rules once wants what is there now, unless they say otherwise.
        """
        self._once = once
        await asyncio.to_thread(self._sights.look, self._config.rules, self._bench.now())

    def tell_waiting(self) -> None:
        """A line for the files of each rule that wait for a person, where that has changed since the last one."""
        waiting = self._bench.store.read(approvals.waiting)
        for one in waiting:
            if one not in self._told:
                _log.warning("files.wait", told=told(one))
        self._told = waiting

    def is_known(self, path: str, stat: Stat) -> bool:
        """Whether this version of the file was taken before (or is being taken)."""
        if self._taken.get(path) == stat:
            return True
        known = self._bench.store.read(lambda connection: files.known(connection, Path(path)))
        return known is not None and known.is_same(*stat)

    def put(self, arrival: Arrival) -> None:
        self._taken[os.fspath(arrival.path)] = arrival.stat
        self._queue.put_nowait(arrival)

    @property
    def left(self) -> int:
        """How many files that were put have become neither a job nor nothing yet."""
        return len(self._taken)

    async def idle(self) -> None:
        """Returns once everything that was put has become a job or nothing."""
        await self._queue.join()

    async def run(self) -> None:
        """Until cancelled; what is being hashed then is left to the next life."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_TAKERS):
                    group.create_task(self._take_all())
        finally:
            # The thread of a 100 GB file kept the process for longer than a service manager waits.
            self._ended = True

    async def _take_all(self) -> None:
        while True:
            arrival = await self._queue.get()
            try:
                await self.take(arrival)
            except OSError as error:
                # It is looked at again: what is not written down as known is new at the next scan.
                _log.warning("file.unreadable", path=str(arrival.path), error=error.strerror)
            finally:
                self._taken.pop(os.fspath(arrival.path), None)
                self._queue.task_done()

    async def take(self, arrival: Arrival) -> Job | None:
        """The job that was made or woken for a settled file; None if it is none. Raises OSError."""
        await self._read_results(arrival.match.rule.output)
        async with self._hashing:
            looked = await asyncio.to_thread(self._look, arrival)
        if looked is None:
            return None
        return await self._announce(
            await self._bench.store.write(lambda connection: self._write(connection, arrival, looked))
        )

    async def order(self, arrival: Arrival) -> Job:
        """A job for a file that a person names, whatever is known of its path. Raises OSError."""
        content = await asyncio.to_thread(folder.hash_file, arrival.path)
        source = Source(arrival.path, *arrival.stat, content=content)

        def change(connection: Connection) -> Job:
            key = instructions_key(arrival.match.rule)
            earlier = record.jobs_for(connection, content, key)
            delivered = bool(record.deliveries_of(connection, content, key)) or _is_any_delivered(earlier)
            work = work_for(
                Find(seen=Sighting.DROPPED, path=source.path, earlier=earlier, delivered=delivered)
            )
            if isinstance(work, NoJob):
                return next(
                    job for job in earlier if job.state in UNFINISHED and job.source.path == source.path
                )
            return self._begin(connection, arrival, source, key, work, {"asked": True})

        job = await self._announce(await self._bench.store.write(change))
        assert job is not None
        return job

    async def look_for_missing(self, roots: Sequence[Path]) -> None:
        """Notes which known files are gone, after a scan of all.

        A root that is gone itself says nothing about its files. Those found missing now may yet turn up under
        another name; those that were missing at the last look are gone, and a file that comes to their path is
        a drop.
        """
        now = self._bench.now()
        missing = await asyncio.to_thread(find_missing, self._bench.store, roots)
        gone = missing & self._missing
        self._missing = missing - gone
        await self._bench.store.write(lambda connection: files.mark_gone(connection, gone, now))

    async def _announce(self, job: Job | None) -> Job | None:
        if job is None:
            return None
        if job.state is State.HELD and job.reason_code == approvals.CODE:
            # One line for all of them: a person who points at 5,000 old clips need not read of each.
            if job.reason == TOO_MUCH and not any(
                (one.rule, one.reason) == (job.rule, job.reason) for one in self._told
            ):
                self.tell_waiting()
            return job
        self._bench.changed(job)
        if job.state in (State.FAILED, State.HELD):
            await tell_people(self._bench.store, job)
            await dispose(self._bench, job)
        self._added()
        return job

    async def _read_results(self, output: Path) -> None:
        """Before the first file of a life: what the sidecars of earlier states tell."""
        async with self._reading:
            if output not in self._read:
                await read_results(self._bench, output, below=True)
                self._read.add(output)

    def _look(self, arrival: Arrival) -> _Looked | None:
        """Reads the file, and looks at what else concerns its content; None if it changed meanwhile. Blocks."""
        path, rule = arrival.path, arrival.match.rule
        content = folder.hash_file(path, lambda: not self._ended)
        found = path.stat()
        if (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) != arrival.stat:
            return None  # the watcher settles it anew
        key = instructions_key(rule)
        # A link counts from when it was put there, however old the file is that it leads to.
        changed = max(found.st_ctime, path.lstat().st_ctime)
        older = self._sights.is_older(rule, arrival.match.root, path, changed)
        seen = self._bench.now() if arrival.seen is None else arrival.seen
        same, delivered = self._bench.store.read(
            lambda connection: (
                files.same_content(connection, content, seen - _SIDE_BY_SIDE),
                record.deliveries_of(connection, content, key),
            )
        )
        gone = [file for file in same if file.path != path and not os.path.lexists(file.path)]
        return _Looked(
            source=Source(path, *arrival.stat, content=content),
            key=key,
            left=next((file for file in gone if self._is_of(rule, file, key, older)), None),
            older=older,
            delivered=bool(delivered),
            stands=any(rule.output in one.media.parents and _stands(one) for one in delivered),
        )

    def _is_of(self, rule: Rule, file: KnownFile, key: str, older: bool) -> bool:
        """Whether a file that was moved away had its place in the rule's tree; that may have another name by now."""
        if any(root in file.path.parents for root in rule.watch):
            return True
        if not older:
            return False
        earlier = self._bench.store.read(lambda connection: record.jobs_for(connection, file.content, key))
        return any(job.source.path == file.path for job in earlier)

    def forget(self, path: Path) -> None:
        """The file is gone: a file that comes to this path is a drop. Until the next look it may turn up elsewhere."""
        now = self._bench.now()
        self._later(lambda connection: files.mark_gone(connection, [path], now))

    def follow(self, source: Path, target: Path) -> None:
        """The file has a new path; its unfinished job goes on from there."""

        def change(connection: Connection) -> None:
            files.moved(connection, source, target)
            record.repath(connection, source, target)

        self._later(change)

    def _later(self, change: Callable[[Connection], None]) -> None:
        self._bench.store.write_later(change)

    def _write(self, connection: Connection, arrival: Arrival, looked: _Looked) -> Job | None:
        source, rule = looked.source, arrival.match.rule
        here = files.known(connection, source.path)
        if here is not None and here.path in self._missing:
            self._missing.discard(here.path)
            here = None
        left = _still(connection, looked.left)
        seen = sighting(source.content, here, left)
        if seen is Sighting.MOVED and left is not None:
            files.moved(connection, left.path, source.path)
            record.repath(connection, left.path, source.path)
        files.remember(connection, source)
        if record.is_delivered(connection, source.path, source.content):
            return None
        earlier = record.jobs_for(connection, source.content, looked.key)
        delivered = looked.delivered or _is_any_delivered(earlier)
        work = work_for(
            Find(
                seen=seen,
                path=source.path,
                earlier=earlier,
                delivered=delivered,
                stands=looked.stands,
                existing=self._existing(rule) if looked.older else None,
                rejected=_rejection(arrival, source) is not None,
            )
        )
        if isinstance(work, NoJob):
            return None
        if work.held is None and holds.is_held(connection, rule.name) and not _rejection(arrival, source):
            work = replace(work, held=held_with(rule.name))
        now = self._bench.now()
        if rule.by != "service" or _rejection(arrival, source) is not None:
            return self._begin(connection, arrival, source, looked.key, work, {"asked": False})
        served = delivered and rule.again != "redo"
        cost = 0.0 if served else estimate(connection, rule.name, kind_of(source.path), rule).credits
        if work.held is None:
            begun = approvals.begun(connection, now - _HOUR)
            work = asked_above(work, estimate=cost, begun=begun, limit=self._config.limits.ask_above)
        spends = work.held is None and cost > 0
        about = {"asked": False, "estimate": cost, "begun_at": now if spends else None}
        return self._begin(connection, arrival, source, looked.key, work, about)

    def _existing(self, rule: Rule) -> Existing:
        return rule.existing or ("hold" if rule.by == "service" and not self._once else "run")

    def _begin(
        self,
        connection: Connection,
        arrival: Arrival,
        source: Source,
        key: str,
        work: NewJob | RunAgain,
        about: Mapping[str, Any],
    ) -> Job:
        """Writes the job down; `about`: who asked for it, and what it is to cost."""
        now = self._bench.now()
        match work:
            case NewJob(held):
                job = replace(self._new_job(arrival.match, source, key, now), **about)
                if held is not None:
                    job = replace(job, state=State.HELD, reason=held)
                record.add_job(connection, job)
                if held is None:
                    record.note(connection, job.id, f"settled: {source.path} ({source.size:,} bytes)", now)
            case RunAgain(earlier, held):
                job = record.move(connection, earlier, Move.RETRY, now=now, attempt=1, **about)
                job = record.set_source(connection, job, source, now)
                job = self._rebase(connection, job, arrival.match, now)
                record.note(connection, job.id, f"dropped again: {source.path}", now)
                if held is not None:
                    job = record.move(connection, job, Move.HOLD, now=now, reason=held)
        why = _rejection(arrival, source)
        if why is None:
            return job
        record.note(connection, job.id, why, now)
        return record.move(connection, job, Move.FAIL, now=now, reason=f"file: {why}")

    def _rebase(self, connection: Connection, job: Job, match: Match, now: float) -> Job:
        """The same instructions may go to another folder by now: the job and its name follow."""
        recipe = recipe_of(match, job.id, self._config.api.language, now)
        base = record.reserved(connection, job.id)
        if base is not None and (recipe.folder, recipe.base) != (job.recipe.folder, job.recipe.base):
            record.release(connection, job.id)
            with suppress(DeliveryError):
                folder.remove_notes(job.recipe.folder, base)
        return record.set_recipe(connection, job, recipe)

    def _new_job(self, match: Match, source: Source, key: str, now: float) -> Job:
        job_id = record.new_id()
        return Job(
            id=job_id,
            rule=match.rule.name,
            source=source,
            recipe=recipe_of(match, job_id, self._config.api.language, now),
            key=key,
            priority=match.rule.priority,
            created_at=now,
            updated_at=now,
        )


def recipe_of(match: Match, job_id: str, language: str, now: float) -> Recipe:
    """What the rule says now, kept with the job."""
    rule: Rule = match.rule
    return Recipe(
        instructions=rule.instructions,
        skill=rule.skill.name if rule.skill else "reeldrop",
        skill_version=rule.skill.version if rule.skill else __version__,
        by=rule.by,
        language=_language(rule.instructions[0]) if language == "auto" else language,
        folder=rule.output / relative_folder(match),
        base=base_name(
            rule.output_name,
            source=match.root / match.relative,
            rule=rule.name,
            job=job_id,
            now=datetime.fromtimestamp(now).astimezone(),
        ),
        on_conflict=rule.on_conflict,
        file_mode=None if rule.file_mode == "inherit" else rule.file_mode,
        format=rule.format,
        quality=rule.quality,
        attempts=rule.retry.attempts,
        first=rule.retry.first,
        longest=rule.retry.longest,
        again=rule.again,
        answer=rule.answer,
        after=rule.after,
        archive=_below(rule.archive if rule.after == "archive" else None, match),
        quarantine=_below(rule.quarantine, match),
    )


def _below(folder: Path | None, match: Match) -> Path | None:
    """The tree below the watch folder is kept below the folders that sources are moved to."""
    return None if folder is None else folder / relative_folder(match)


def _language(text: str) -> str:
    """`zh` for an instruction with Chinese characters in it, else `en`."""
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en"


def _still(connection: Connection, left: KnownFile | None) -> KnownFile | None:
    """A file that was moved away, unless another arrival of the same content has been taken for it meanwhile.

    A look that finds it gone in between changes nothing of that.
    """
    known = None if left is None else files.known(connection, left.path)
    return known if known is not None and left is not None and known.content == left.content else None


def _is_any_delivered(earlier: Sequence[Job]) -> bool:
    return any(job.state is State.SUCCEEDED for job in earlier)


def _stands(delivery: Delivery) -> bool:
    try:
        return delivery.media.stat().st_size == delivery.size
    except OSError:
        return False


def _rejection(arrival: Arrival, source: Source) -> str | None:
    return arrival.rejected or _too_large(source)


def _too_large(source: Source) -> str | None:
    if source.size <= MAX_BYTES:
        return None
    return f"it has {source.size / 1e6:,.0f} MB and the editor takes 500 MB at most; compress or trim it"
