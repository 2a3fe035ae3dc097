"""Backdrops that move: soft pictures without an end, drawn small and enlarged by ffmpeg.

Only broad shapes are drawn, so a frame of 60 rows in 16 bits holds all there is to see: enlarging it is smooth
where a crop of a large still goes in whole pixels, and `scale` dithers on its way to 8 bits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from daemon.media.ffmpeg import source

PERIOD_S: Final = 24.0
"""After so long a backdrop begins anew, without a seam."""

_SHORT: Final = 60
"""Rows, or columns of a tall frame, that are drawn."""

_BRIGHTEST: Final = 0.15
"""The relative luminance that a dark backdrop stays below: white on it has a contrast of 5.2, above the 4.5 that
WCAG 2.2 asks for (1.4.3)."""

_DARKEST: Final = 0.45
"""The same for a light backdrop under dark letters."""

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_LUMA: Final = (0.2126, 0.7152, 0.0722)

Field = NDArray[np.floating[Any]]
Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours that go together: the ground, three that move over it, what is written on them, and a stress."""

    ground: str
    colours: tuple[str, str, str]
    ink: str
    accent: str

    @property
    def light(self) -> bool:
        return luminance(self.ground) > luminance(self.ink)


PALETTES: Final[Mapping[str, Palette]] = {
    "midnight": Palette("#070b1f", ("#1d2f8f", "#5136d6", "#0e86b8"), "#ffffff", "#4fd8ff"),
    "plum": Palette("#160824", ("#5a1a86", "#b0187a", "#32209c"), "#ffffff", "#ffc857"),
    "forest": Palette("#041a17", ("#0d5a49", "#1b8a6b", "#0f4f73"), "#ffffff", "#c8f169"),
    "ember": Palette("#1c0709", ("#8a1f2b", "#c2461f", "#5c1445"), "#ffffff", "#ffd166"),
    "ocean": Palette("#03161f", ("#07587a", "#0b8f8c", "#1b3f94"), "#ffffff", "#ffb27a"),
    "graphite": Palette("#0b0e13", ("#2b3a52", "#4a5f86", "#3b2f58"), "#ffffff", "#ffb703"),
    "paper": Palette("#f8f2e8", ("#ffd9b8", "#ffc2b3", "#f3e2a9"), "#231a14", "#c8391b"),
    "mint": Palette("#eef8f3", ("#b9e8d2", "#b5dcf7", "#d7efb0"), "#0c2a2b", "#00705f"),
}


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What is drawn: a name of STYLES, one of PALETTES, and a seed that varies the shapes. A name that is not
    known stands for one that the seed picks."""

    style: str
    palette: str
    seed: int

    @property
    def colours(self) -> Palette:
        return PALETTES.get(self.palette) or list(PALETTES.values())[self.seed % len(PALETTES)]


@dataclass(frozen=True, slots=True)
class Played:
    """What of a backdrop is played: `d_s` seconds from `from_s` of its loop on, `speed` times as fast."""

    d_s: float
    from_s: float = 0.0
    speed: float = 1.0


def drawn_size(width: int, height: int) -> tuple[int, int]:
    """Columns and rows that are drawn for a frame of this size."""
    scale = min(1.0, _SHORT / min(width, height))
    return max(2, round(width * scale)), max(2, round(height * scale))


def picture(backdrop: Backdrop, width: int, height: int, at_s: float) -> Field:
    """One drawn frame, `at_s` seconds into the loop: rows x columns x RGB in 0..1."""
    return _drawing(backdrop, width, height)(2 * math.pi * at_s / PERIOD_S)


def write(path: Path, backdrop: Backdrop, width: int, height: int, fps: float, played: Played) -> list[str]:
    """Draw what is played, one period at most, and return the ffmpeg input that plays it over and over."""
    columns, rows = drawn_size(width, height)
    draw = _drawing(backdrop, width, height)
    loop = max(1, round(PERIOD_S / played.speed * fps))
    with path.open("wb") as file:
        for number in range(min(loop, math.ceil(played.d_s * fps) + 1)):
            frame = draw(2 * math.pi * (number / loop + played.from_s / PERIOD_S))
            file.write((frame * 65535 + 0.5).astype("<u2").tobytes())
    size = ["-video_size", f"{columns}x{rows}", "-framerate", f"{fps:.6f}"]
    return ["-stream_loop", "-1", "-f", "rawvideo", "-pixel_format", "rgb48le", *size, "-i", source(path)]


def enlarged(width: int, height: int, matrix: str) -> str:
    """The filters from the drawn frames to the frame's own size, 8 bits and the range of TV."""
    return (
        f"scale={width}:{height}:flags=bicubic:out_color_matrix={matrix}:out_range=tv,format=yuv420p,setsar=1"
    )


def luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb`, 0 to 1, as WCAG 2.2 defines it."""
    shares = [one / 255 for one in rgb(colour)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return sum(weight * one for weight, one in zip(_LUMA, linear, strict=True))


def is_colour(text: str) -> bool:
    """Whether it is `#rrggbb`."""
    return _COLOUR.fullmatch(text) is not None


def rgb(colour: str) -> Rgb:
    """`#rrggbb` as numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


# --- drawing


@dataclass(frozen=True, slots=True)
class _Ground:
    """What every frame of one backdrop shares. `x` runs 0..aspect, `y` 0..1 downwards, measured in the frame's
    shorter side; `numbers` are the seed's own, 0..1."""

    x: Field
    y: Field
    wide: float
    tall: float
    ground: Field
    colours: tuple[Field, Field, Field]
    numbers: NDArray[np.float64]

    def number(self, row: int, column: int, low: float, high: float) -> float:
        return low + (high - low) * float(self.numbers[row, column])

    def turns(self, row: int, column: int) -> float:
        return self.number(row, column, 0, 2 * math.pi)


def _drawing(backdrop: Backdrop, width: int, height: int) -> Callable[[float], Field]:
    """A function from the loop's phase (radians) to the frame."""
    columns, rows = drawn_size(width, height)
    short = min(width, height)
    wide, tall = width / short, height / short
    palette = backdrop.colours
    x = (np.arange(columns, dtype=np.float32) + 0.5) / columns * wide
    y = (np.arange(rows, dtype=np.float32) + 0.5) / rows * tall
    ground = _Ground(
        x[None, :],
        y[:, None],
        wide,
        tall,
        _colour(palette.ground),
        (_colour(palette.colours[0]), _colour(palette.colours[1]), _colour(palette.colours[2])),
        np.random.default_rng(abs(backdrop.seed)).random((24, 8)),
    )
    style = STYLES.get(backdrop.style) or list(STYLES.values())[backdrop.seed % len(STYLES)]

    def draw(phase: float) -> Field:
        return _readable(style(ground, phase), light=palette.light)

    return draw


def _colour(colour: str) -> Field:
    return np.array(rgb(colour), np.float32) / 255


def _over(below: Field, colour: Field, share: Field | float) -> Field:
    cover = np.asarray(share, np.float32)[..., None]
    return below + (colour - below) * cover


def _blob(on: _Ground, row: int, phase: float, size: float, reach: float) -> Field:
    """A soft patch that circles about a place of its own: its share at every point."""
    about_x, about_y = on.number(row, 0, 0.1, 0.9) * on.wide, on.number(row, 1, 0.1, 0.9) * on.tall
    x = about_x + reach * on.wide * math.sin(phase + on.turns(row, 2))
    y = about_y + reach * on.tall * math.cos(phase + on.turns(row, 3))
    spread = size * (1 + 0.15 * math.sin(phase + on.turns(row, 4))) * max(on.wide, on.tall) ** 0.5
    shares: Field = np.exp(-((on.x - x) ** 2) / (2 * spread**2)) * np.exp(
        -((on.y - y) ** 2) / (2 * spread**2)
    )
    return shares


def _base(on: _Ground, phase: float) -> Field:
    """The ground, with a wide glow that wanders: no frame is of one colour."""
    start = np.broadcast_to(on.ground, (on.y.size, on.x.size, 3))
    return _over(start, on.colours[0], 0.55 * _blob(on, 20, phase, 0.5, 0.2))


def _mesh(on: _Ground, phase: float) -> Field:
    """Broad patches of colour that melt into one another."""
    frame = _base(on, phase)
    for row, (colour, share, size) in enumerate(
        ((0, 0.95, 0.42), (1, 0.9, 0.32), (2, 0.85, 0.3), (0, 0.7, 0.3), (1, 0.75, 0.22))
    ):
        frame = _over(frame, on.colours[colour], share * _blob(on, row, phase, size, 0.28))
    return frame


def _waves(on: _Ground, phase: float) -> Field:
    """Hills in layers, one before the other, that roll at different speeds."""
    frame = _base(on, phase)
    for row, colour in enumerate((2, 1, 0, 1, 0)):
        depth = row / 4
        height = on.tall * (0.34 + 0.56 * depth)
        along = on.x / on.wide * 2 * math.pi
        rise = 0.085 * np.sin(along * 0.8 + phase + on.turns(row, 0))
        rise = rise + 0.05 * np.sin(along * 1.7 - phase * (1 + row % 2) + on.turns(row, 1))
        below = (on.y - height - on.tall * rise) / (on.tall * 0.05)
        edge = 1 / (1 + np.exp(-np.clip(below * 2.2, -30, 30)))
        # Brightest at its crest: a hill falls off into the dark of the one before it.
        lit = edge * np.exp(-np.clip(below, 0, None) * (0.16 + 0.06 * depth))
        frame = _over(frame, on.ground, 0.35 * edge)
        frame = _over(frame, on.colours[colour], (0.92 - 0.25 * depth) * lit)
    return frame


def _aurora(on: _Ground, phase: float) -> Field:
    """Curtains of light that hang across the frame and sway."""
    frame = _base(on, phase)
    along = on.x / on.wide * 2 * math.pi
    for row, (colour, share) in enumerate(((2, 0.9), (1, 0.85), (0, 0.8))):
        sway = 0.13 * np.sin(along * 0.6 + phase + on.turns(row, 1))
        sway = sway + 0.05 * np.sin(along * 1.5 - phase + on.turns(row, 2))
        above = on.number(row, 0, 0.42, 0.8) + sway - on.y / on.tall
        light = np.where(above > 0, np.exp(-above / 0.3), np.exp(-(above**2) / (2 * 0.055**2)))
        folds = 0.72 + 0.28 * np.sin(along * on.number(row, 3, 2.0, 3.4) + 2 * phase + on.turns(row, 4))
        frame = _over(frame, on.colours[colour], share * light * folds)
    return frame


def _bokeh(on: _Ground, phase: float) -> Field:
    """Lights out of focus that rise and sway, over broad patches of colour."""
    frame = _base(on, phase)
    for row, (colour, share) in enumerate(((1, 0.6), (2, 0.55))):
        frame = _over(frame, on.colours[colour], share * _blob(on, row, phase, 0.34, 0.22))
    rise = phase / (2 * math.pi)
    for row in range(4, 18):
        size = on.number(row, 0, 0.05, 0.17)
        across = on.wide * on.number(row, 1, 0.0, 1.0) + 0.06 * math.sin(phase + on.turns(row, 2))
        place = (on.number(row, 3, 0.0, 1.0) - rise) % 1.0
        up = (on.tall + 2 * size) * place - size
        distance = np.sqrt((on.x - across) ** 2 + (on.y - up) ** 2) / size
        disc = 1 / (1 + np.exp(np.clip((distance - 1) * 14, -30, 30)))
        rim = 0.55 + 0.45 * np.clip(distance, 0, 1) ** 3
        frame = _over(frame, on.colours[row % 3] * 0.4 + 0.6, on.number(row, 4, 0.05, 0.16) * disc * rim)
    return frame


def _beams(on: _Ground, phase: float) -> Field:
    """Bands of light that lean across the frame and pass over one another."""
    frame = _base(on, phase)
    for row, colour in enumerate((0, 1, 2, 1, 0)):
        lean = on.number(row, 0, 0.45, 0.75)
        place = on.number(row, 1, 0.0, 1.0) + 0.16 * math.sin(phase + on.turns(row, 2))
        across = on.x / on.wide + lean * (on.y / on.tall - 0.5) - place
        width = on.number(row, 3, 0.1, 0.22) * (1 + 0.2 * math.sin(phase + on.turns(row, 4)))
        # One edge is sharp and the other soft: a fold, not a stripe.
        band = np.where(across > 0, np.exp(-across / width), np.exp(-(across**2) / (2 * 0.018**2)))
        frame = _over(frame, on.colours[colour], 0.8 * band)
    return frame


STYLES: Final[Mapping[str, Callable[[_Ground, float], Field]]] = {
    "mesh": _mesh,
    "waves": _waves,
    "aurora": _aurora,
    "bokeh": _bokeh,
    "beams": _beams,
}


def _readable(frame: Field, *, light: bool) -> Field:
    """Too bright a place is dimmed, under dark letters too dark a one is raised: what is written stays legible."""
    shares = np.clip(frame, 0, 1)
    # A power of 2.2 for WCAG's exact curve: within 0.01 of it at the luminances at stake.
    bright: Field = np.dot(shares**2.2, np.array(_LUMA, np.float32))
    if light:
        lack = np.clip((_DARKEST - bright) / np.maximum(1 - bright, 1e-3), 0, 1)[..., None]
        raised: Field = shares + (1 - shares) * lack
        return raised
    dimmed = bright / (1 + np.clip(bright, 0, None) ** 2 / _BRIGHTEST**2) ** 0.5
    kept: Field = (np.divide(dimmed, bright, out=np.ones_like(bright), where=bright > 1e-6) ** (1 / 2.2))[
        ..., None
    ]
    result: Field = shares * kept
    return result
