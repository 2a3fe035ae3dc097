"""What all jobs of an account wait for, what a person is told, and when it is over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon import errors
from daemon.jobs.model import AccountRecord, Bar, Job
from daemon.nemo.answers import Balance
from daemon.pipeline.barring import Payer, advised, code_of, lifted, refusal

MakeJob = Callable[..., Job]
STRANGER = Payer(anonymous=True, user_id="anon_7", web="https://web")
CUSTOMER = Payer(anonymous=False, user_id="u1", web="https://web")


def test_only_what_concerns_the_whole_account_bars_it() -> None:
    assert code_of(errors.OutOfCredits("x", "none")) == "credits"
    assert code_of(errors.ExportBlocked("x", "plan")) == "subscription"
    assert code_of(errors.TokenRefused("x", "bad")) == "token"
    for error in (
        errors.FileRefused("x", "exe"),
        errors.Forbidden("x", "scope"),
        errors.RateLimited("x", "slow"),
    ):
        assert code_of(error) is None


@pytest.mark.parametrize("kind", [errors.OutOfCredits, errors.ExportBlocked])
def test_a_stranger_is_told_where_to_register_and_a_customer_what_to_pay(kind: type[errors.Refused]) -> None:
    error = kind("send", "no", status=200, api_code=2001)
    told = advised(error, STRANGER)
    assert "https://web/?bind=anon_7" in told.hint
    assert (type(told), told.cause, told.api_code) == (kind, "no", 2001)
    assert "bind" not in advised(error, CUSTOMER).hint
    assert "https://web" in advised(error, Payer(True, None, "https://web")).hint


def test_new_paid_steps_meet_the_reason_that_the_first_one_met(make_job: MakeJob) -> None:
    assert refusal(AccountRecord(id="a"), make_job()) is None
    met = refusal(AccountRecord(id="a", bars={"credits": Bar("send: none left. Top up")}), make_job())
    assert isinstance(met, errors.OutOfCredits)
    assert met.reason == "credits: send: none left. Top up"


def test_a_plan_is_tried_again_by_who_was_refused_or_asked_for_and_by_nobody_else(make_job: MakeJob) -> None:
    barred = AccountRecord(id="a", bars={"subscription": Bar("free plan")})
    assert isinstance(refusal(barred, make_job()), errors.ExportBlocked)
    assert refusal(barred, make_job(asked=True)) is None
    assert refusal(barred, make_job(reason="subscription: free plan")) is None
    poor = AccountRecord(id="a", bars={"credits": Bar("none left", 5.0)})
    assert refusal(poor, make_job(reason="credits: none left")) is not None
    assert refusal(poor, make_job(asked=True)) is None


def test_credits_count_as_back_only_when_there_are_more_than_did_not_suffice() -> None:
    account = AccountRecord(
        id="a", bars={"credits": Bar("x", 40.0), "token": Bar("x"), "subscription": Bar("x")}
    )
    assert lifted(account, Balance(40.0, 0.0, 40.0)) == {"token"}
    assert lifted(account, Balance(41.0, 0.0, 41.0)) == {"token", "credits"}
    assert lifted(AccountRecord(id="a", bars={"credits": Bar("x")}), Balance(0.0, 5.0, 5.0)) == frozenset()
    assert lifted(AccountRecord(id="a"), Balance(1.0, 0.0, 1.0)) == frozenset()
