"""Calls that may be repeated: a few quick tries on the wire before an error counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from daemon.errors import Unanswered, Unreachable
from daemon.pipeline.retry import WIRE_WAITS

T = TypeVar("T")


async def repeat(
    call: Callable[[], Awaitable[T]],
    sleep: Callable[[float], Awaitable[None]],
    *,
    instead: Callable[[], Awaitable[T | None]] | None = None,
) -> T:
    """The call's value, tried again after each of WIRE_WAITS. Not for paid messages.

    `instead` is asked before a try that follows an unanswered one: what it finds makes that try unnecessary.
    """
    for wait in WIRE_WAITS:
        try:
            return await call()
        except Unreachable:
            await sleep(wait)
        except Unanswered:
            await sleep(wait)
            if instead is not None and (found := await instead()) is not None:
                return found
    return await call()
