"""Whether a file lies within a rule's bounds (`where`). Pure: its size and its length are passed in."""

from __future__ import annotations

from collections.abc import Callable

from daemon.config.fields import Range
from daemon.config.model import Rule
from daemon.config.quantities import format_size, format_time


def asks_length(rule: Rule) -> bool:
    """Whether the rule must know how long a file lasts."""
    return rule.where.duration is not None


def left_out(rule: Rule, *, size: int, length: float | None) -> str | None:
    """Which bound of the rule leaves a file out, for a person; None where it lies within all of them.

    `size` in bytes; `length` in seconds, None for what has none. Of no rule that does not ask is it needed.
    """
    if rule.where.size is not None and not _within(rule.where.size, size):
        bounds = _shown(rule.where.size, lambda bound: format_size(round(bound)))
        return f"left out by where.size `{bounds}`: it has {format_size(size)}"
    if rule.where.duration is None or (length is not None and _within(rule.where.duration, length)):
        return None
    bounds = _shown(rule.where.duration, format_time)
    has = "it has no length" if length is None else f"it lasts {format_time(length)}"
    return f"left out by where.duration `{bounds}`: {has}"


def _within(bounds: Range, value: float) -> bool:
    least, most = bounds
    return (least is None or value >= least) and (most is None or value <= most)


def _shown(bounds: Range, say: Callable[[float], str]) -> str:
    least, most = ("" if bound is None else say(bound).replace(" ", "") for bound in bounds)
    return f"{least}..{most}"
