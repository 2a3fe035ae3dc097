"""Subtitle files (SubRip and WebVTT) read as players read them: what can be made out is taken (pure)."""

from __future__ import annotations

import html
import re
from typing import Final

from daemon.studio.operations import Cue

_ARROW: Final = "-->"
_TIME: Final = re.compile(r"(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2})(?:[.,](\d{1,9}))?")
_COUNTER: Final = re.compile(r"\d{1,9}")
_NOTES: Final = ("NOTE", "STYLE", "REGION")
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_BREAK: Final = re.compile(r"<[bB][rR]\s?/?>|\\N")
_LINE: Final = re.compile(r"\r\n|\r|\n")


def cues(text: str) -> tuple[Cue, ...]:
    """The captions of a subtitle file, in the order of their starts.

    Counters, identifiers, settings, notes, styles and tags are left out; hours may be missing, and a blank
    line between two cues. A cue without words, or one that does not end after its start, is none. A text that is no
    subtitle file gives none.
    """
    found: list[Cue] = []
    span: tuple[int, int] | None = None
    words: list[str] = []
    noted = False
    for line in _LINE.split(text.removeprefix("\ufeff")):
        shown = line.strip()
        timing = None if noted or _ARROW not in shown else _timing(shown)
        if timing is not None:
            # Without a blank line before it, the next cue's counter looks like a word of this one.
            if words and _COUNTER.fullmatch(words[-1]):
                words.pop()
            found += _cue(span, words)
            span, words = timing, []
        elif not shown:
            found += _cue(span, words)
            span, words, noted = None, [], False
        elif span is not None:
            words.append(shown)
        elif shown.split(None, 1)[0] in _NOTES:
            noted = True
    found += _cue(span, words)
    return tuple(sorted(found, key=lambda cue: (cue.start, cue.end)))


def is_subtitles(text: str) -> bool:
    """Whether a text is a subtitle file that shows something."""
    return _ARROW in text and bool(cues(text))


def _timing(line: str) -> tuple[int, int] | None:
    before, _, after = line.partition(_ARROW)
    start, end = _ms(before.strip()), _ms((after.split(None, 1) or [""])[0])
    return None if start is None or end is None else (start, end)


def _ms(written: str) -> int | None:
    found = _TIME.fullmatch(written) if len(written) <= 24 and written.isascii() else None
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups("0")
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(f"{fraction:0<3}"[:3])


def _cue(span: tuple[int, int] | None, words: list[str]) -> list[Cue]:
    if span is None or span[0] >= span[1]:
        return []
    plain = html.unescape(_TAG.sub("", _BREAK.sub("\n", "\n".join(words))))
    lines = (" ".join(line.split()) for line in plain.splitlines())
    text = "\n".join(line for line in lines if line)
    return [Cue(*span, text)] if text else []
