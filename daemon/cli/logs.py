"""The daemon's own log: structlog, a line an event, on stderr; journald puts its times to it."""

from __future__ import annotations

import os
import sys

import structlog


class _Stderr:
    """Whatever stderr is when a line comes: progress bars take it over for a while."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def set_up() -> None:
    """Words for people on a terminal, key=value elsewhere; no time stamp under systemd."""
    under_systemd = "JOURNAL_STREAM" in os.environ
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            *([] if under_systemd else [structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)]),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=on_terminal)
            if on_terminal
            else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=_Stderr()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
