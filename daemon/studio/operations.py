"""What an instruction can ask for, as values. Times are integer ms, positions and moods words of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Position = Literal["top", "center", "bottom"]
Absent = Literal["music", "text"]

CALM: Final = "calm"
BED_VOLUME: Final = 0.35
LOUDNESS: Final = -14.0
"""LUFS, what the large video sites play at."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the timeline in ms, counted as a slice is: negative from the end, `end` None to the end."""

    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Only these stretches stay."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """These stretches go."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class AddText:
    """Words over the picture."""

    text: str
    position: Position
    span: Span


@dataclass(frozen=True, slots=True)
class AddMusic:
    """A bed under the whole timeline. `volume` 0..1."""

    mood: str = CALM
    volume: float = BED_VOLUME


@dataclass(frozen=True, slots=True)
class Normalise:
    """The clips' own sound to one loudness, in LUFS."""

    loudness: float = LOUDNESS


@dataclass(frozen=True, slots=True)
class Speed:
    """How much faster than now: 2.0 is half as long."""

    factor: float


@dataclass(frozen=True, slots=True)
class Reshape:
    """Another aspect ratio, the free area filled with the blurred picture."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Without:
    """None of this is to be in the result; nothing to do where there is none."""

    what: Absent


Operation = Keep | Remove | AddText | AddMusic | Normalise | Speed | Reshape | Without
