"""`retry`: what a person's word changes in the record. Functions over a connection, for whoever may write."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from daemon.errors import UsageError
from daemon.jobs import record
from daemon.jobs.model import Job, Outcome, Step
from daemon.jobs.states import Move, State

_IN_SESSION = (Step.SESSION, Step.UPLOAD, Step.EDIT, Step.CONFIRM, Step.RENDER, Step.DOWNLOAD)


def retry(connection: Connection, prefix: str, *, resend: bool, now: float) -> Job:
    """Queues a job again. Steps that have a result keep it; `resend` alone sends an instruction a second time.

    Raises UsageError for a job that is not there, is running or queued, or has succeeded.
    """
    job = record.find_job(connection, prefix)
    if job.state in (State.QUEUED, State.RUNNING, State.SUCCEEDED):
        raise UsageError(f"job {job.id}", f"is {job.state}, there is nothing to retry")
    if resend:
        _unsend(connection, job, now)
    recipe = job.recipe
    if job.reason_code == "duplicate":
        recipe = replace(recipe, again="redo")
    record.note(connection, job.id, "retry --resend" if resend else "retry", now)
    record.set_recipe(connection, job, recipe)
    return record.move(connection, job, Move.RETRY, now=now, attempt=1)


def _unsend(connection: Connection, job: Job, now: float) -> None:
    """Forgets the instructions that were sent and are not confirmed; in a lost session, all of them."""
    if job.session_id is None:
        record.void_steps(connection, job, _IN_SESSION, now)
        return
    steps = record.steps_of(connection, job.id)
    confirmed = {step.index for step in steps if (step.step, step.outcome) == (Step.CONFIRM, Outcome.DONE)}
    for step in steps:
        if step.step in (Step.EDIT, Step.CONFIRM) and step.index not in confirmed:
            record.close_step(connection, step, Outcome.VOID, step.result, now)
