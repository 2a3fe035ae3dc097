"""Outdoors: city, forest, mountains."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from daemon.studio.backdrops.canvas import Canvas, Colour, Layer, Point, colour, fade, lit, mix, rgb
from daemon.studio.backdrops.furniture import leaf
from daemon.studio.backdrops.ground import clouds, ridge, under

_FAR: Final = 0.012
_NEAR: Final = 0.016


def city(c: Canvas) -> None:
    """Dusk over a town: towers at both sides, lower and hazier ones between, lit windows, lights of streets."""
    horizon = c.h * 0.66
    sky = c.layer()
    sky.cover(
        fade(
            (0, 0),
            (0, horizon),
            colour("#16234a"),
            colour("#35467c"),
            colour("#8a6f96"),
            colour("#e59a78"),
            colour("#f7c08a"),
        )
    )
    clouds(c, sky, horizon, colour("#c98a92", 0.8), 0.45, 5)
    c.put(sky, 0.015)
    for depth in range(5):
        towers = c.layer()
        near = depth / 4
        haze = mix(colour("#b98593"), colour("#141a2e"), near**0.6)
        x = -0.2
        while x < c.w + 0.2:
            wide = c.chance.uniform(0.05, 0.11) * (0.7 + 0.9 * near)
            side = min(1.0, abs(x + wide / 2 - c.w / 2) / (c.w / 2))
            high = (
                c.chance.uniform(0.35, 1.0)
                * (0.13 + 0.1 * near + (0.16 + 0.4 * near) * side**1.6)
                * (1.25 if c.tall else 1)
            )
            if near < 0.7 or side > 0.42:
                _tower(c, towers, x, horizon + 0.05 * near - high, wide, haze, near)
            x += wide * c.chance.uniform(1.0, 1.25)
        c.put(towers, 0.009 + 0.005 * near)
    street = c.layer()
    street.polygon(
        under(c, [(-0.2, horizon + 0.05), (c.w + 0.2, horizon + 0.05)]),
        fade((0, horizon), (0, c.h), colour("#1b2034"), colour("#0e1120")),
    )
    street.blend(
        np.asarray(c.bell(c.w / 2, horizon + 0.06, c.w * 0.5, 0.05) * 0.5, np.float32), colour("#8a6270")
    )
    for _ in range(110):
        away = c.chance.random() ** 0.8
        spread = c.w * 0.62 * (1.1 - away * 0.55)
        x, y = (
            c.chance.normal(c.w / 2, 1) * 0 + c.w / 2 + c.chance.uniform(-spread, spread),
            c.h * 0.98 - (c.h * 0.98 - horizon - 0.03) * away,
        )
        light = colour(
            str(c.chance.choice(["#ffb25e", "#ffd49a", "#ff7a4a", "#ff4f4a", "#ffe9cf", "#9fc4ff"]))
        )
        calm = 0.35 + 0.65 * min(1.0, abs(x - c.w / 2) / c.band)
        size = 0.0042 + 0.004 * (1 - away)
        street.ellipse(x, y, size, size, lit(light, 10 * calm))
    c.put(street, 0.021)
    c.calm(0.018)


def _tower(c: Canvas, layer: Layer, x: float, top: float, wide: float, tone: Colour, near: float) -> None:
    body = fade((x, 0), (x + wide, 0), lit(mix(tone, colour("#f0a684"), 0.16), 1.1), tone, lit(tone, 0.75))
    layer.box(x, top, x + wide, c.h + 0.2, body)
    if c.chance.random() < 0.3:
        layer.box(x + wide * 0.3, top - 0.03, x + wide * 0.7, top, body)
    pitch = 0.013 + 0.006 * near
    amount = 0.12 + 0.3 * near
    for row in np.arange(top + pitch, c.h * 0.72, pitch * 1.25):
        for column in np.arange(x + pitch * 0.6, x + wide - pitch * 0.8, pitch):
            if c.chance.random() < amount:
                warm = colour(str(c.chance.choice(["#ffc98a", "#ffdba8", "#ffb060", "#e8efff"])))
                layer.box(
                    column,
                    row,
                    column + pitch * 0.5,
                    row + pitch * 0.6,
                    lit(warm, (0.3 + 2.2 * near) * c.chance.uniform(0.3, 1)),
                )


def forest(c: Canvas) -> None:
    """A path in morning haze between trunks; light through the leaves above, ferns below."""
    ground = c.h * 0.76
    back = c.layer()
    back.cover(
        fade((0, 0), (0, c.h), colour("#3f6330"), colour("#8cae62"), colour("#7f9a58"), colour("#3d522a"))
    )
    back.grain(c.noise(0.22, 0.22, 5), 0.5)
    back.glow(c.w * 0.5, c.h * 0.36, 0.34 * c.w, 0.3 * c.h, lit(colour("#f3eeb4"), 0.55))
    c.put(back, 0.03)
    gaps = c.layer()
    for _ in range(150):
        x, y = c.chance.uniform(-0.1, c.w + 0.1), c.h * 0.6 * c.chance.random() ** 1.4
        off = min(1.0, abs(x - c.w / 2) / c.band)
        size = c.chance.uniform(0.003, 0.0075)
        gaps.ellipse(
            x,
            y,
            size,
            size,
            lit(mix(colour("#fdf6c8"), colour("#b8e07a"), c.chance.random()), 1.5 + 4.5 * off),
            0.9,
        )
    c.put(gaps, 0.024)
    for depth in range(4):
        trunks = c.layer()
        near = depth / 3
        bark = mix(colour("#7f9463"), colour("#2b2318"), near**0.6)
        floor = ground + (c.h - ground) * (0.05 + 0.5 * near * near)
        earth = mix(colour("#93a763"), colour("#2f3d1d"), near)
        wavy = [(x, floor + 0.012 * math.sin(9 * x + depth * 2)) for x in np.linspace(-0.2, c.w + 0.2, 40)]
        for _ in range(round((18, 12, 7, 5)[depth] * (0.6 + 0.4 * c.w))):
            x = c.chance.uniform(-0.1, c.w + 0.1)
            clear = c.band * (0.16 + 0.36 * near)
            if abs(x - c.w / 2) < clear:
                x = c.w / 2 + math.copysign(clear + c.chance.uniform(0, c.band), x - c.w / 2)
            wide = (0.012 + 0.062 * near**1.4) * c.chance.uniform(0.7, 1.25)
            lean = c.chance.normal(0, 0.02)
            inward = 1 if x < c.w / 2 else -1
            bright, dark = lit(mix(bark, colour("#d8c890"), 0.3 * near), 1.25), lit(bark, 0.6)
            skin = fade((x - wide / 2 * inward, 0), (x + wide / 2 * inward, 0), dark, bark, bright)
            trunks.line(
                [(x + wide * 0.1 * inward, floor + 0.03), (x, c.h * 0.5), (x + lean, -0.2)],
                wide * 1.12,
                skin,
                wide * 0.8,
            )
            for _ in range(3):
                y, reach = c.chance.uniform(0, 0.5) * c.h, c.chance.uniform(0.06, 0.16) * (0.5 + near)
                way = c.chance.choice([-1, 1])
                trunks.line(
                    [(x, y), (x + way * reach * 0.6, y - reach * 0.3), (x + way * reach, y - reach * 0.7)],
                    wide * 0.2,
                    bark,
                    wide * 0.05,
                )
        trunks.polygon(under(c, wavy), fade((0, floor), (0, c.h), lit(earth, 1.15), lit(earth, 0.6)))
        _foliage(c, trunks, near)
        if depth < 3:
            trunks.blend(
                np.asarray(
                    c.bell(c.w / 2, ground + 0.1, 0.14 + 0.05 * c.w, 0.3) * (floor < c.y) * 0.5, np.float32
                ),
                colour("#d9d3a0"),
            )
        c.put(trunks, (0.02, 0.015, 0.011, 0.011)[depth])
    ferns = c.layer()
    for _ in range(26):
        side = c.chance.choice([-1, 1])
        x = c.w / 2 + side * (c.w / 2 - c.band * 0.75 * c.chance.random() ** 1.3 + 0.02)
        _fern(ferns, (x, c.h + 0.03), c.chance.uniform(0.14, 0.3))
    c.put(ferns, _NEAR)
    c.light += c.bell(c.w / 2, c.h * 0.34, 0.3 * c.w, 0.26 * c.h) * rgb(colour("#fff6cc", 0.12))
    c.calm(0.025)


def _foliage(c: Canvas, layer: Layer, near: float) -> None:
    """Leaves hanging in from above and the sides."""
    dark, bright = (
        mix(colour("#8fae62"), colour("#1f3d18"), near),
        mix(colour("#d3e29a"), colour("#8fb84a"), near),
    )
    for _ in range(26):
        side, away = c.chance.choice([-1, 1]), c.chance.random()
        cx = c.w / 2 + side * (c.w / 2 - c.band * 1.2 * away * (1.1 - 0.35 * near))
        cy = c.h * (0.4 - 0.36 * away) * c.chance.random() - 0.03
        tone = c.chance.random()
        for _ in range(11):
            x, y = c.chance.normal(cx, 0.045), c.chance.normal(cy, 0.026)
            green = mix(dark, bright, 0.2 + 0.45 * tone - (y - cy) * 8 + 0.2 * c.chance.random())
            size = (0.007 + 0.009 * near) * c.chance.uniform(0.6, 1.3)
            green = (max(0.005, green[0]), max(0.012, green[1]), max(0.004, green[2]))
            layer.ellipse(x, y, size * 1.5, size * 0.8, green, 0.8, c.chance.uniform(-1, 1))


def _fern(layer: Layer, root: Point, high: float) -> None:
    chance = layer.canvas.chance
    for turn in np.linspace(-1.2, 1.2, 7):
        bend = float(turn) + chance.uniform(-0.12, 0.12)
        green = mix(colour("#1d3312"), colour("#7fa443"), 0.25 + 0.6 * chance.random())
        tip = (root[0] + math.sin(bend) * high, root[1] - math.cos(bend) * high * 0.9)
        leaf(layer, root, tip, high * 0.075, green)


def mountains(c: Canvas) -> None:
    """Snowy ridges one behind the other around a lake, firs at both sides."""
    lake = c.h * 0.68
    sky = c.layer()
    sky.cover(
        fade((0, 0), (0, lake), colour("#4b86c0"), colour("#9cc4e2"), colour("#e9ece6"), colour("#f3dfc4"))
    )
    clouds(c, sky, lake * 0.8, colour("#ffffff", 1.1), 0.45, 4)
    c.put(sky, 0.015)
    high = 0.46 if not c.tall else 0.62
    view = c.layer()
    for depth, (up, tone) in enumerate(
        ((1.0, "#5f7086"), (0.7, "#4f6274"), (0.36, "#4f6f70"), (0.17, "#34524a"))
    ):
        outline = ridge(c, lake - 0.02 * (3 - depth), high * up, 0.46, 0.25)
        stone = colour(tone)
        if depth < 2:
            _rock(c, view, outline, high * up, stone, 0.22 - 0.14 * depth)
        else:
            view.polygon(
                under(c, outline),
                fade((0, lake - high * up), (0, lake), stone, mix(stone, colour("#b9cbd2"), 0.4)),
            )
    view.grain(c.noise(0.1, 0.05, 4), 0.12)
    water = c.y > np.float32(lake)
    row = np.clip(np.round((2 * lake - c.y[:, 0]) * c.unit + c.margin - 0.5), 0, c.shape[0] - 1).astype(int)
    still = c.light * (1 - view.rgba[3]) + view.rgba[:3]
    mirrored = still[:, row, :] * np.float32(0.72) + rgb(colour("#2f5a6b")) * np.float32(0.28)
    view.rgba[:3] = np.where(water, mirrored, view.rgba[:3])
    view.rgba[3] = np.where(water, 1, view.rgba[3])
    ripple = c.noise(0.5, 0.02, 3)
    view.rgba[:3] *= np.where(water, 1 + np.float32(0.22) * (ripple - np.float32(0.5)), 1)
    view.box(-0.2, lake - 0.006, c.w + 0.2, lake + 0.004, colour("#31483a"))
    c.put(view, _FAR)
    firs = c.layer()
    for side in (-1, 1):
        for number in range(9):
            off = (number / 8) ** 0.9
            x = c.w / 2 + side * (c.w / 2 + 0.06 - c.band * 0.85 * off)
            tall = (0.62 - 0.45 * off) * c.chance.uniform(0.8, 1.1) * (1.25 if c.tall else 1)
            _fir(
                firs, x, c.h * (0.93 - 0.1 * off), tall, mix(colour("#14241c"), colour("#3b5a45"), off), side
            )
    bank = [
        (x, c.h * 0.97 - 0.12 * min(1.0, abs(x - c.w / 2) / (c.w / 2)) ** 2.2 + 0.008 * math.sin(11 * x))
        for x in np.linspace(-0.2, c.w + 0.2, 50)
    ]
    firs.polygon(under(c, bank), fade((0, c.h * 0.8), (0, c.h), colour("#6f8048"), colour("#3f4d2a")))
    c.put(firs, _NEAR * 0.8)
    c.calm(0.015)


def _rock(c: Canvas, layer: Layer, outline: list[Point], high: float, stone: Colour, haze: float) -> None:
    """A mountainside below an outline: faces lit from the left, snow above, bluer towards its foot."""
    xs, ys = np.asarray(outline).T
    depth = np.asarray(c.y - np.interp(c.x[0], xs, ys)[None, :], np.float32)
    relief = np.abs(c.noise(0.34, 0.3, 6) - np.float32(0.5)) + np.float32(0.35) * c.noise(0.09, 0.12, 4)
    slope = relief - np.roll(relief, (3, 5), (0, 1))
    face = 1 / (1 + np.exp(-np.clip(slope * 42, -20, 20)))
    snow = np.clip((np.float32(0.5 * high) - depth) / np.float32(0.14 * high) + (face - 0.55) * 2.4, 0, 1)
    sunny, shadow = colour("#fff2e0", 1.05), colour("#7f9cc4")
    paint = rgb(mix(stone, (0.0, 0.0, 0.0), 0.45)) * (1 - face) + rgb(mix(stone, sunny, 0.2)) * face
    white = rgb(shadow) * (1 - face) + rgb(sunny) * face
    paint = paint * (1 - snow) + white * snow
    far = np.clip(depth / np.float32(high), 0, 1) * np.float32(0.5) + np.float32(haze)
    paint = paint * (1 - far) + rgb(colour("#b4cadb")) * far
    share = np.clip(depth * c.unit + 0.5, 0, 1)
    layer.blend(np.asarray(share, np.float32), lambda _x, _y: np.asarray(paint, np.float32))


def _fir(layer: Layer, x: float, y: float, tall: float, green: Colour, side: int) -> None:
    layer.box(x - tall * 0.015, y - tall * 0.12, x + tall * 0.015, y, colour("#2a2018"))
    for step in range(13):
        level, wide = y - tall * (0.06 + 0.94 * step / 13), tall * 0.19 * (1 - step / 13.5)
        jag = layer.canvas.chance.uniform(0.82, 1.15)
        tier = [
            (x, level - tall * 0.14),
            (x + wide * jag, level + tall * 0.015),
            (x, level - tall * 0.02),
            (x - wide * jag, level + tall * 0.015),
        ]
        light = fade((x - wide, 0), (x + wide, 0), lit(green, 1.7), green, lit(green, 0.6))
        layer.polygon(tier, light)
