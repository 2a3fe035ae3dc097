"""What waits for a person's word follows the rules as they are now: what is approved is what the rule says today."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from daemon.errors import UsageError
from daemon.jobs import approvals, record
from daemon.jobs.model import Job, Recipe
from daemon.jobs.prices import Prices
from daemon.jobs.states import State
from daemon.media.ffmpeg import Ffmpeg
from daemon.media.types import kind_of
from daemon.pipeline.beside import by_its_own_rules
from daemon.pipeline.gathering import length_of
from daemon.pipeline.recipes import recipe_of
from daemon.rules import company
from daemon.rules.identity import instructions_key
from daemon.rules.match import Match, RuleBook
from daemon.rules.where import asks_length, left_out


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job would be made of that waits for approval."""

    rule: str
    key: str
    priority: int
    recipe: Recipe

    @classmethod
    def of(cls, job: Job) -> Asked:
        return cls(job.rule, job.key, job.priority, job.recipe)

    @classmethod
    def now(cls, job: Job, match: Match, language: str) -> Asked:
        """By today's rules; `{date}` and the like in the result's name stay those of the day it came."""
        recipe = recipe_of(match, job.id, language, job.created_at)
        sent = [one.content for one in job.source.companions if one.sent]
        return cls(match.rule.name, instructions_key(match.rule, sent), match.rule.priority, recipe)


def held(connection: Connection) -> list[Job]:
    """What waits for approval."""
    return [
        job for job in record.list_jobs(connection, states=[State.HELD]) if job.reason_code == approvals.CODE
    ]


def taken_today(jobs: Sequence[Job], book: RuleBook, ffmpeg: Callable[[], Ffmpeg]) -> dict[str, Match]:
    """Which rule takes each job's files now, by the job's id; left out are those that none takes. Blocks.

    What was taken together stays together, and what was taken alone stays alone. So do those whose own rules file
    is faulty, and those whose file is not there: nothing is known of them today.
    """
    found = {job.id: _taken(job, book, ffmpeg) for job in jobs}
    return {job: match for job, match in found.items() if match is not None}


def _taken(job: Job, book: RuleBook, ffmpeg: Callable[[], Ffmpeg]) -> Match | None:
    path = job.source.path
    if not os.path.lexists(path):
        return None
    match = _fitting(path, job.source.size, book, ffmpeg)
    if match is None or job.recipe.is_folder:
        whole = None if match is None else company.as_taken(match, is_folder=True)
        return whole if whole is not None and whole.is_folder else None
    try:
        return by_its_own_rules(match, path)
    except UsageError:
        return None


def _fitting(path: Path, size: int, book: RuleBook, ffmpeg: Callable[[], Ffmpeg]) -> Match | None:
    matches = list(book.matches(path))
    length = length_of(path, ffmpeg()) if any(asks_length(match.rule) for match in matches) else None
    return next((match for match in matches if left_out(match.rule, size=size, length=length) is None), None)


def renew(connection: Connection, matches: Mapping[str, Match], language: str, now: float) -> None:
    """Renews what waits for approval by what takes it today. The others stay as they are.

    Whoever reads what thousands of held clips would be edited to, and mends the rule, approves the mended one.
    """
    prices = Prices(connection)
    for job in held(connection):
        match = matches.get(job.id)
        if match is None:
            continue
        asked = Asked.now(job, match, language)
        cost = _estimate(connection, job, asked, prices)
        if (asked, cost) == (Asked.of(job), job.estimate) or record.steps_of(connection, job.id):
            continue
        if asked != Asked.of(job):
            record.release(connection, job.id)
            record.set_recipe(connection, job, asked.recipe)
            record.note(
                connection, job.id, "the rules have changed: it waits for approval as they are now", now
            )
        changes = {"rule": asked.rule, "key": asked.key, "priority": asked.priority, "estimate": cost}
        record.set_job(connection, job, now=now, **changes)


def _estimate(connection: Connection, job: Job, asked: Asked, prices: Prices) -> float:
    """In credits; nothing for what an earlier result serves."""
    served = job.estimate == 0.0
    if asked.key != job.key:
        served = bool(record.deliveries_of(connection, job.source.content, asked.key))
    if served and asked.recipe.again != "redo":
        return 0.0
    return prices.estimate(asked.rule, kind_of(job.source.path), asked.recipe).credits
