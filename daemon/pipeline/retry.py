"""What an error means for its job: a decision, computed here and then persisted. Pure.

An outage, a rate limit and a full disk use up no attempt; only the job's own failures do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from daemon import errors
from daemon.jobs.model import Job
from daemon.nemo.gate import RATE_WAIT

WIRE_WAITS: Final = (0.5, 1.0, 2.0, 4.0)
"""Seconds between tries of one request that may be repeated. Never used for a paid one."""
_FOLDER_WAIT: Final = 60.0
_PLAN_WAIT: Final = 3600.0
"""What the plan forbids is refused for free; nothing else tells that the plan has changed."""


@dataclass(frozen=True, slots=True)
class Park:
    """Wait until `at`, then go on; `attempt` is what the job counts then."""

    at: float
    reason: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait for a person or a condition; with `at`, look again by itself then."""

    reason: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    reason: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The daemon ends; the next one goes on where the job is."""


Decision = Park | Hold | Fail | Cancel | Leave


def decide(
    error: errors.ReeldropError, job: Job, *, sent: bool, outage: float | None, now: float, jitter: float
) -> Decision:
    """What to do with a job whose step failed.

    `sent`: an instruction of it may have been paid. `outage`: None where the service answers a free probe,
    else the seconds until the account's gate opens again. `jitter`: 0..1, spreads the waits of many jobs.
    """
    match error:
        case errors.SourceGone() if not sent:
            return Cancel(error.reason)
        case errors.SourceError():
            return Hold(error.reason, now + _FOLDER_WAIT)
        case errors.SessionGone() if sent:
            return Hold(
                "maybe-paid: the service lost the session after an instruction was sent, so a new one would pay "
                f"again. `reeldrop retry {job.id} --resend` does that"
            )
        case errors.TokenRefused() | errors.Forbidden():
            return Hold(f"token: {error}")
        case errors.ExportBlocked() if error.status:
            # Whom the service itself refused asks again for all; the others were not even let try.
            return Hold(error.reason, now + _PLAN_WAIT)
        case errors.OutOfCredits() | errors.ExportBlocked():
            return Hold(error.reason)
        case errors.RateLimited():
            wait = error.retry_after if error.retry_after is not None else RATE_WAIT
            return Park(now + wait, f"gate: {error}", job.attempt)
        case errors.DeliveryError():
            return Hold(error.reason, now + _FOLDER_WAIT)
        case errors.Unreachable() | errors.Unanswered() if outage is not None:
            return Park(now + outage, f"gate: {error}", job.attempt)
    if isinstance(error, errors.RenderError) and job.made_by == "embedded":
        # The studio on this machine renders the same draft the same way every time.
        return Fail(error.reason)
    if error.retryable:
        return _own_failure(error, job, now, jitter)
    return Fail(error.reason)


def backoff(attempt: int, first: float, longest: float, jitter: float) -> float:
    """Seconds before attempt + 1: doubling from `first` to `longest`, up to a quarter more by `jitter` (0..1)."""
    return min(longest, first * 2.0 ** min(attempt - 1, 32)) * (1 + 0.25 * jitter)


def _own_failure(error: errors.ReeldropError, job: Job, now: float, jitter: float) -> Decision:
    if job.attempt >= job.recipe.attempts:
        return Fail(f"{error.reason} (attempt {job.attempt} of {job.recipe.attempts})")
    wait = backoff(job.attempt, job.recipe.first, job.recipe.longest, jitter)
    return Park(now + wait, f"retry: {error}", job.attempt + 1)
