"""Which delivered jobs are meant by `redo`, where their sources stand now, and what doing them again will cost."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select

from daemon.config.model import Config
from daemon.deliver import folder
from daemon.errors import ReeldropError
from daemon.jobs import files, prices, record, schema
from daemon.jobs.model import Job, Recipe, Source
from daemon.jobs.prices import Estimate
from daemon.jobs.states import State
from daemon.jobs.store import Store
from daemon.pipeline import orders
from daemon.pipeline.beside import by_its_own_rules
from daemon.pipeline.recipes import recipe_of
from daemon.rules import company
from daemon.rules.identity import instructions_key
from daemon.rules.match import RuleBook


@dataclass(frozen=True, slots=True)
class Anew:
    """A delivered job that can be done once more, where its source stands, and about what that costs."""

    job: Job
    source: Path
    price: Estimate


def of_file(store: Store, path: Path) -> list[Job]:
    """The delivered jobs that a file is the source or the result of, one for each rule. Raises ReeldropError."""
    made = store.read(lambda connection: _made(connection, path))
    if made is not None:
        return [made]
    try:
        content = folder.hash_file(path)
    except OSError:
        found = store.read(lambda connection: record.list_jobs(connection, source=path))
    else:
        found = store.read(lambda connection: _with_content(connection, content))
    if not found:
        raise ReeldropError("", f"{path}: no job of this file is known", "Name a source or a result.")
    delivered = _newest(job for job in found if job.state is State.SUCCEEDED)
    if not delivered:
        job = found[0]
        why = f"its job {job.id} is {job.state} and was not delivered"
        raise ReeldropError("", f"{path}: {why}", f"`reeldrop retry {job.id}` goes on with it.")
    return delivered


def of_rule(store: Store, rule: str, since: float) -> list[Job]:
    """What a rule has delivered since a time, oldest first; each content once."""
    found = store.read(lambda connection: record.list_jobs(connection, states=[State.SUCCEEDED], rule=rule))
    return _newest(job for job in found if job.updated_at >= since)[::-1]


def look(store: Store, config: Config, job: Job, named: Path | None = None) -> Anew:
    """Where the job's source stands now, if need be where a person `named` it.

    Raises ReeldropError where it stands nowhere, or is being edited once more already.
    """
    known = store.read(lambda connection: files.with_contents(connection, [job.source.content]))
    named_too = [] if named is None else [named]
    for path in dict.fromkeys([job.source.path, *(file.path for file in known), *named_too]):
        if _holds(path, job.source):
            recipe, key = anew(config, job, path, job.id, job.created_at)
            store.read(partial(orders.must_not_be_under_way, job=job, key=key))
            again = replace(job, recipe=recipe)
            return Anew(job, path, store.read(partial(prices.estimate_job, job=again)))
    why = "holds something else by now" if os.path.lexists(job.source.path) else "is gone"
    raise ReeldropError(
        f"job {job.id}", f"{job.source.path} {why}", "Drop the file anew, or name it where it lies now."
    )


def anew(config: Config, job: Job, path: Path, job_id: str, now: float) -> tuple[Recipe, str]:
    """The recipe of the new job and its key: by its rule as that stands now, by its own where no rule takes it so."""
    matches = RuleBook(config.rules).matches(path)
    found = next((match for match in matches if match.rule.name == job.rule), None)
    if found is None:
        return job.recipe, job.key
    match = company.as_taken(found, is_folder=job.recipe.is_folder)
    if not match.is_folder:
        match = by_its_own_rules(match, path)
    sent = [one.content for one in job.source.companions if one.sent]
    return recipe_of(match, job_id, config.api.language, now), instructions_key(match.rule, sent)


def source_at(job: Job, path: Path) -> Source:
    """The job's source where it stands now; that it is still the same content, the upload makes sure of."""
    try:
        found = path.stat()
    except OSError as error:
        raise ReeldropError(f"job {job.id}", f"{path} cannot be read ({error.strerror})") from None
    stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return Source(path, *stat, job.source.content, job.source.companions)


def _made(connection: Connection, path: Path) -> Job | None:
    """The job that put this result here."""
    table = schema.deliveries
    found = connection.execute(
        select(table.c.job).where(table.c.media == path).order_by(table.c.id.desc()).limit(1)
    ).scalar()
    return None if found is None else record.get_job(connection, str(found))


def _with_content(connection: Connection, content: str) -> list[Job]:
    found = connection.execute(
        select(schema.jobs.c.id)
        .where(schema.jobs.c.content == content)
        .order_by(schema.jobs.c.created_at.desc())
    ).scalars()
    return [job for job in (record.get_job(connection, str(one)) for one in found) if job is not None]


def _newest(jobs: Iterable[Job]) -> list[Job]:
    """One job for each content and instructions: the first of them, which is the newest."""
    chosen: dict[tuple[str, str], Job] = {}
    for job in jobs:
        chosen.setdefault((job.source.content, job.key), job)
    return list(chosen.values())


def _holds(path: Path, source: Source) -> bool:
    """Whether a file is still what was edited: by device, inode, size and mtime, or else by its content."""
    try:
        found = path.stat()
        if found.st_size != source.size:
            return False
        known = (source.path, source.device, source.inode, source.mtime_ns)
        if known == (path, found.st_dev, found.st_ino, found.st_mtime_ns):
            return True
        return folder.hash_file(path) == source.content
    except OSError:
        return False
