"""What all families share: how a row is written, and the words that ask for nothing.

In a row {a} and {b} are times, {x} a factor, {p} a share, {r} a ratio, {l} a loudness, {q} a quote, {d} decibels,
{g} degrees, {z} a size in pixels, {c} a colour, {f} a file's name (measures.py puts marks in their place), and NP
is the clip: `the video`, `it`.
"""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.words import Said

_NP: Final = (
    r"(?:(?:the|my|this|that|these|those|our|your|its) )?(?:whole |entire |full |complete |original )?"
    r"(?:talking[ -]head |selfie )?"
    r"(?:video clip|video file|videos?|clips?|footage|movie|film|recording|vid|it|this"
    r"|timeline)(?![A-Za-z'])"
)
_MARKS: Final = {"a": "t", "b": "t", **{kind: kind for kind in "rxplqdgzcf"}}


class Unclear(Exception):
    """A clause of this family whose wish cannot be granted; carries the sentence that says why."""

    def __init__(self, name: str, **values: str | int | float) -> None:
        super().__init__(name)
        self.said = Said(name, values)


def row(source: str) -> re.Pattern[str]:
    """A row as a pattern: marks and NP put in, whole words only, case ignored."""
    for name, kind in _MARKS.items():
        source = source.replace(f"{{{name}}}", rf"<{kind}(?P<{name}>\d+)>")
    source = source.replace("NP", _NP)
    return re.compile(rf"(?<![A-Za-z'])(?:{source})(?![A-Za-z'])", re.IGNORECASE)


def without(text: str, found: re.Match[str]) -> str:
    """The text with a match taken out."""
    return f"{text[: found.start()].rstrip(' ')} {text[found.end() :].lstrip(' ')}".strip()


def take(text: str, *patterns: re.Pattern[str]) -> tuple[str, re.Match[str] | None]:
    """The text without the first match of the first pattern that is found in it, and the match."""
    for pattern in patterns:
        found = pattern.search(text)
        if found:
            return without(text, found), found
    return text, None


def rows(*sources: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(row, sources))


def whole(source: str) -> re.Pattern[str]:
    """A row that is the whole of a clause but for what is polite; for rows that hold words of the user's own.

    `{rest}` is such words.
    """
    source = source.replace("{rest}", r"(?P<rest>[^\n]{1,80}?)")
    return re.compile(rf"{_LEAD}(?:{row(source).pattern}){_TAIL}", re.IGNORECASE)


PLACE: Final = row(
    r"(?:(?:of|in|inside|from|on|onto|on top of|to|over|into|under|underneath|below|beneath|behind|for"
    r"|throughout|across|along with) )?NP"
)
_ONE: Final = (
    r" (?:<|clips?|videos?|parts?|half|shots?|scenes?|one|frames?|photos?|pictures?"
    r"|files?|second|third|few|two)"
)
"""After `first`: it is one of several, which is asked for, and not the first of the wishes."""

POLITE: Final = row(
    r"please|kindly|hi|hello|hey|thanks?(?: you)?(?: (?:so |very )?much| a lot)?|for me|for us"
    r"|(?:can|could|would|will) you|i(?:'d| would)? (?:want|like|need)(?: you)?(?: to)?"
    r"|we (?:want|need)(?: you)?(?: to)?|help me(?: to)?|let's|let us|go ahead|simply|just|only|now"
    r"|also|too|as well"
    rf"|then|and|firstly|next(?!{_ONE})|finally|lastly|first(?!{_ONE})|make sure(?: that| to)?|be sure to"
)
_LEAD: Final = (
    r"^[\s.,;:!?，。；：、]*(?:(?:please|kindly|hi|hello|hey|then|and|also|now|next|just|simply|first|finally"
    r"|(?:can|could|would|will) you(?: please)?|i(?:'d| would)? (?:want|like|need)(?: you)?(?: to)?"
    r"|help me(?: to)?|let's|make sure to)[\s,]+|请|麻烦你?|帮我|我想要?|我要|然后|再|把|将|给)*"
)
_TAIL: Final = (
    r"(?:[\s,]+(?:please|thanks|thank you|too|as well|for me|instead|now)|谢谢|吧"
    r"|一下)*[\s.,;:!?，。；：、！？…]*$"
)
_ARTICLE: Final = row(r"the|a|an|some|my|our|this|that|its")
_HAN: Final = re.compile(
    r"请|麻烦|帮我|帮忙|谢谢|一下|把|将|给|让|为|这个|那个|这段|那段|这条|我的|我们的|我想要|我想"
    r"|我要|我|可以|能不能|能|你"
    r"|视频|短片|片子|影片|素材|片段|整个|整段|里面|里|中|上|的|吧|吗|呢|来|都|也|在|一个|一段|一首"
    r"|一些|一条|一行|些|个"
)
FILLERS: Final = (POLITE, PLACE, _ARTICLE, _HAN)

_IDLE: Final = re.compile(r"[\s.,;:!?'()，。；：、！？…~&+-]*")


def used_up(text: str, *more: re.Pattern[str]) -> bool:
    """Whether nothing is left of a clause but fillers, punctuation, and words of `more`."""
    for filler in (*more, *FILLERS):
        text = filler.sub(" ", text)
    return _IDLE.fullmatch(text) is not None
