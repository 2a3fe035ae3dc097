"""What a job decides before its first step: is the work done already, and under which name will it stand.

Both are decided here because afterwards something may have been paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from daemon.deliver import folder
from daemon.deliver.earlier import deliveries_below, deliveries_in
from daemon.deliver.names import Skip, Take, choose
from daemon.jobs import folders, record
from daemon.jobs.model import Delivery, Job, Outcome, Step
from daemon.jobs.states import State
from daemon.pipeline.bench import Bench
from daemon.pipeline.retry import Cancel, Decision, Hold

_FREE: Final = (Step.SESSION, Step.UPLOAD)
"""Steps after which nothing is paid yet."""


async def open_job(bench: Bench, job: Job) -> Decision | None:
    """Makes the output folder, takes a name, looks for an earlier result. None: go on with the steps."""
    await asyncio.to_thread(folder.make, job.recipe.folder)
    await read_results(bench, job.recipe.folder, below=False)
    if all(step.outcome is Outcome.VOID or step.step in _FREE for step in bench.steps(job)):
        decision = await _again(bench, job)
        if decision is not None:
            return decision
    if bench.store.read(lambda connection: record.reserved(connection, job.id)) is None:
        taken = await bench.store.write(lambda connection: take_name(connection, job))
        if isinstance(taken, Skip):
            return Cancel(
                f"output: {job.recipe.folder / taken.base} is there already, and the rule says `on_conflict: skip`"
            )
    return None


async def read_results(bench: Bench, output: Path, *, below: bool) -> None:
    """What an output folder's sidecars tell is in the record from now on; `below`: and those of the tree below it.

    All of them once for a state, and once in the life of a daemon those that the record does not know: it may have
    been put back from an older copy. A folder in which nothing lies is looked at again: it may be where a share will
    be mounted.
    """
    if (output, below) in bench.outputs_read or await asyncio.to_thread(_is_empty, output):
        return
    is_read = bench.store.read(partial(folders.is_read, folder=output))
    known = await asyncio.to_thread(bench.store.read, partial(folders.known_below, folder=output))
    found = await asyncio.to_thread(list, (deliveries_below if below else deliveries_in)(output, known))
    now = bench.now()
    if found or not is_read:
        await bench.store.write(partial(take_in, output=output, found=found, now=now, below=below))
    bench.outputs_read.add((output, below))


def take_in(
    connection: Connection, output: Path, found: Sequence[Delivery], now: float, *, below: bool
) -> None:
    """Writes down what the sidecars of an output folder tell.

    A job of this record that was stopped between its result's place and its own word for it still says that word.
    """
    unsaid = record.delivering(connection, {one.job for one in found})
    told = [one for one in found if one.job not in unsaid]
    folders.read(connection, output, told, now, below=below)


def take_name(connection: Connection, job: Job) -> Take | Skip:
    """Reserves a base name for the job, by its rule's `on_conflict`."""
    where = job.recipe.folder
    _take_over(connection, job)
    chosen = choose(
        job.recipe.base,
        job.recipe.on_conflict,
        is_free=lambda base: folder.is_free(where, base) or folder.is_left(where, base, job.source.path),
        is_reserved=lambda base: _holds(connection, job, base),
    )
    if isinstance(chosen, Take):
        if chosen.replace:
            record.release_name(connection, where, chosen.base)
        record.reserve(connection, job, chosen.base)
        folder.remove_notes(where, chosen.base)
    return chosen


async def _again(bench: Bench, job: Job) -> Decision | None:
    if job.recipe.again == "redo":
        return None
    earlier = bench.store.read(
        lambda connection: record.deliveries_of(connection, job.source.content, job.key)
    )
    if not earlier:
        return None
    if job.recipe.again == "skip":
        return Cancel(f"duplicate: delivered before as {earlier[0].media}, and the rule says `again: skip`")
    intact = await asyncio.to_thread(_first_intact, earlier)
    if intact is None:
        return Hold(
            f"duplicate: delivered before as {earlier[0].media}, which is gone. "
            f"`reeldrop retry {job.id}` edits it again"
        )
    await bench.open_step(
        job, Step.DOWNLOAD, 0, {"copy_of": intact.job, "media": str(intact.media), "hash": intact.media_hash}
    )
    await bench.note(job, f"the same content was delivered before as {intact.media}: served from there")
    return None


def _is_empty(output: Path) -> bool:
    with suppress(OSError):
        return not any(output.iterdir())
    return True


def _first_intact(deliveries: Sequence[Delivery]) -> Delivery | None:
    for delivery in deliveries:
        try:
            if (
                delivery.media.stat().st_size == delivery.size
                and folder.hash_file(delivery.media) == delivery.media_hash
            ):
                return delivery
        except OSError:
            continue
    return None


def _holds(connection: Connection, job: Job, base: str) -> bool:
    """Whether another job's unfinished work has this name, or the source itself: no result replaces its source."""
    if (job.source.path.parent, job.source.path.stem) == (job.recipe.folder, base):
        return True
    holder = record.holder_of(connection, job.recipe.folder, base)
    if holder is None or holder.id == job.id:
        return False
    return not (job.recipe.on_conflict == "overwrite" and holder.state is State.SUCCEEDED)


def _take_over(connection: Connection, job: Job) -> None:
    """A failed job's name passes to the next content of the same path: the note it left is answered by this one."""
    holder = record.holder_of(connection, job.recipe.folder, job.recipe.base)
    if holder is None or holder.id == job.id or holder.source.path != job.source.path:
        return
    if holder.state in (State.FAILED, State.CANCELLED) and not holder.outputs:
        record.release(connection, holder.id)
        folder.remove_notes(job.recipe.folder, job.recipe.base)
