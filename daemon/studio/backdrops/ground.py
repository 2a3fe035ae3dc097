"""What lies far out: clouds and hills."""

from __future__ import annotations

from typing import Final

import numpy as np

from daemon.studio.backdrops.canvas import Canvas, Colour, Layer, Point

_FAR: Final = 0.012
_NEAR: Final = 0.016


def clouds(c: Canvas, sky: Layer, below: float, light: Colour, amount: float, stretch: float = 3.0) -> None:
    """Soft clouds, thinner towards the height `below`."""
    field = c.noise(0.28 * stretch, 0.28, 5)
    share = np.clip((field - np.float32(1 - amount)) * 2.6, 0, 1) * np.clip(
        (below - c.y) / np.float32(below), 0, 1
    )
    sky.blend(np.asarray(share * np.float32(0.85), np.float32), light)


def ridge(c: Canvas, level: float, high: float, rough: float, lift: float) -> list[Point]:
    """An outline of hills at `level`, up to `high` above it, higher by `lift` at the sides than in the middle."""
    steps = 220
    x = np.linspace(-0.2, c.w + 0.2, steps)
    y = np.zeros(steps)
    for octave in range(6):
        knots = c.chance.random(max(3, round((c.w + 0.4) * 1.6 * 2**octave)) + 1)
        y += np.interp(np.linspace(0, len(knots) - 1, steps), np.arange(len(knots)), knots) * rough**octave
    y = (y - y.min()) / (y.max() - y.min())
    side = np.clip(np.abs(x - c.w / 2) / (c.w / 2), 0, 1) ** 1.5
    top = level - high * (y * (0.45 + 0.55 * side) + lift * side)
    return [(float(a), float(b)) for a, b in zip(x, top, strict=True)]


def under(c: Canvas, outline: list[Point]) -> list[Point]:
    return [*outline, (c.w + 0.2, c.h + 0.2), (-0.2, c.h + 0.2)]
