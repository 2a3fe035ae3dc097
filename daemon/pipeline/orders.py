"""What a person's word changes in the record. Functions over a connection, for whoever may write.

An order goes to one job. It says what it did, or raises a ReeldropError that says why it could not; it answers
Busy for a job that a slot must let go of first. What was sent stays on record whatever is ordered: a job that
goes on later goes on from there, and only `resend` and `redo` send an instruction a second time.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from daemon.errors import ReeldropError
from daemon.jobs import record
from daemon.jobs.model import Job, Outcome, Recipe, Source, Step, StepRecord
from daemon.jobs.states import FINISHED, UNFINISHED, Move, State
from daemon.pipeline import plan

_IN_SESSION: Final = (Step.SESSION, Step.UPLOAD, Step.EDIT, Step.CONFIRM, Step.RENDER, Step.DOWNLOAD)
_CONDITIONS: Final = ("credits", "subscription", "token")
"""What a held job may be held for and yet go on without a person's word, though it names no time."""
_DOING: Final = {
    Step.SESSION: "opens its session",
    Step.UPLOAD: "is uploaded",
    Step.EDIT: "is edited",
    Step.DOWNLOAD: "is downloaded",
}


@dataclass(frozen=True, slots=True)
class Done:
    """An order that was carried out: the job as it is now, and what happened, for a person.

    `render`: one that the editor works on and nobody waits for any more.
    """

    job: Job
    said: str
    render: str | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """A slot works on the job: it must be taken off it, and the order given again."""

    job: Job


Order = Callable[[Connection, Job, float], Done | Busy]


def carry_out(
    connection: Connection, order: Order, prefixes: Iterable[str], now: float
) -> list[Done | Busy | ReeldropError]:
    """Gives the order to each job whose id begins so; what could not be done is in its place in the answer."""
    answers: list[Done | Busy | ReeldropError] = []
    for prefix in prefixes:
        try:
            answers.append(order(connection, record.find_job(connection, prefix), now))
        except ReeldropError as error:
            answers.append(error)
    return answers


def chosen(connection: Connection, name: str, rule: str | None) -> list[str]:
    """The ids of the jobs, oldest first, that an order concerns: of one rule, or (None) of all."""
    found = record.list_jobs(connection, states=UNFINISHED, rule=rule)
    return [job.id for job in reversed(found) if _CONCERNS[name](job)]


def retry(connection: Connection, job: Job, now: float, *, resend: bool = False) -> Done:
    """Queues a job again. Steps that have a result keep it; `resend` alone sends an instruction a second time."""
    if job.state is State.SUCCEEDED:
        raise _impossible(job, "was delivered", f"`reeldrop redo {job.id}` edits it once more.")
    if job.state in (State.QUEUED, State.RUNNING):
        raise _impossible(job, f"is {job.state} already")
    steps = record.steps_of(connection, job.id)
    if resend:
        _unsend(connection, job, steps, now)
    recipe = replace(job.recipe, again="redo") if job.reason_code == "duplicate" else job.recipe
    record.note(connection, job.id, "retry --resend" if resend else "retry", now)
    record.set_recipe(connection, job, recipe)
    queued = record.move(connection, job, Move.RETRY, now=now, attempt=1, asked=True)
    return Done(queued, _retried(job, steps, resend))


def resends(job: Job, steps: Sequence[StepRecord]) -> bool:
    """Whether `retry --resend` of this job would send a message again that may have been paid for."""
    sent = [step for step in steps if step.step is Step.EDIT and _is_unconfirmed(step, steps)]
    lost = job.session_id is None and plan.was_sent(steps)
    return job.made_by == "service" and (lost or bool(sent))


def cancel(connection: Connection, job: Job, now: float) -> Done | Busy:
    """The job will not be done. Its source stays, and what was sent stays on record."""
    if job.state in FINISHED:
        then = f" as {', '.join(map(str, job.outputs))}" if job.state is State.SUCCEEDED else ""
        raise _impossible(job, f"has ended already: {job.state}{then}")
    if job.state is State.RUNNING:
        return Busy(job)
    steps = record.steps_of(connection, job.id)
    render = next((step for step in steps if step.step is Step.RENDER and step.outcome is None), None)
    if render is not None:
        record.close_step(connection, render, Outcome.VOID, render.result, now)
    record.note(connection, job.id, "cancelled by a person", now)
    reason = f"user: cancelled. `reeldrop retry {job.id}` takes it up where it was"
    cancelled = record.move(connection, job, Move.CANCEL, now=now, reason=reason)
    return Done(
        cancelled, f"cancelled{_kept(job, steps)}", str(render.intent["render_id"]) if render else None
    )


def hold(connection: Connection, job: Job, now: float) -> Done | Busy:
    """The job waits until `resume`: at once, or where something is on the wire, once that is through."""
    if job.state in FINISHED:
        raise _impossible(job, f"has ended already: {job.state}")
    if job.state is State.RUNNING and job.step is Step.DELIVER:
        raise _impossible(job, "is being delivered")
    if job.state is State.HELD and not _goes_on_by_itself(job):
        return Done(job, f"is held already: {job.reason}")
    reason = f"user: held by `reeldrop hold`. `reeldrop resume {job.id}` lets it go on"
    if job.state is not State.RUNNING:
        record.note(connection, job.id, "held by a person", now)
        return Done(
            record.move(connection, job, Move.HOLD, now=now, reason=reason), "held until it is resumed"
        )
    if job.step not in _DOING:
        return Busy(job)
    marked = record.set_job(connection, job, now=now, reason=reason)
    return Done(marked, f"{_DOING[job.step]} now, and is held as soon as that is through")


def held_with(rule: str) -> str:
    """The reason of what is dropped for a rule while it is held."""
    return f"user: its rule is held. `reeldrop resume --rule {shlex.quote(rule)}` lets it go on"


def resume(connection: Connection, job: Job, now: float) -> Done:
    """Takes a person's `hold` back."""
    if not _is_held_by_user(job):
        if job.state is not State.HELD:
            raise _impossible(job, f"is not held: {job.state}")
        way = "approve" if job.reason_code == "approval" else "retry"
        raise _impossible(
            job, f"is held otherwise: {job.reason}", f"`reeldrop {way} {job.id}` if it is to go on."
        )
    record.note(connection, job.id, "resumed by a person", now)
    if job.state is State.RUNNING:
        return Done(record.set_job(connection, job, now=now, reason=None), "goes on")
    return Done(record.move(connection, job, Move.RETRY, now=now), "queued again")


def approve(connection: Connection, job: Job, now: float) -> Done:
    """A job that may cost more than a person has allowed beforehand is done.

    Its content is edited once: older jobs of it that wait for the same word go first, and it is served from them.
    """
    _must_wait_for_approval(job)
    for twin in record.jobs_for(connection, job.source.content, job.key):
        if _waits_for_approval(twin) and (twin.created_at, twin.id) < (job.created_at, job.id):
            record.note(connection, twin.id, f"approved with job {job.id}, of the same content", now)
            record.move(connection, twin, Move.RETRY, now=now, asked=True)
    record.note(connection, job.id, "approved by a person", now)
    return Done(record.move(connection, job, Move.RETRY, now=now, asked=True), "approved and queued")


def ignore(connection: Connection, job: Job, now: float) -> Done:
    """A job that waits for approval is not done, and the file is not asked about again."""
    _must_wait_for_approval(job)
    record.note(connection, job.id, "ignored by a person", now)
    reason = f"approval: ignored. `reeldrop retry {job.id}` edits it after all"
    return Done(
        record.move(connection, job, Move.CANCEL, now=now, reason=reason), "ignored; it is not asked again"
    )


def redo(
    connection: Connection, job: Job, now: float, *, job_id: str, source: Source, recipe: Recipe, key: str
) -> Done:
    """A new job for content that was delivered; its result stands beside the earlier one."""
    if job.state is not State.SUCCEEDED:
        raise _impossible(
            job, f"is {job.state} and was not delivered", f"`reeldrop retry {job.id}` goes on with it."
        )
    must_not_be_under_way(connection, job, key)
    on_conflict = "rename" if recipe.on_conflict == "skip" else recipe.on_conflict
    again = Job(
        id=job_id,
        rule=job.rule,
        variant=job.variant,
        parent=job.id,
        source=source,
        recipe=replace(recipe, again="redo", on_conflict=on_conflict),
        key=key,
        priority=job.priority,
        asked=True,
        created_at=now,
        updated_at=now,
    )
    record.add_job(connection, again)
    record.note(connection, again.id, f"redo of job {job.id}: {source.path} ({source.size:,} bytes)", now)
    return Done(again, f"queued to be edited once more, after job {job.id}")


def must_not_be_under_way(connection: Connection, job: Job, key: str) -> None:
    """Raises ReeldropError where an unfinished job does the same to the same content: it would be paid twice."""
    for other in record.jobs_for(connection, job.source.content, key):
        if other.state in UNFINISHED:
            raise _impossible(job, f"is being edited once more already (job {other.id}: {other.state})")


ORDERS: Final[Mapping[str, Order]] = {
    "cancel": cancel,
    "hold": hold,
    "resume": resume,
    "approve": approve,
    "ignore": ignore,
}


def _unsend(connection: Connection, job: Job, steps: Sequence[StepRecord], now: float) -> None:
    """Forgets the instructions that were sent and are not confirmed; in a lost session, all of them."""
    if job.session_id is None:
        record.void_steps(connection, job, _IN_SESSION, now)
        return
    for step in steps:
        if _is_unconfirmed(step, steps):
            record.close_step(connection, step, Outcome.VOID, step.result, now)


def _is_unconfirmed(step: StepRecord, steps: Sequence[StepRecord]) -> bool:
    """Whether this is a message, or a look for its effect, of an instruction that is not known to be carried out."""
    if step.step not in (Step.EDIT, Step.CONFIRM) or step.outcome in (Outcome.VOID, Outcome.REFUSED):
        return False
    return plan.done(steps, Step.CONFIRM, step.index) is None


def _is_unknown(steps: Iterable[StepRecord]) -> bool:
    return any(step.step is Step.EDIT and step.outcome is None for step in steps)


def _retried(job: Job, steps: Sequence[StepRecord], resend: bool) -> str:
    if resend and plan.was_sent(steps):
        return "queued again; what was sent and not confirmed is sent a second time"
    if job.reason_code == "maybe-paid" or _is_unknown(steps):
        paying = ", which may pay twice" if job.made_by == "service" else ""
        return f"looks again whether its instruction was carried out; that is sent again only with --resend{paying}"
    return "queued again"


def _kept(job: Job, steps: Sequence[StepRecord]) -> str:
    """What of a cancelled job has been done, and may have been paid for, already."""
    if _is_unknown(steps):
        charging = " (and charge for it)" if job.made_by == "service" else ""
        return (
            f". Its instruction was with the editor already, which may carry it out all the same{charging}: "
            f"`reeldrop retry {job.id}` looks, and does not send it again"
        )
    if plan.was_sent(steps):
        return f"; what is edited already is kept, and `reeldrop retry {job.id}` goes on from there"
    return "; nothing had been sent to be edited"


def _goes_on_by_itself(job: Job) -> bool:
    """Whether a held job may be worked on before a person says so."""
    return job.not_before is not None or job.reason_code in _CONDITIONS


def _is_held_by_user(job: Job) -> bool:
    return job.reason_code == "user" and job.state in (State.HELD, State.RUNNING)


def _waits_for_approval(job: Job) -> bool:
    return job.state is State.HELD and job.reason_code == "approval"


def _must_wait_for_approval(job: Job) -> None:
    if not _waits_for_approval(job):
        why = f": {job.reason}" if job.reason else ""
        raise _impossible(job, f"does not wait for approval, it is {job.state}{why}")


def _can_be_held(job: Job) -> bool:
    return job.state is not State.HELD or _goes_on_by_itself(job)


_CONCERNS: Final[Mapping[str, Callable[[Job], bool]]] = {
    "cancel": lambda job: True,
    "hold": _can_be_held,
    "resume": _is_held_by_user,
    "approve": _waits_for_approval,
    "ignore": _waits_for_approval,
}


def _impossible(job: Job, why: str, hint: str = "") -> ReeldropError:
    return ReeldropError(f"job {job.id}", f"{job.source.path.name} {why}", hint)
