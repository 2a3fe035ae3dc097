"""What waits for a person's word follows the rules as they are now: what is approved is what the rule says today."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from daemon.jobs import approvals, record
from daemon.jobs.model import Job, Recipe
from daemon.jobs.prices import Prices
from daemon.jobs.states import State
from daemon.media.types import kind_of
from daemon.pipeline.intake import recipe_of
from daemon.rules.identity import instructions_key
from daemon.rules.match import Match, RuleBook


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
        return cls(match.rule.name, instructions_key(match.rule), match.rule.priority, recipe)


def renew(connection: Connection, book: RuleBook, language: str, now: float) -> None:
    """Renews what waits for approval with nothing sent. What no rule takes stays as it is.

    Whoever reads what thousands of held clips would be edited to, and mends the rule, approves the mended one.
    """
    prices = Prices(connection)
    for job in record.list_jobs(connection, states=[State.HELD]):
        match = book.match(job.source.path) if job.reason_code == approvals.CODE else None
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
