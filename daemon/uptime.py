"""How long the machine has been up."""

from __future__ import annotations

import time
from typing import Final

_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds since the machine was started, those counted in which it was suspended."""
    return time.clock_gettime(_BOOTTIME)
