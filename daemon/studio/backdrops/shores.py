"""By the sea: beach, sunset."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from daemon.studio.backdrops.canvas import Canvas, Colour, Layer, Point, colour, fade, lit, mix
from daemon.studio.backdrops.furniture import leaf
from daemon.studio.backdrops.ground import clouds, ridge, under

_FAR: Final = 0.012
_NEAR: Final = 0.016


def beach(c: Canvas) -> None:
    """Sky, a turquoise sea, foam, sand; palm leaves from the upper left, a headland on the right."""
    horizon, shore = c.h * 0.5, c.h * 0.74
    sky = c.layer()
    sky.cover(
        fade((0, 0), (0, horizon), colour("#3f8fd2", 1.05), colour("#7fbbe6", 1.1), colour("#d8ecf3", 1.1))
    )
    clouds(c, sky, horizon * 1.05, colour("#ffffff", 1.25), 0.5)
    sky.glow(c.w * 0.86, c.h * 0.1, 0.3, 0.3, lit(colour("#fff1cf"), 0.5))
    c.put(sky, 0.014)
    sea = c.layer()
    sea.polygon(
        under(c, [(-0.2, horizon), (c.w + 0.2, horizon)]),
        fade(
            (0, horizon),
            (0, shore),
            colour("#2a7fb0"),
            colour("#35a3bd"),
            colour("#7fd0cc"),
            colour("#c4e8dc"),
        ),
    )
    waves = c.noise(0.5, 0.025, 3)
    sea.grain(waves, 0.12)
    land = ridge(c, horizon + 0.004, 0.1, 0.5, 0.3)
    hill = [
        (
            x,
            horizon
            + 0.004
            - max(0.0, (horizon + 0.004 - y)) * min(1, max(0, (x - c.w + c.band * 1.05) / (c.band * 0.6))),
        )
        for x, y in land
    ]
    sea.polygon(
        [*hill, (c.w + 0.2, horizon + 0.006), (c.w - c.band, horizon + 0.006)],
        fade((0, horizon - 0.1), (0, horizon), colour("#6f9486"), colour("#86a7a8")),
    )
    _sparkle(c, sea, c.w * 0.84, 0.12, horizon + 0.02, shore, colour("#fffbe8", 1.2), 110)
    c.put(sea, _FAR)
    sand = c.layer()
    edge: list[Point] = []
    for t in np.linspace(0, 1, 60):
        edge.append(
            (-0.2 + (c.w + 0.4) * t, shore + 0.022 * math.sin(5.2 * t + 0.6) + 0.01 * math.sin(13 * t))
        )
    sand.polygon(under(c, [(x, y - 0.03) for x, y in edge]), colour("#9bcfc6"), 0.6)
    sand.polygon(under(c, [(x, y - 0.012) for x, y in edge]), colour("#fbfdf8", 1.05))
    sand.polygon(
        under(c, [(x, y + 0.012 + 0.006 * math.sin(31 * x)) for x, y in edge]),
        fade((0, shore), (0, shore + 0.12), colour("#b39a76"), colour("#cdb38a"), colour("#e2cba2")),
    )
    sand.polygon(
        under(c, [(x, y + 0.1) for x, y in edge]),
        fade((0, shore + 0.1), (0, c.h), colour("#e2cba2"), colour("#ecd9b4")),
    )
    sand.grain(c.noise(0.3, 0.06, 4), 0.07)
    c.put(sand, _FAR)
    palm = c.layer()
    if not c.tall:
        trunk = [
            (c.w - c.band * 0.12, c.h * 0.86),
            (c.w - c.band * 0.2, c.h * 0.6),
            (c.w - c.band * 0.38, c.h * 0.3),
        ]
    else:
        trunk = [(c.w * 0.99, c.h * 0.86), (c.w * 0.97, c.h * 0.55), (c.w * 0.86, c.h * 0.33)]
    palm.line(
        _bowed(trunk),
        0.04,
        fade((c.w - c.band * 0.4, 0), (c.w, 0), colour("#8d745a"), colour("#5d4835")),
        0.022,
    )
    palm.ellipse(trunk[0][0] - 0.08, trunk[0][1] + 0.005, 0.2, 0.02, colour("#8f7a58"), 0.5)
    for turn in np.linspace(-2.9, 0.25, 11):
        _frond(
            palm,
            trunk[-1],
            float(turn) + c.chance.uniform(-0.1, 0.1),
            min(0.34, c.band * 0.85) * c.chance.uniform(0.8, 1.1),
            0.75,
        )
    c.put(palm, _FAR)
    near = c.layer()
    for turn, size in ((0.1, 1.0), (0.5, 0.95), (0.95, 0.85), (1.4, 0.8), (-0.25, 0.9)):
        _frond(near, (-0.1, -0.06), turn, max(0.5, c.band * 1.0) * size, 0.6)
    c.put(near, 0.02)
    c.calm(0.014)


def _sparkle(
    c: Canvas, layer: Layer, x: float, spread: float, top: float, bottom: float, light: Colour, count: int
) -> None:
    """Glitter on water under a light at `x`, larger and wider apart towards us."""
    for _ in range(count):
        near = c.chance.random() ** 1.5
        y = top + (bottom - top) * near
        size = 0.002 + 0.006 * near
        layer.ellipse(c.chance.normal(x, spread * (0.25 + near)), y, size * 2.6, size * 0.45, light, 0.6)


def _bowed(points: list[Point]) -> list[Point]:
    """A smooth curve through three points."""
    (ax, ay), (bx, by), (cx, cy) = points
    px, py = 2 * bx - (ax + cx) / 2, 2 * by - (ay + cy) / 2
    return [
        (
            (1 - t) ** 2 * ax + 2 * t * (1 - t) * px + t * t * cx,
            (1 - t) ** 2 * ay + 2 * t * (1 - t) * py + t * t * cy,
        )
        for t in np.linspace(0, 1, 16)
    ]


def _frond(layer: Layer, root: Point, turn: float, long: float, light: float) -> None:
    """A palm leaf that sets out at the angle `turn` and bends down by its own weight."""
    chance = layer.canvas.chance
    spine = []
    x, y, angle = root[0], root[1], turn
    for step in range(17):
        spine.append((x, y))
        x, y = x + math.cos(angle) * long / 16, y + math.sin(angle) * long / 16
        angle += 0.075 * math.cos(angle) * (0.6 + step / 16)
    for at in range(1, 17):
        (px, py), (qx, qy) = spine[at - 1], spine[at]
        along = math.atan2(qy - py, qx - px)
        reach = long * 0.34 * math.sin(math.pi * (0.12 + 0.84 * at / 17)) ** 0.7
        for side in (-1, 1):
            out = along + side * (1.0 - 0.5 * at / 16)
            end = (qx + math.cos(out) * reach, qy + math.sin(out) * reach + reach * 0.25)
            green = lit(
                mix(colour("#26471f"), colour("#86ab4c"), chance.random() * (0.8 if side < 0 else 0.5)), light
            )
            leaf(layer, (qx, qy), end, reach * 0.07, green)
    layer.line(spine, 0.008, lit(colour("#6f8a3f"), light), 0.002)


def sunset(c: Canvas) -> None:
    """The sun low over the sea on the right, lit clouds, its path on the water, reeds against the light."""
    horizon = c.h * 0.62
    sx, sy = c.w - c.band * 0.6, horizon - 0.075
    sky = c.layer()
    sky.cover(
        fade(
            (0, -0.05),
            (0, horizon),
            colour("#2b2a5c"),
            colour("#6a3f7d"),
            colour("#c45a72"),
            colour("#f58a52"),
            colour("#ffc46b"),
        )
    )
    field = c.noise(0.95, 0.12, 5)
    lower = np.clip(c.y / np.float32(horizon), 0, 1)
    share = np.clip((field - 0.47) * 3, 0, 1) * np.clip((horizon - 0.03 - c.y) * 8, 0, 1)
    for lowness, tone in ((1 - lower, colour("#54376f")), (lower, colour("#ff9a6a", 1.05))):
        sky.blend(np.asarray(share * lowness * np.float32(0.75), np.float32), tone)
    sky.glow(sx, sy, 0.55, 0.2, colour("#ff9a4a", 0.55))
    sky.glow(sx, sy, 0.16, 0.12, colour("#ffd08a", 0.8))
    sky.ellipse(sx, sy, 0.05, 0.05, colour("#fff0c4", 3.2))
    c.put(sky, 0.014)
    sea = c.layer()
    sea.polygon(
        under(c, [(-0.2, horizon), (c.w + 0.2, horizon)]),
        fade(
            (0, horizon), (0, c.h), colour("#e08a5e"), colour("#8f4f6c"), colour("#3a2d55"), colour("#1f1d3d")
        ),
    )
    sea.grain(c.noise(0.55, 0.022, 4), 0.35)
    sea.glow(sx, horizon, 0.3, 0.1, colour("#ffb066", 0.5))
    for depth in range(70):
        near = (depth / 70) ** 1.3
        y = horizon + 0.004 + (c.h - horizon) * 0.9 * near
        wide = (0.028 + 0.07 * near) * c.chance.uniform(0.4, 1.2)
        x = sx + c.chance.normal(0, 0.014 + 0.035 * near)
        sea.ellipse(x, y, wide, 0.0025 + 0.004 * near, colour("#ffcf8a", 1.9 - 1.1 * near), 0.75)
    hills = ridge(c, horizon + 0.003, 0.075, 0.5, 0.2)
    land = [
        (
            x,
            horizon
            + 0.003
            - (horizon + 0.003 - y) * min(1.0, max(0.0, (c.band * 1.15 - x) / (c.band * 0.9))),
        )
        for x, y in hills
    ]
    sea.polygon(
        [*land, (c.w + 0.2, horizon + 0.004), (-0.2, horizon + 0.004)],
        fade((0, 0), (c.band, 0), colour("#4a2f58"), colour("#8f5068")),
    )
    c.put(sea, _FAR)
    reeds = c.layer()
    bank = [
        (x, c.h * 1.0 - 0.09 * c.h * min(1.0, abs(x - c.w / 2) / (c.w / 2)) ** 2.5 + 0.01 * math.sin(14 * x))
        for x in np.linspace(-0.2, c.w + 0.2, 50)
    ]
    reeds.polygon(under(c, bank), colour("#150f20"))
    for _ in range(150):
        side = c.chance.choice([-1, 1])
        off = c.chance.random() ** 1.6
        x = c.w / 2 + side * (c.w / 2 + 0.05 - c.band * 0.95 * off)
        tall = (0.36 - 0.24 * off) * c.chance.uniform(0.5, 1.1)
        lean = c.chance.normal(0.04, 0.06)
        root = c.h * (0.96 + 0.04 * off)
        tone = mix(colour("#150f20"), colour("#5a2f3d"), c.chance.random() * 0.6)
        stem = [(x, root), (x + lean * 0.4, root - tall * 0.6), (x + lean, root - tall)]
        reeds.line(stem, 0.008, tone, 0.002)
        if c.chance.random() < 0.3:
            reeds.ellipse(x + lean, root - tall, 0.007, 0.026, mix(tone, colour("#8a4a3a"), 0.4), 1, lean * 2)
    c.put(reeds, 0.011)
    c.calm(0.015)
