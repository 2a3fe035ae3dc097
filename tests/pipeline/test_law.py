"""The law of paid steps, as decisions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.nemo.answers import Balance, Look
from daemon.pipeline.law import (
    Before,
    GoOn,
    HoldMaybePaid,
    LookAgain,
    SendAgain,
    Uptime,
    Verdict,
    elapsed,
    judge_unknown,
    lost_after,
)

RECHECK = (30.0, 60.0, 60.0)
LIMIT = 900.0
BALANCE = Balance(90.0, 10.0, 100.0)
SAME = Look({}, "draft", "media", ())
BEFORE = Before.read(SAME, BALANCE)


def _judge(
    look: Look = SAME, balance: Balance = BALANCE, *, looks: int = 0, now: float = 0.0, alone: bool = True
) -> Verdict:
    return judge_unknown(
        BEFORE,
        look,
        balance,
        sent_ago=now,
        looks=looks,
        recheck=RECHECK,
        limit=LIMIT,
        alone=alone,
        now=now,
    )


def test_a_changed_draft_or_media_means_it_was_carried_out() -> None:
    assert _judge(Look({}, "other", "media", ())) == GoOn()
    assert _judge(Look({}, "draft", "other", ()), now=LIMIT + 1) == GoOn()


def test_it_looks_again_after_each_wait_and_then_holds_until_the_last_look() -> None:
    assert [_judge(looks=looks, now=10.0) for looks in range(3)] == [
        LookAgain(40.0),
        LookAgain(70.0),
        LookAgain(70.0),
    ]
    assert _judge(looks=3, now=10.0) == HoldMaybePaid(LIMIT)


def test_a_lost_message_of_the_embedded_studio_is_known_to_be_undone_sooner() -> None:
    assert lost_after("service", 900.0) == 900.0
    assert [lost_after("embedded", limit) for limit in (900.0, 5.0)] == [60.0, 5.0]


def test_it_sends_again_only_when_nothing_can_have_been_charged() -> None:
    assert _judge(looks=3, now=LIMIT) == SendAgain()
    assert _judge(looks=3, now=LIMIT, alone=False) == HoldMaybePaid(None)
    for balance in (Balance(50.0, 10.0, 60.0), Balance(90.0, 60.0, 150.0), Balance(40.0, 60.0, 100.0)):
        assert _judge(looks=3, balance=balance, now=LIMIT) == HoldMaybePaid(None)


def test_time_is_told_by_the_uptime_and_after_a_reboot_by_the_wall_clock() -> None:
    intent = {"sent_at": 1000.0, "uptime": {"boot": "one", "seconds": 50.0}}
    assert elapsed(intent, now=9999.0, uptime=Uptime("one", 57.0)) == 7.0
    assert elapsed(intent, now=1100.0, uptime=Uptime("two", 3.0)) == 100.0


def test_a_clock_that_jumped_ahead_does_not_stand_in_for_the_waits() -> None:
    assert _judge(looks=0, now=LIMIT * 10) == LookAgain(LIMIT * 10 + RECHECK[0])


@given(
    draft=st.sampled_from(["draft", "other"]),
    available=st.sampled_from([90.0, 40.0]),
    looks=st.integers(0, 6),
    now=st.floats(0.0, 2000.0),
    alone=st.booleans(),
)
def test_nothing_is_ever_sent_again_while_it_may_have_been_paid(
    draft: str, available: float, looks: int, now: float, alone: bool
) -> None:
    balance = Balance(available, 10.0, available + 10.0)
    verdict = _judge(Look({}, draft, "media", ()), balance, looks=looks, now=now, alone=alone)
    if verdict == SendAgain():
        assert (draft, available, alone) == ("draft", 90.0, True)
        assert now >= LIMIT and looks >= len(RECHECK)
    if draft == "other":
        assert verdict == GoOn()
