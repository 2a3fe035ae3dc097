"""The table of transitions."""

from __future__ import annotations

import pytest

from daemon.jobs.states import FINISHED, TABLE, UNFINISHED, IllegalMove, Move, State, after


def test_every_state_has_its_row() -> None:
    assert set(TABLE) == set(State)
    assert set(State) == FINISHED | UNFINISHED


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_a_move_goes_where_the_table_says_or_nowhere(state: State, move: Move) -> None:
    if move in TABLE[state]:
        assert after(state, move) is TABLE[state][move]
    else:
        with pytest.raises(IllegalMove):
            after(state, move)


def test_a_delivered_job_never_moves_again() -> None:
    assert not TABLE[State.SUCCEEDED]


def test_every_unfinished_job_can_be_cancelled() -> None:
    assert all(TABLE[state][Move.CANCEL] is State.CANCELLED for state in UNFINISHED)


def test_every_unfinished_job_can_be_held() -> None:
    assert all(TABLE[state][Move.HOLD] is State.HELD for state in UNFINISHED)


def test_every_state_can_be_reached_from_the_queue() -> None:
    reached = {State.QUEUED}
    while more := {target for state in reached for target in TABLE[state].values()} - reached:
        reached |= more
    assert reached == set(State)
