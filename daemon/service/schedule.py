"""What happens at set times. Timers only: the record stays the truth, and a missed time loses nothing."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Schedule:
    """Repeats things on the running event loop, between `start` and `stop`."""

    def __init__(self) -> None:
        # Its own lines say what it does, not what happened to anybody's file.
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        self._scheduler = AsyncIOScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def every(self, seconds: float, what: Callable[[], Awaitable[None]]) -> None:
        self._scheduler.add_job(what, "interval", seconds=seconds)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)
