"""Times and sizes as people write them: `5s 2m 1h 1d 500ms`, `500MB`; parsed and said again. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_BYTES_BY_NAME: Final = {unit.lower(): factor for unit, factor in _BYTES.items()}

LONGEST: Final = 3650 * 86400.0
"""The longest time that is taken, in seconds (ten years): beyond it dates overflow."""

_NUMBER: Final = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_TIME_PART: Final = re.compile(rf"({_NUMBER})\s*(ms|min|[smhd])\s*", re.IGNORECASE)
_SIZE: Final = re.compile(rf"({_NUMBER})\s*([kmgt]?i?b)?", re.IGNORECASE)

TIME_PATTERN: Final = rf"^\s*({_NUMBER}|({_NUMBER}\s*(ms|min|[smhd])\s*)+)$"
"""What JSON Schema says of a time that is written as text."""

SIZE_PATTERN: Final = rf"^\s*{_NUMBER}\s*([kKmMgGtT]?[iI]?[bB])?\s*$"
"""What JSON Schema says of a size that is written as text."""

RANGE_PATTERN: Final = r"^none$|^\s*[0-9][^.]*(\.[0-9]+[^.]*)?\.\.|^\s*\.\.\s*[0-9]"
"""What JSON Schema says of a range of either."""


def parse_time(text: str) -> float:
    """Seconds from `5s`, `2m`, `1h 30 min`, `500ms` or plain seconds (`300`, `0.5`).

    Raises ValueError for anything else, and beyond `LONGEST`.
    """
    said = text.strip()
    if re.fullmatch(_NUMBER, said):
        seconds = float(said)
    else:
        parts = list(_TIME_PART.finditer(said))
        if not parts or "".join(part.group() for part in parts) != said:
            raise ValueError(f"not a time: {text!r}")
        seconds = sum(float(part[1]) * _SECONDS[part[2].lower()] for part in parts)
    if seconds > LONGEST:
        raise ValueError(f"longer than ten years: {text!r}")
    return seconds


def format_time(seconds: float) -> str:
    """`5 s`, `2 min`, `1 h 30 min`, `2 d`; below a minute to the millisecond, else to the second.

    `parse_time` reads it back: exactly within that rounding.
    """
    if seconds < 1:
        whole = round(seconds * 1000)
        return f"{whole} ms" if 0 < whole < 1000 else f"{whole // 1000} s"
    if round(seconds, 3) < 60:
        return f"{round(seconds, 3):g} s"
    left = round(seconds)
    said = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            said.append(f"{count} {unit}")
    return " ".join(said)


def parse_size(text: str) -> int:
    """Bytes from `500MB`, `1.5 GB`, `64KiB` or plain bytes; kB, MB, GB are powers of 1000.

    Raises ValueError for anything else.
    """
    found = _SIZE.fullmatch(text.strip())
    unit = found and (found[2] or "B").lower()
    if not found or unit not in _BYTES_BY_NAME:
        raise ValueError(f"not a size: {text!r}")
    return round(float(found[1]) * _BYTES_BY_NAME[unit])


def parse_range(text: str, parse: Callable[[str], float]) -> tuple[float | None, float | None]:
    """`3s..`, `..2m`, `3s..2m` as (least, most), both inclusive, None where it is open; `parse` reads one end.

    Raises ValueError for anything else, and where least is above most.
    """
    least, dots, most = (part.strip() for part in text.partition(".."))
    if not dots or not (least or most):
        raise ValueError(f"not a range: {text!r}")
    low, high = parse(least) if least else None, parse(most) if most else None
    if low is not None and high is not None and low > high:
        raise ValueError(f"its least is above its most: {text!r}")
    return low, high


def format_size(size: int) -> str:
    """`512 B`, `1.5 MB`, `2 GB`: three significant digits, powers of 1000."""
    for unit in ("TB", "GB", "MB", "kB"):
        count = size / _BYTES[unit]
        if count >= 0.9995:
            return f"{count:.3g} {unit}" if count < 999.5 else f"{round(count)} {unit}"
    return f"{size} B"
