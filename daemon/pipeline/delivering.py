"""The last step: a finished hidden file becomes a result with its log and its sidecar."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from daemon.deliver import folder, sidecar
from daemon.errors import Unanswered
from daemon.jobs import record
from daemon.jobs.model import Delivery, Entry, Job, Outcome, Step, StepRecord
from daemon.pipeline.bench import Bench
from daemon.pipeline.opening import take_name
from daemon.pipeline.plan import Next


async def deliver(bench: Bench, job: Job, due: Next, fetched: StepRecord) -> Job:
    """Places sidecar, log and media under the reserved name, media last, and says so in the record.

    A daemon that died in between finds its own file by the hash that was committed first.
    """
    result = fetched.result
    unfinished = job.recipe.folder / str(result["file"])
    base = bench.store.read(lambda connection: record.reserved(connection, job.id)) or job.recipe.base
    final = job.recipe.folder / f"{base}.{result['ending']}"
    kept = due.open or await bench.open_step(
        job, Step.DELIVER, 0, {"media": str(final), "hash": result["hash"], "size": result["size"]}
    )
    spent = _credits(bench.steps(job))
    job = replace(job, credits=spent)
    if not await asyncio.to_thread(_is_ours, final, result):
        if not unfinished.exists():
            await bench.close_step(fetched, Outcome.VOID, {})
            await bench.close_step(kept, Outcome.VOID, {})
            raise Unanswered("deliver", f"{unfinished} is gone; it is fetched again")
        final = await _place(bench, job, final, unfinished, result)
    return await _record_delivery(bench, job, kept, final, fetched)


async def _place(bench: Bench, job: Job, final: Path, unfinished: Path, result: Any) -> Path:
    replaces = job.recipe.on_conflict == "overwrite"
    while True:
        if not replaces and os.path.lexists(final):
            # Somebody put a file there after the name was taken; ours was paid for, so it goes beside it.
            final = await _other_name(bench, job, final)
        await asyncio.to_thread(_write_beside, bench, job, final, result)
        if await asyncio.to_thread(folder.place, unfinished, final, replace=replaces):
            await asyncio.to_thread(folder.sync, final.parent)
            return final
        for ending in ("json", "log"):
            final.with_name(f"{final.name.removesuffix(final.suffix)}.{ending}").unlink(missing_ok=True)


async def _other_name(bench: Bench, job: Job, final: Path) -> Path:
    beside = replace(job, recipe=replace(job.recipe, on_conflict="rename"))

    def change(connection: Connection) -> str:
        record.release(connection, job.id)
        return take_name(connection, beside).base

    base = await bench.store.write(change)
    return final.with_name(f"{base}{final.suffix}")


def _write_beside(bench: Bench, job: Job, final: Path, result: Any) -> None:
    now = bench.now()
    base = final.name.removesuffix(final.suffix)
    folder.dress(job.recipe.folder / str(result["file"]), job.recipe.file_mode)
    media = {
        "file": final.name,
        "size": result["size"],
        "hash": f"xxh3-128:{result['hash']}",
        "copy_of": result["copy_of"],
    }
    steps = bench.store.read(lambda connection: record.steps_of(connection, job.id))
    entries = bench.store.read(lambda connection: record.timeline_of(connection, job.id))
    entries.append(Entry(now, f"delivered {final}"))
    for ending, text in (
        ("json", sidecar.sidecar(job, steps, media, now) + "\n"),
        ("log", sidecar.log(entries)),
    ):
        folder.write(job.recipe.folder, job.id, f"{base}.{ending}", text, job.recipe.file_mode)


async def _record_delivery(bench: Bench, job: Job, kept: StepRecord, final: Path, fetched: StepRecord) -> Job:
    now = bench.now()
    delivery = Delivery(
        content=job.source.content,
        key=job.key,
        job=job.id,
        media=final,
        media_hash=str(fetched.result["hash"]),
        size=int(fetched.result["size"]),
        at=now,
    )

    def change(connection: Connection) -> Job:
        record.close_step(connection, kept, Outcome.DONE, {"media": str(final)}, now)
        record.add_delivery(connection, delivery)
        record.note(connection, job.id, f"delivered {final}", now)
        return record.set_job(connection, job, now=now, outputs=[final], credits=job.credits)

    return await bench.store.write(change)


def _is_ours(final: Path, result: Any) -> bool:
    try:
        same_size = final.stat().st_size == int(result["size"])
        return same_size and folder.hash_file(final) == str(result["hash"])
    except OSError:
        return False


def _credits(steps: tuple[StepRecord, ...]) -> float | None:
    """What the job's edits cost together; None where other jobs' costs cannot be told from it."""
    total = 0.0
    for step in steps:
        if step.step is Step.EDIT and step.outcome in (Outcome.DONE, Outcome.ASKED):
            cost = step.result.get("credits")
            if cost is None:
                return None
            total += float(cost)
    return total
