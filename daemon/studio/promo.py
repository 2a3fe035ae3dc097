"""A promo: from a script to a draft that holds all of it (pure).

The draft is an ordinary one: backdrops on the video track, titles on the text track, every length and colour in
it. It can be edited and rendered again.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import ceil
from typing import Final

from daemon.nemo.wire import TEXT_TRACK, VIDEO_TRACK, JsonObject
from daemon.studio.moving import PALETTES, STYLES
from daemon.studio.operations import Mood, Promo
from daemon.studio.pixels import even
from daemon.studio.script import Screen, load, screens
from daemon.studio.voice import FASTEST_WPM, RATE_WPM, spoken_words

FPS: Final = 30
SHORT_PX: Final = 1080

MOST_CHARACTERS: Final = 40_000
"""A script beyond this is a book: it would be read for 40 minutes and more."""

WORD_MS: Final = 353
"""170 words a minute: the middle of the 160 to 180 that the BBC's subtitle guidelines and Ofcom ask for."""

SETTLE_MS: Final = 900
"""What a screen needs besides: its words come in one after another and go out."""

SHORTEST_MS: Final = 800
"""No screen is shown for less; Netflix gives a subtitle 5/6 s at least."""

_SURE: Final = 1.1
"""What is left above the counted time at the fastest rate: sevens take a tenth longer than other digits."""

_COMFORTABLE_MS: Final = 1500
_HOLD_MS: Final = 800
"""The last screen stands a little longer: it says where to go."""

_SCENE_MS: Final = 6000
_CROSSFADE_MS: Final = 800
_VARIANTS: Final = 3
_MOODS: Final[dict[Mood, tuple[str, ...]]] = {
    "calm": ("ocean", "mint", "forest", "paper"),
    "upbeat": ("plum", "ember", "midnight"),
    "cinematic": ("midnight", "graphite", "ember"),
    "corporate": ("midnight", "graphite", "ocean"),
}


class NothingToShow(Exception):
    """The script has no words for the viewers."""


class TooMuch(Exception):
    """The script cannot be read in the length that was asked for.

    `needed` ms are the least it could be shown in, `comfortable` what it takes to read it.
    """

    def __init__(self, needed: int, comfortable: int) -> None:
        super().__init__(needed, comfortable)
        self.needed = needed
        self.comfortable = comfortable


def draft(promo: Promo) -> JsonObject:
    """The draft of a promo, of exactly the length asked for. Raises NothingToShow and TooMuch."""
    if len(promo.script) > MOST_CHARACTERS:
        comfortable = round(load(promo.script) * WORD_MS)
        raise TooMuch(comfortable // 2, comfortable)
    shown = screens(promo.script)
    if not shown:
        raise NothingToShow
    starts = [0, *accumulate(paced(shown, promo.length, narrated=promo.narrated))]
    look = zlib.crc32(promo.script.encode("utf-8", "replace"))
    style = list(STYLES)[look % len(STYLES)]
    names = _MOODS[promo.mood] if promo.mood else tuple(PALETTES)
    palette = names[look // len(STYLES) % len(names)]
    unit = SHORT_PX / min(promo.width, promo.height)
    canvas = {"width": even(promo.width * unit), "height": even(promo.height * unit), "fps": FPS}
    videos = _backdrops(shown, starts, style, palette, look)
    titles = [_title(one, *span, palette) for one, span in zip(shown, pairwise(starts), strict=True)]
    tracks = [{"tt": VIDEO_TRACK, "sg": videos}, {"tt": TEXT_TRACK, "sg": titles}]
    return {"d": starts[-1], "m": canvas, "t": tracks}


def paced(shown: Sequence[Screen], length: int | None, *, narrated: bool = False) -> list[int]:
    """How long each screen is shown, in ms: by reading time, stretched or pressed to `length` exactly; where it is
    `narrated`, never for less than it takes to say.

    Raises TooMuch where a screen would be shown for less than 0.8 s, half of its reading time, or the time of its
    narration at the fastest rate.
    """
    words = [spoken_words(one.text) if narrated else 0.0 for one in shown]
    reading = [
        max(_COMFORTABLE_MS, SETTLE_MS + round(one.load * WORD_MS), ceil(said * 60_000 / RATE_WPM))
        for one, said in zip(shown, words, strict=True)
    ]
    reading[-1] += _HOLD_MS
    whole = sum(reading)
    if length is None:
        return reading
    if length >= whole:
        return _steps([at * length // whole for at in accumulate(reading)])
    least = [
        max(SHORTEST_MS, one // 2, ceil(said * 60_000 * _SURE / FASTEST_WPM))
        for one, said in zip(reading, words, strict=True)
    ]
    if sum(least) > length:
        raise TooMuch(sum(least), whole)
    spare, more = length - sum(least), whole - sum(least)
    ends = zip(accumulate(least), accumulate(reading), strict=True)
    return _steps([low + (high - low) * spare // more for low, high in ends])


def _steps(ends: Sequence[int]) -> list[int]:
    return [end - start for start, end in pairwise([0, *ends])]


def _title(screen: Screen, start: int, end: int, palette: str) -> JsonObject:
    colours = PALETTES[palette]
    meta: JsonObject = {
        "title": screen.text,
        "text": screen.text,
        "start": start,
        "position": "center",
        "style": "kinetic",
        "role": screen.role,
        "colour": colours.ink,
        "accent": colours.accent,
    }
    if screen.stressed:
        meta["stressed"] = list(screen.stressed)
    return {"d": end - start, "m": meta}


def _backdrops(
    shown: Sequence[Screen], starts: Sequence[int], style: str, palette: str, look: int
) -> list[JsonObject]:
    """One backdrop for each scene, all of one style and palette; each melts into the next as titles change."""
    borders = _borders(shown, starts)
    segments: list[JsonObject] = []
    for number, (begin, end) in enumerate(pairwise(borders)):
        shared = min(_CROSSFADE_MS, (end - begin) // 2, begin - borders[number - 1]) if number else 0
        start = begin - shared
        meta: JsonObject = {
            "title": f"{style}, {palette}",
            "kind": "backdrop",
            "backdrop": style,
            "palette": palette,
            "seed": (look + number % _VARIANTS) % 100_000,
            "start": start,
            "from": 0,
            "speed": 1.0,
        }
        if shared:
            meta["crossfade"] = shared
        segments.append({"d": end - start, "m": meta})
    return segments


def _borders(shown: Sequence[Screen], starts: Sequence[int]) -> list[int]:
    """Where backdrops change: with the script's own scenes, and at a sentence after some seconds."""
    borders = [0]
    for before, (screen, start) in zip(shown, zip(shown[1:], starts[1:], strict=False), strict=False):
        long_enough = start - borders[-1] >= _SCENE_MS and screen.opens
        new = screen.scene != before.scene and start - borders[-1] >= _SCENE_MS // 2
        if (long_enough or new) and starts[-1] - start >= _SCENE_MS // 2:
            borders.append(start)
    return [*borders, starts[-1]]
