"""Waiting for another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

DEADLINE: Final = 60.0
"""Seconds after which what is waited for will not come."""


def until(condition: Callable[[], object]) -> None:
    """The pause is only how often it is asked."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
