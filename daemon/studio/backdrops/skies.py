"""Nowhere: space, abstract."""

from __future__ import annotations

import math

import numpy as np

from daemon.studio.backdrops.canvas import Canvas, Colour, colour, fade, lit, mix, rgb


def space(c: Canvas) -> None:
    """Nebulae from corner to corner, stars, a lit planet low on the right and a small moon on the left."""
    sky = c.layer()
    sky.cover(fade((0, 0), (c.w, c.h), colour("#070b1e"), colour("#0b1030"), colour("#0a0718")))
    first, second, dust = c.noise(0.7, 0.7, 6), c.noise(0.5, 0.5, 6), c.noise(0.35, 0.35, 6)
    across = (c.x / c.w - 0.5) + (c.y / c.h - 0.5)
    away = np.abs(c.x - np.float32(c.w / 2)) / np.float32(c.w / 2)
    belt = np.exp(-(((across + (first - 0.5) * 0.7) / 0.34) ** 2)) * (0.3 + 0.7 * away)
    for field, tone, strength in (
        (first**1.6, colour("#3f6bff"), 0.5),
        (second**2.2, colour("#d04fd8"), 0.55),
        (first * second, colour("#2fd0d8"), 0.22),
    ):
        sky.rgba[:3] += rgb(tone) * np.asarray(field * belt * np.float32(strength), np.float32)
    sky.rgba[:3] *= 1 - np.float32(0.75) * np.clip((dust - 0.45) * 2.4, 0, 1) * belt
    c.put(sky, 0.012)
    stars = c.layer()
    for _ in range(430):
        x, y = c.chance.uniform(0, c.w), c.chance.uniform(0, c.h)
        off = min(1.0, abs(x - c.w / 2) / c.band)
        if c.chance.random() > 0.25 + 0.75 * off:
            continue
        bright = c.chance.random() ** 5 * (0.25 + 0.75 * off)
        tone = mix(colour("#ffffff"), colour(str(c.chance.choice(["#a9c4ff", "#ffd9b0", "#ffffff"]))), 0.7)
        size = 0.0012 + 0.0022 * bright
        stars.ellipse(x, y, size, size, lit(tone, (0.6 + 4 * bright) * (0.3 + 0.7 * off)))
    c.put(stars, 0.0048)
    size = 0.3 if not c.tall else 0.26
    _planet(
        c,
        c.w - c.band * 0.28,
        c.h * (0.8 if not c.tall else 0.86),
        size,
        colour("#3a62a8"),
        colour("#b9a695"),
    )
    _planet(c, c.band * 0.42, c.h * 0.2, 0.06, colour("#9a8f88"), colour("#5f5a5c"))


def _planet(c: Canvas, x: float, y: float, radius: float, one: Colour, other: Colour) -> None:
    """A ball lit from the upper left, with bands and a thin air around it."""
    px, py = (c.x - np.float32(x)) / np.float32(radius), (c.y - np.float32(y)) / np.float32(radius)
    distance = np.sqrt(px**2 + py**2)
    pz = np.sqrt(np.maximum(0, 1 - distance**2))
    day = np.clip(-0.66 * px - 0.5 * py + 0.5 * pz + 0.04, 0, 1)
    bands, whirls = c.noise(2.5, 0.05 + radius * 0.2, 4), c.noise(radius * 0.8, radius * 0.25, 5)
    share = np.clip((0.6 * bands + 0.4 * whirls - 0.3) * 2.2, 0, 1)
    skin = rgb(one) * (1 - share) + rgb(other) * share
    ball = c.layer()
    solid = np.clip((1 - distance) * radius * c.unit + 0.5, 0, 1)
    air = np.clip(1 - np.abs(distance - 1) / 0.1, 0, 1) ** 2 * np.clip(-0.6 * px - 0.5 * py + 0.3, 0, 1)
    ball.rgba[:3] = (skin * (day**1.2 * 0.95 + 0.003)) * solid
    ball.rgba[:3] += rgb(lit(mix(one, (0.6, 0.8, 1.0), 0.6), 0.75)) * air
    ball.rgba[3] = solid
    c.put(ball, 0.006)


def abstract(c: Canvas) -> None:
    """Broad folded ribbons of colour, one over the other, lit along their edges."""
    ground = c.layer()
    ground.cover(
        fade((0, 0), (c.w, c.h), colour("#1b2a6b"), colour("#5b4bc4"), colour("#c86aa8"), colour("#ffb08a"))
    )
    ground.glow(c.w * 0.15, c.h * 0.1, 0.5, 0.4, colour("#3fa9f5", 0.4))
    c.put(ground, 0.02)
    tones = ("#2f6fe0", "#5a4bd6", "#8a4fd0", "#d05aa6", "#f58a7a", "#ffc08a")
    for number, tone in enumerate(tones):
        share = (number + 0.5) / len(tones)
        level = c.h * (0.16 + 0.78 * share)
        swing = 0.17 * c.h * (1 - 0.4 * share)
        phase = number * 1.1 + 0.4

        def edge(x: float, level: float = level, swing: float = swing, phase: float = phase) -> float:
            way = (x / c.w - 0.5) * 2
            return (
                level
                - swing * (0.75 * way * abs(way))
                + 0.11 * math.sin(2.4 * way + phase) * (0.35 + abs(way))
            )

        xs = [float(x) for x in np.linspace(-0.2, c.w + 0.2, 80)]
        outline = [(x, edge(x)) for x in xs]
        below = np.asarray([edge(float(x)) for x in c.x[0]], np.float32)[None, :]
        depth = np.asarray(c.y - below, np.float32)
        c.light *= 1 - np.float32(0.4) * np.exp(-np.maximum(-depth, 0) / np.float32(0.07)) * (depth < 0)
        ribbon = c.layer()
        body = colour(tone)
        ribbon.polygon([*outline, (c.w + 0.2, c.h + 0.2), (-0.2, c.h + 0.2)], body)
        ribbon.rgba[:3] *= np.float32(0.62) + np.float32(0.75) * np.exp(
            -np.maximum(depth, 0) / np.float32(0.16)
        )
        ribbon.rgba[:3] += rgb(lit(body, 0.3)) * np.exp(-((depth / 0.03) ** 2)) * ribbon.rgba[3]
        c.put(ribbon, 0.008)
    c.calm(0.05)
