"""What becomes of a source once its last job is over: it stays, moves to an archive or a quarantine, or goes.

A failure here never fails a job: it is said once, in the log and in the job's timeline, and tried again at the
next rescan and the next start. So is what a daemon that was killed has left half done.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from daemon.config.model import Rule
from daemon.deliver import dispose as sources
from daemon.deliver import folder, sidecar
from daemon.errors import DeliveryError, SourceGone
from daemon.jobs import files, record
from daemon.jobs.model import Companion, Delivery, Job, Source
from daemon.jobs.states import FINISHED, UNFINISHED, State
from daemon.pipeline.bench import Bench
from daemon.pipeline.hooks import Noted

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Disposal:
    """What is due for a source by the word of `job`'s rule: to be moved `into` a folder; None: to be deleted."""

    job: Job
    into: Path | None


def due(source: Source, jobs: Sequence[Job]) -> Disposal | None:
    """Decides for a source from all its jobs; None: it stays. Pure.

    Nothing while one of them is unfinished. What a job failed on is put aside first, for a person; while it may
    still be retried, the source is not deleted, whatever else was delivered from it.
    """
    if any(job.state in UNFINISHED for job in jobs):
        return None
    mine = [job for job in jobs if job.source == source]
    failed = [job for job in mine if job.state is State.FAILED]
    for job in failed:
        if job.recipe.quarantine is not None:
            return Disposal(job, job.recipe.quarantine)
    delivered = [job for job in mine if job.state is State.SUCCEEDED]
    for job in delivered:
        if job.recipe.after == "archive" and job.recipe.archive is not None:
            return Disposal(job, job.recipe.archive)
    for job in delivered:
        if job.recipe.after == "delete" and not failed:
            return Disposal(job, None)
    return None


async def dispose(bench: Bench, job: Job) -> None:
    """Does what is due for the source of a job that has ended, now or earlier. Raises StateError alone."""
    path = job.source.path
    if job.state not in FINISHED or path in bench.disposing:
        return
    bench.disposing.add(path)
    try:
        disposal = bench.store.read(
            lambda connection: due(job.source, record.jobs_of(connection, job.source))
        )
        if disposal is not None and disposal.into != path.parent:
            await _dispose(bench, disposal)
    finally:
        bench.disposing.remove(path)


async def dispose_left(bench: Bench, rules: Iterable[Rule]) -> None:
    """Does what could not be done when the jobs of these rules ended."""
    rules = tuple(rules)
    delivered = {rule.name for rule in rules if rule.after != "keep"}
    failed = {rule.name for rule in rules if rule.quarantine is not None}
    if not delivered and not failed:
        return
    left = await asyncio.to_thread(
        bench.store.read, lambda connection: record.jobs_with_source(connection, delivered, failed)
    )
    for job in left:
        await dispose(bench, job)


async def _dispose(bench: Bench, disposal: Disposal) -> None:
    job = disposal.job
    try:
        where = await asyncio.to_thread(_carry_out, bench, disposal)
    except (SourceGone, DeliveryError) as error:
        # Where it is gone, a person has taken it away: there is nothing left to say.
        if os.path.lexists(job.source.path):
            await _say_once(bench, job, f"{job.source.path} stays where it is: {error}")
        return
    await _write_down(bench, disposal, where)


def _carry_out(bench: Bench, disposal: Disposal) -> Source | None:
    """Returns the source as it lies now; None where it was deleted."""
    job, source, into = disposal.job, disposal.job.source, disposal.into
    if into is not None and not os.path.lexists(source.path):
        moved = sources.moved_to(source, into)
        if moved is not None:
            return _accompanied(bench, job, sources.at(source, moved), into)
    if job.state is State.SUCCEEDED:
        _require_result(bench, job)
    if into is not None:
        moved = sources.move(source, into, job.id)
        return _accompanied(bench, job, sources.at(source, moved), into)
    sources.delete(source)
    return None


def _accompanied(bench: Bench, job: Job, moved: Source, into: Path) -> Source:
    """Moves what belongs to a moved source and to no other unfinished job; what has changed since stays."""
    clip_folder = job.source.path.parent
    companions = [_moved_along(bench, job, one, clip_folder, into) for one in job.source.companions]
    return replace(moved, companions=tuple(companions))


def _moved_along(bench: Bench, job: Job, one: Companion, clip_folder: Path, into: Path) -> Companion:
    others = bench.store.read(partial(record.accompanied_by, path=one.path))
    if one.shared or any(other.id != job.id for other in others):
        return one
    # The tree between the clip's folder and its companion's is kept.
    below = one.path.parent.relative_to(clip_folder) if clip_folder in one.path.parents else Path()
    file = Source(one.path, one.device, one.inode, one.size, one.mtime_ns, one.content)
    try:
        there = sources.at(file, sources.move(file, into / below, job.id))
    except (SourceGone, DeliveryError) as error:
        _log.warning("companion.stays", path=str(one.path), why=str(error))
        return one
    return replace(
        one,
        path=there.path,
        device=there.device,
        inode=there.inode,
        size=there.size,
        mtime_ns=there.mtime_ns,
    )


def _require_result(bench: Bench, job: Job) -> None:
    """No source goes before its result stands in the record and on the disk. Raises SourceGone."""
    found = bench.store.read(lambda connection: record.deliveries_of(connection, job.source.content, job.key))
    mine = [delivery for delivery in found if delivery.job == job.id]
    if not any(_stands(delivery) for delivery in mine):
        raise SourceGone("", f"its result {mine[0].media if mine else job.recipe.base} is not there")


def _stands(delivery: Delivery) -> bool:
    try:
        return delivery.media.stat().st_size == delivery.size
    except OSError:
        return False


async def _write_down(bench: Bench, disposal: Disposal, where: Source | None) -> None:
    """Its jobs follow the source, so that `retry` and `redo` find it; a new file at its path is a drop.

    Their notes first: a daemon that dies in between moves the source anew, finds it moved, and comes by here again.
    """
    job, source, now = disposal.job, disposal.job.source, bench.now()
    text = f"deleted {source.path}" if where is None else f"moved {source.path} to {where.path}"
    jobs = bench.store.read(lambda connection: record.jobs_of(connection, source))
    mine = [one for one in jobs if one.source == source]
    if where is not None:
        for one in mine:
            if one.state is State.FAILED:
                await _tell_where(bench, replace(one, source=where))

    def change(connection: Connection) -> None:
        left = (one for one in source.companions if where is not None and one not in where.companions)
        gone: list[Source | Companion] = [source, *left]
        for one in gone:
            known = files.known(connection, one.path)
            if known is not None and known.is_same(one.device, one.inode, one.size, one.mtime_ns):
                files.mark_gone(connection, [one.path], now)
        record.note(connection, job.id, text, now)
        if where is not None:
            for each in mine:
                record.set_source(connection, each, where, now)

    await bench.store.write(change)
    _log.info("source.disposed", job=job.id, said=text)
    bench.say(Noted(job, text))


async def _tell_where(bench: Bench, job: Job) -> None:
    """The note of a failed job names the file where it lies now."""
    base = bench.store.read(lambda connection: record.reserved(connection, job.id))
    if base is None:
        return
    try:
        await asyncio.to_thread(
            folder.write,
            job.recipe.folder,
            job.id,
            f"{base}.FAILED.txt",
            sidecar.note(job),
            job.recipe.file_mode,
        )
    except DeliveryError as error:
        _log.warning("note.not_written", job=job.id, error=str(error))


async def _say_once(bench: Bench, job: Job, text: str) -> None:
    said = bench.store.read(lambda connection: record.timeline_of(connection, job.id))
    if any(entry.text == text for entry in said):
        return
    _log.warning("source.stays", job=job.id, why=text)
    await bench.note(job, text)
