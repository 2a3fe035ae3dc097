"""One gate for all jobs of an account: how it shuts, and how slowly it gives room back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import GateShut
from daemon.nemo.gate import LONGEST_WAIT, Gate, Pace, answered, failed, full_speed, refused

PACES = st.builds(
    Pace,
    full=st.just(16),
    room=st.floats(1, 16),
    refusals=st.integers(0, 100),
    shut_until=st.floats(0, 2000),
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def gate(jobs: int = 4) -> tuple[Gate, Clock]:
    clock = Clock()
    made = Gate(clock, lambda: 0.0)
    made.open(jobs)
    return made, clock


def test_a_refusal_shuts_the_gate_for_as_long_as_the_service_asked() -> None:
    shut, clock = gate()
    shut.check("ask")
    shut.refused(7.0)
    with pytest.raises(GateShut) as caught:
        shut.check("ask")
    assert caught.value.retry_after == 7.0
    assert caught.value.retryable
    assert shut.room == 0
    clock.now += 7.0
    shut.check("ask")
    assert shut.room == 2


def test_refusals_without_a_time_wait_longer_each_time_up_to_a_limit() -> None:
    pace, waits = full_speed(4), []
    for _ in range(8):
        now = pace.shut_until + 1
        pace = refused(pace, None, now, 0.0)
        waits.append(pace.shut_until - now)
    assert waits[:4] == [30.0, 60.0, 120.0, 240.0]
    assert waits[-1] == LONGEST_WAIT


def test_those_that_were_on_their_way_when_it_shut_shut_it_no_harder() -> None:
    shut, _ = gate(16)
    for _ in range(16):
        shut.refused(5.0)
    assert shut.pace.refusals == 1
    assert shut.pace.room == 8.0
    assert shut.shut_for == 5.0


def test_an_outage_lets_one_job_at_a_time_find_out_whether_it_is_over() -> None:
    shut, clock = gate(16)
    shut.failed(10.0)
    assert shut.shut_for == 10.0
    clock.now += 10.0
    assert shut.room == 1
    shut.failed(10.0)
    assert shut.shut_for == 20.0


def test_the_way_back_to_full_speed_takes_many_answers() -> None:
    pace, calls = failed(full_speed(4), 10.0, 0.0, 0.0), 0
    while pace.room < 4:
        pace, calls = answered(pace), calls + 1
    assert 50 <= calls <= 80
    assert answered(pace).refusals == 0


def test_a_gate_goes_on_as_it_was_left() -> None:
    shut, clock = gate()
    shut.open(4, room=1.5, refusals=3, shut_for=20.0)
    assert (shut.room, shut.shut_for) == (0, 20.0)
    clock.now += 20.0
    assert shut.room == 1
    shut.refused(None)
    assert shut.shut_for == 240.0


def test_whoever_keeps_it_hears_when_it_shuts() -> None:
    shut, _ = gate()
    heard: list[float] = []
    shut.changed = lambda: heard.append(shut.shut_for)
    shut.answered()
    shut.refused(3.0)
    assert heard == [3.0]


@given(
    pace=PACES, now=st.floats(0, 2000), jitter=st.floats(0, 1), retry_after=st.none() | st.floats(1, 86_400)
)
def test_it_never_opens_before_it_may_and_never_shuts_out_everybody(
    pace: Pace, now: float, jitter: float, retry_after: float | None
) -> None:
    for then in (refused(pace, retry_after, now, jitter), failed(pace, 10.0, now, jitter)):
        assert then.shut_until >= pace.shut_until
        assert 1 <= then.room <= pace.room
        assert then.shut_until - now <= max(86_400 * 1.1, LONGEST_WAIT * 1.25, pace.shut_until - now)
    if retry_after is not None:
        assert refused(pace, retry_after, now, jitter).shut_until >= now + retry_after
    assert pace.room <= answered(pace).room <= 16
