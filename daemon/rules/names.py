"""What a result is called and where below the output folder it goes. Pure: `now` is passed in."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePath
from typing import Final

from daemon.media.types import kind_of
from daemon.rules.match import Match

MAX_NAME_BYTES: Final = 255
"""The longest file name that Linux file systems take, in bytes."""

RESERVED_BYTES: Final = 48
"""Kept free for what delivery adds to a base name: a dot in front, "-999", ".FAILED.txt", a temporary ending."""

MAX_BASE_BYTES: Final = MAX_NAME_BYTES - RESERVED_BYTES

_TAIL_BYTES: Final = 32
_UNSAFE: Final = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_NAMELESS: Final = "clip"


def base_name(
    template: str, *, source: PurePath, rule: str, job: str, now: datetime, is_folder: bool = False
) -> str:
    """The result's name without its ending: `template` (`output_name`) filled in and made safe.

    {stem} and {name} are the source's file name without and with its ending, {parent} the folder it lies in,
    {date} 2026-03-01 and {time} 14-05-09 of `now`, in its own time zone. What no file name may hold becomes "_";
    dots and spaces go from the ends. At most MAX_BASE_BYTES: a longer name keeps its beginning and its end, with a
    digest between them so that two long names stay two. Never empty. Raises KeyError for another placeholder,
    which the rules file refuses.
    """
    filled: dict[str, Callable[[], str]] = {
        "stem": lambda: source.name if is_folder else _stem(source),
        "name": lambda: source.name,
        "rule": lambda: rule,
        "parent": lambda: source.parent.name,
        "date": lambda: f"{now:%Y-%m-%d}",
        "time": lambda: f"{now:%H-%M-%S}",
        "job": lambda: job,
    }
    said = _PLACEHOLDER.sub(lambda found: filled[found[1]](), template)
    return _fitting(_trimmed(_UNSAFE.sub("_", said))) or _NAMELESS


def relative_folder(match: Match) -> PurePath:
    """The folder below the output folder: the same one that the source has below its watch folder."""
    return PurePath(match.below.rpartition("/")[0])


def _stem(source: PurePath) -> str:
    """The name without the ending that says what it is: a list of links, `x.urls.txt`, has one of two parts."""
    stem = source.stem
    is_list = kind_of(source.name) == "link" and kind_of(f"x{source.suffix}") != "link"
    return PurePath(stem).stem if is_list else stem


def _trimmed(name: str) -> str:
    return name.lstrip(". ").rstrip(". ")


def _fitting(name: str) -> str:
    raw = os.fsencode(name)
    if len(raw) <= MAX_BASE_BYTES:
        return name
    digest = f"~{hashlib.sha256(raw).hexdigest()[:8]}~"
    head = raw[: MAX_BASE_BYTES - len(digest) - _TAIL_BYTES].decode(errors="ignore")
    return head + digest + _trimmed(raw[-_TAIL_BYTES:].decode(errors="ignore"))
