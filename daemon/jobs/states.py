"""The states of a job, and every way from one to another.

A job is `queued` until a slot takes it and `running` while one works on it. It ends `succeeded`, `failed`
or `cancelled`. In between it may be `waiting` (a time will come: `not_before`) or `held` (a person or a
condition must come). Neither holds a slot. A held job may carry a `not_before` too: then it looks again by
itself, and stays held if nothing has changed.

Everything that changes a state is a move of the table below; nothing else in Reeldrop sets one.

    START     a slot takes the job
    SUCCEED   the last step has a result
    FAIL      its own fault, for good
    PARK      goes on by itself at `not_before`
    HOLD      goes on when a person says so or a condition is met; of a held job: for another reason
    CANCEL    will not be done; costs nothing
    RETRY     a person, or a new drop, wants it done after all
    RECOVER   a daemon that died left it running
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    HELD = "held"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Move(StrEnum):
    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    PARK = "park"
    HOLD = "hold"
    CANCEL = "cancel"
    RETRY = "retry"
    RECOVER = "recover"


class IllegalMove(Exception):
    """A move the table does not know, or of a job that has moved meanwhile."""


TABLE: Final[Mapping[State, Mapping[Move, State]]] = MappingProxyType(
    {
        State.QUEUED: {
            Move.START: State.RUNNING,
            Move.HOLD: State.HELD,
            Move.FAIL: State.FAILED,
            Move.CANCEL: State.CANCELLED,
        },
        State.RUNNING: {
            Move.SUCCEED: State.SUCCEEDED,
            Move.FAIL: State.FAILED,
            Move.PARK: State.WAITING,
            Move.HOLD: State.HELD,
            Move.CANCEL: State.CANCELLED,
            Move.RECOVER: State.QUEUED,
        },
        State.WAITING: {
            Move.START: State.RUNNING,
            Move.RETRY: State.QUEUED,
            Move.HOLD: State.HELD,
            Move.CANCEL: State.CANCELLED,
        },
        State.HELD: {
            Move.START: State.RUNNING,
            Move.RETRY: State.QUEUED,
            Move.HOLD: State.HELD,
            Move.CANCEL: State.CANCELLED,
        },
        State.FAILED: {Move.RETRY: State.QUEUED},
        State.CANCELLED: {Move.RETRY: State.QUEUED},
        State.SUCCEEDED: {},
    }
)

UNFINISHED: Final = frozenset({State.QUEUED, State.RUNNING, State.WAITING, State.HELD})
FINISHED: Final = frozenset(State) - UNFINISHED


def after(state: State, move: Move) -> State:
    """The state that `move` leads to from `state`; raises IllegalMove where the table has no such way."""
    try:
        return TABLE[state][move]
    except KeyError:
        raise IllegalMove(f"a {state} job cannot {move}") from None
