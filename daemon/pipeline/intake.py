"""From a settled file to a job: hash it, see whether it is a drop, write the job down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection

from daemon import __version__
from daemon.config.model import Config, Rule
from daemon.deliver import folder
from daemon.errors import DeliveryError
from daemon.jobs import files, record
from daemon.jobs.model import Job, KnownFile, Recipe, Source
from daemon.jobs.states import UNFINISHED, Move, State
from daemon.media.types import MAX_BYTES
from daemon.pipeline.bench import Bench
from daemon.pipeline.drops import NewJob, NoJob, RunAgain, Sighting, sighting, work_for
from daemon.pipeline.runner import tell_people
from daemon.rules.identity import instructions_key
from daemon.rules.match import Match
from daemon.rules.names import base_name, relative_folder

_log = structlog.get_logger()
_HASHERS: Final = 2
"""Files hashed at once: a disk reads two as fast as twenty."""

Stat = tuple[int, int, int, int]
"""device, inode, size in bytes, mtime in ns."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A settled file under a rule. `rejected`: why it cannot be edited at all, for a person."""

    match: Match
    path: Path
    stat: Stat
    rejected: str | None = None


class Intake:
    """Takes arrivals one after the other and makes jobs of them; `added` is called when there is new work."""

    def __init__(self, bench: Bench, config: Config, added: Callable[[], None]) -> None:
        self._bench = bench
        self._config = config
        self._added = added
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue()
        self._taken: dict[str, Stat] = {}
        self._missing: set[Path] = set()

    def is_known(self, path: str, stat: Stat) -> bool:
        """Whether this version of the file was taken before (or is being taken)."""
        if self._taken.get(path) == stat:
            return True
        known = self._bench.store.read(lambda connection: files.known(connection, Path(path)))
        return known is not None and known.is_same(*stat)

    def put(self, arrival: Arrival) -> None:
        self._taken[os.fspath(arrival.path)] = arrival.stat
        self._queue.put_nowait(arrival)

    async def idle(self) -> None:
        """Returns once everything that was put has become a job or nothing."""
        await self._queue.join()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_HASHERS):
                group.create_task(self._take_all())

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
        content = await asyncio.to_thread(folder.hash_file, arrival.path)
        found = arrival.path.stat()
        if (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) != arrival.stat:
            return None  # changed while it was read: the watcher settles it anew
        source = Source(arrival.path, *arrival.stat, content=content)
        return await self._announce(
            await self._bench.store.write(lambda connection: self._write(connection, arrival, source))
        )

    async def order(self, arrival: Arrival) -> Job:
        """A job for a file that a person names, whatever is known of its path. Raises OSError."""
        content = await asyncio.to_thread(folder.hash_file, arrival.path)
        source = Source(arrival.path, *arrival.stat, content=content)

        def change(connection: Connection) -> Job:
            key = instructions_key(arrival.match.rule)
            earlier = record.jobs_for(connection, content, key)
            work = work_for(Sighting.DROPPED, source.path, earlier)
            if isinstance(work, NoJob):
                return next(
                    job for job in earlier if job.state in UNFINISHED and job.source.path == source.path
                )
            return self._begin(connection, arrival, source, key, work)

        job = await self._announce(await self._bench.store.write(change))
        assert job is not None
        return job

    async def look_for_missing(self, roots: Sequence[Path]) -> None:
        """Notes which known files are gone. A root that is gone itself says nothing about its files.

        Those found missing now may yet turn up under another name; those that were missing at the last look
        are gone, and a file that comes to their path is a drop.
        """
        now = self._bench.now()
        known = await asyncio.to_thread(self._bench.store.read, files.all_standing)
        missing = await asyncio.to_thread(_missing, known, roots)
        gone = missing & self._missing
        self._missing = missing - gone
        await self._bench.store.write(lambda connection: files.mark_gone(connection, gone, now))

    async def _announce(self, job: Job | None) -> Job | None:
        if job is not None:
            self._bench.changed(job)
            if job.state is State.FAILED:
                await tell_people(self._bench, job)
            self._added()
        return job

    def forget(self, path: Path) -> None:
        """The file is gone: a file that comes to this path is a drop."""
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

    def _write(self, connection: Connection, arrival: Arrival, source: Source) -> Job | None:
        here = files.known(connection, source.path)
        if here is not None and here.path in self._missing:
            self._missing.discard(here.path)
            here = None
        left = _left(connection, arrival.match.root, source)
        seen = sighting(source.content, here, left)
        if seen is Sighting.MOVED and left is not None:
            files.moved(connection, left.path, source.path)
            record.repath(connection, left.path, source.path)
        files.remember(connection, source)
        if record.is_delivered(connection, source.path, source.content):
            return None
        key = instructions_key(arrival.match.rule)
        work = work_for(seen, source.path, record.jobs_for(connection, source.content, key))
        if isinstance(work, NoJob):
            return None
        return self._begin(connection, arrival, source, key, work)

    def _begin(
        self, connection: Connection, arrival: Arrival, source: Source, key: str, work: NewJob | RunAgain
    ) -> Job:
        now = self._bench.now()
        match work:
            case NewJob():
                job = self._new_job(arrival.match, source, key, now)
                record.add_job(connection, job)
                record.note(connection, job.id, f"settled: {source.path} ({source.size:,} bytes)", now)
            case RunAgain(earlier):
                job = record.move(connection, earlier, Move.RETRY, now=now, attempt=1)
                job = record.set_source(connection, job, source, now)
                job = self._rebase(connection, job, arrival.match, now)
                record.note(connection, job.id, f"dropped again: {source.path}", now)
        why = arrival.rejected or _too_large(source)
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
    )


def _language(text: str) -> str:
    """`zh` for an instruction with Chinese characters in it, else `en`."""
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en"


def _missing(known: Sequence[KnownFile], roots: Sequence[Path]) -> set[Path]:
    standing = [root for root in roots if root.is_dir()]
    return {
        file.path
        for file in known
        if any(root in file.path.parents for root in standing) and not os.path.lexists(file.path)
    }


def _left(connection: Connection, root: Path, source: Source) -> KnownFile | None:
    """A known file of this content, in the same tree, that is no longer at its path."""
    for file in files.same_content(connection, source.content):
        if file.path != source.path and root in file.path.parents and not os.path.lexists(file.path):
            return file
    return None


def _too_large(source: Source) -> str | None:
    if source.size <= MAX_BYTES:
        return None
    return f"it has {source.size / 1e6:,.0f} MB and the editor takes 500 MB at most; compress or trim it"
