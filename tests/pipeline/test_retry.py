"""What an error means for its job."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import errors
from daemon.jobs.model import Job
from daemon.pipeline.retry import Cancel, Decision, Fail, Hold, Park, backoff, decide

MakeJob = Callable[..., Job]


def _decide(
    error: errors.ReeldropError, job: Job, *, sent: bool = False, outage: float | None = None
) -> Decision:
    return decide(error, job, sent=sent, outage=outage, now=1000.0, jitter=0.0)


def test_an_outage_or_a_rate_limit_uses_up_no_attempt(make_job: MakeJob) -> None:
    job = make_job(attempt=3)
    for error, outage, at in (
        (errors.Unanswered("x", "no answer"), 10.0, 1010.0),
        (errors.Unreachable("x", "refused"), 40.0, 1040.0),
        (errors.GateShut("x", "rests", retry_after=5.0), None, 1005.0),
        (errors.RateLimited("x", "slow down", retry_after=7.0), None, 1007.0),
        (errors.RateLimited("x", "slow down"), None, 1030.0),
    ):
        decision = _decide(error, job, outage=outage)
        assert isinstance(decision, Park)
        assert (decision.at, decision.attempt) == (at, 3)
        assert decision.reason.startswith("gate: ")


def test_a_failure_of_its_own_is_tried_again_until_the_attempts_are_used_up(make_job: MakeJob) -> None:
    error = errors.RenderError("render", "broke")
    again = _decide(error, make_job(attempt=2, by="service"))
    assert isinstance(again, Park)
    assert (again.at, again.attempt) == (1020.0, 3)
    last = _decide(error, make_job(attempt=5, by="service"))
    assert isinstance(last, Fail)
    assert "attempt 5 of 5" in last.reason


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.TokenRefused("x", "bad"), "token"),
        (errors.Forbidden("x", "scope"), "token"),
        (errors.OutOfCredits("x", "none"), "credits"),
        (errors.ExportBlocked("x", "plan"), "subscription"),
        (errors.DeliveryError("x", "full"), "output"),
    ],
)
def test_what_a_person_or_a_condition_must_mend_is_held(
    error: errors.ReeldropError, code: str, make_job: MakeJob
) -> None:
    decision = _decide(error, make_job())
    assert isinstance(decision, Hold)
    assert decision.reason.partition(":")[0] == code


def test_one_whom_the_plan_refused_asks_again_and_those_who_were_not_let_try_wait_for_it(
    make_job: MakeJob,
) -> None:
    told = _decide(errors.ExportBlocked("submit the render", "free plan", status=402), make_job())
    assert isinstance(told, Hold) and told.at == 1000.0 + 3600.0
    kept_back = _decide(errors.ExportBlocked("", "free plan"), make_job())
    assert isinstance(kept_back, Hold) and kept_back.at is None


def test_a_session_lost_after_an_instruction_was_sent_is_never_done_anew_by_itself(make_job: MakeJob) -> None:
    gone = errors.SessionGone("x", "gone")
    lost = _decide(gone, make_job(), sent=True)
    assert isinstance(lost, Hold) and lost.reason.startswith("maybe-paid")
    assert isinstance(_decide(gone, make_job(), sent=False), Park)


def test_a_source_that_went_before_anything_was_paid_cancels_the_job(make_job: MakeJob) -> None:
    assert isinstance(_decide(errors.SourceGone("", "removed"), make_job()), Cancel)
    assert isinstance(_decide(errors.SourceGone("", "removed"), make_job(), sent=True), Hold)


def test_what_the_editor_could_not_do_fails_at_once(make_job: MakeJob) -> None:
    deaf = [errors.RenderError("render", "no font"), errors.EditError("", "no")]
    for error in (*deaf, errors.FileRefused("x", "exe"), errors.Refused("x", "no")):
        assert isinstance(_decide(error, make_job()), Fail)


@given(
    attempt=st.integers(1, 1000),
    first=st.floats(0.1, 60),
    longest=st.floats(60, 3600),
    jitter=st.floats(0, 1),
)
def test_waits_grow_and_stay_below_the_longest_and_a_quarter(
    attempt: int, first: float, longest: float, jitter: float
) -> None:
    wait = backoff(attempt, first, longest, jitter)
    assert first <= wait <= longest * 1.25
    assert backoff(attempt + 1, first, longest, 0.0) >= backoff(attempt, first, longest, 0.0)
