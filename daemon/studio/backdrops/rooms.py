"""Rooms to sit and read in: living room, library."""

from __future__ import annotations

from typing import Final

import numpy as np

from daemon.studio.backdrops.canvas import Canvas, Colour, Layer, Point, colour, fade, lit, mix, rgb
from daemon.studio.backdrops.furniture import (
    BOOKS,
    curtain,
    lamp,
    part,
    picture,
    plant,
    rounded,
    window,
    within,
)

_FAR: Final = 0.017
_ROOM: Final = 0.0095
_NEAR: Final = 0.013


def living_room(c: Canvas) -> None:
    """Evening: a sofa, a floor lamp on the left, window with curtains and a plant on the right, pictures."""
    floor = c.h * 0.9
    wall = c.layer()
    wall.cover(fade((0, 0), (c.w, 0), colour("#b89b7c"), colour("#a68a6f"), colour("#7d6a59")))
    wall.grain(c.noise(0.8, 0.8), 0.06)
    lx, ly = c.band * 0.3, c.h * (0.42 if c.tall else 0.36)
    wall.shade(c.w / 2, -0.1, c.w, 0.25 * c.h, 0.4)
    wall.glow(lx, ly - 0.1, 0.3, 0.26, lit(colour("#ffb765"), 0.5))
    wall.glow(lx, ly + 0.15, 0.24, 0.3, lit(colour("#ffb765"), 0.22))
    wall.box(-0.2, floor, c.w + 0.2, c.h + 0.2, colour("#5f4632"))
    c.put(wall, _FAR)

    window_layer = c.layer()
    x0, x1, top, bottom = c.w - c.band * 0.72, c.w + 0.16, c.h * 0.08, c.h * 0.66
    dusk = fade(
        (0, top),
        (0, bottom),
        colour("#2c4a78", 1.1),
        colour("#6d7fa6", 1.2),
        colour("#e0a98a", 1.2),
        colour("#46506a"),
    )
    window(
        window_layer,
        [(x0, top), (x1, top), (x1, bottom), (x0, bottom)],
        dusk,
        colour("#cdbba4"),
        (2, 3 if c.tall else 2),
    )
    for _ in range(26):
        x, y = c.chance.uniform(x0 + 0.02, x1), c.chance.uniform(bottom - 0.2, bottom - 0.03)
        window_layer.ellipse(
            x, y, 0.0055, 0.0055, lit(colour(str(c.chance.choice(["#ffd9a0", "#ffb066", "#cfe0ff"]))), 3)
        )
    c.put(window_layer, 0.02)
    soft = c.layer()
    curtain(soft, x0 - 0.07, x0 + 0.07, top - 0.05, floor - 0.02, colour("#8f7a66"))
    curtain(soft, c.w - 0.05, c.w + 0.14, top - 0.05, floor - 0.02, colour("#7d6a58"))
    soft.box(x0 - 0.12, top - 0.055, c.w + 0.2, top - 0.042, colour("#3d2f25"))
    y = c.h * (0.2 if c.tall else 0.1)
    wide = min(0.2, c.band * 0.5)
    picture(
        soft,
        c.band * 0.52,
        y,
        c.band * 0.52 + wide,
        y + wide * 1.3,
        colour("#32271f"),
        [colour("#e2c6a0"), colour("#c98a5c"), colour("#7a4a3c"), colour("#3d3a4a")],
    )
    c.put(soft, _ROOM)

    seat = c.layer()
    back, cloth = c.h * (0.68 if c.tall else 0.66), colour("#5e6f6c")
    left, right = (-0.04, c.w + 0.05) if c.tall else (c.band * 0.34, c.w - c.band * 0.44)
    shade = fade((left, 0), (right, 0), lit(cloth, 1.35), cloth, lit(cloth, 0.72))
    seat.polygon(rounded(left, back, right, c.h + 0.2, 0.06), shade)
    for number in range(1, 3):
        x = left + (right - left) * number / 3
        seat.line([(x, back + 0.02), (x, c.h)], 0.008, lit(cloth, 0.5))
    seat.polygon(
        rounded(left - 0.05, back + 0.13, left + 0.1, c.h + 0.2, 0.05),
        fade((left - 0.05, 0), (left + 0.1, 0), lit(cloth, 1.7), lit(cloth, 0.9)),
    )
    seat.polygon(rounded(right - 0.1, back + 0.13, right + 0.05, c.h + 0.2, 0.05), lit(cloth, 0.7))
    for x, tone, turn in (
        (left + 0.17, "#c88a4e", 0.12),
        (left + 0.3, "#d9cdb8", -0.1),
        (right - 0.2, "#a9533d", -0.12),
    ):
        size = min(0.085, c.band * 0.24)
        _cushion(
            seat, x if abs(x - c.w / 2) > c.band * 0.45 else x - size, back + 0.12, size, colour(tone), turn
        )
    c.put(seat, _ROOM)

    near = c.layer()
    lamp(near, lx - 0.02, ly, 0.26, c.h + 0.1, colour("#ffc07a"))
    plant(near, c.w - c.band * 0.16, c.h * 0.8, 0.42, colour("#b9a48a"), -1, 0.55)
    c.put(near, _NEAR)
    c.light += c.bell(lx, ly, 0.16, 0.18) * rgb(lit(colour("#ffb765"), 0.3))
    c.calm(0.02)


def _cushion(layer: Layer, x: float, y: float, size: float, cloth: Colour, turn: float) -> None:
    points = []
    for step in np.linspace(0, 2 * np.pi, 40):
        a, b = (np.sign(f(step)) * abs(f(step)) ** 0.45 * size for f in (np.cos, np.sin))
        points.append((x + a * np.cos(turn) - b * np.sin(turn), y + a * np.sin(turn) + b * np.cos(turn)))
    layer.polygon(
        points, fade((x - size, y - size), (x + size, y + size), lit(cloth, 1.15), cloth, lit(cloth, 0.5))
    )


def library(c: Canvas) -> None:
    """An aisle between high shelves towards a bright arched window; lamps along it."""
    vx, vy = c.w / 2, c.h * 0.46
    half, high = max(0.5, c.w * 0.44), c.h * 0.62
    wood = colour("#6b4528")

    def at(x: float, y: float, z: float) -> Point:
        """x -1..1 (shelves), y -1..1, z from 1 on."""
        return (vx + x * half / z * 1.25, vy + y * high / z * 1.25)

    far = 5.5
    room = c.layer()
    room.cover(lit(wood, 0.3))
    room.polygon(
        [at(-1, -1, 0.7), at(1, -1, 0.7), at(1, -1, far), at(-1, -1, far)],
        fade((0, 0), at(0, -1, far), colour("#3a2a1c"), colour("#b08d62")),
    )
    room.polygon(
        [at(-1, 1, 0.7), at(1, 1, 0.7), at(1, 1, far), at(-1, 1, far)],
        fade((0, c.h), at(0, 1, far), colour("#3b2617"), colour("#a87d52")),
    )
    room.polygon([at(-1, -1, far), at(1, -1, far), at(1, 1, far), at(-1, 1, far)], colour("#c9a87c"))
    arch = [at(0.62 * np.cos(t), -0.1 - 0.62 * np.sin(t), far) for t in np.linspace(0, np.pi, 24)]
    day = fade(
        at(0, -0.7, far),
        at(0, 0.7, far),
        colour("#fbe9c6", 1.0),
        colour("#f3dcae", 0.9),
        colour("#c9c08a", 0.6),
    )
    room.polygon([at(0.62, 0.55, far), *arch, at(-0.62, 0.55, far)], day)
    for x in (-0.2, 0.2):
        room.polygon(
            [
                at(x - 0.03, -0.8, far),
                at(x + 0.03, -0.8, far),
                at(x + 0.03, 0.55, far),
                at(x - 0.03, 0.55, far),
            ],
            lit(wood, 1.2),
        )
    c.put(room, 0.016)

    for side in (-1, 1):
        shelves = c.layer()
        _aisle(
            shelves,
            [at(side, -0.9, 0.72), at(side, -0.9, far), at(side, 1, far), at(side, 1, 0.72)],
            wood,
            far / 0.72,
        )
        distance = np.abs(c.x - vx) / np.float32(half * 1.25)
        shelves.rgba[:3] *= np.clip(1.25 - 0.55 * distance, 0.3, 1.2)
        c.put(shelves, _ROOM * 1.1)
    lamps = c.layer()
    for z in (1.25, 1.8, 2.7):
        for x_share in (-0.7, 0.7):
            x, y = at(x_share, -0.5, z)
            lamps.line([at(x_share, -1, z), (x, y)], 0.006 / z, colour("#241811"))
            lamps.ellipse(x, y, 0.05 / z, 0.05 / z, colour("#ffc983", 3.4))
    c.put(lamps, _NEAR)
    for z in (1.25, 1.8, 2.7):
        for x_share in (-0.7, 0.7):
            x, y = at(x_share, -0.5, z)
            c.light += c.bell(x, y, 0.2 / z, 0.2 / z) * rgb(colour("#ffb060", 0.24))
    c.light += c.bell(vx, vy, 0.22, 0.28) * rgb(colour("#ffe2b0", 0.1))
    c.calm(0.025)


def _aisle(layer: Layer, wall: list[Point], wood: Colour, deep: float) -> None:
    """A wall of books that runs away; `deep`: how many times as far its end is as its beginning."""
    chance = layer.canvas.chance
    layer.polygon(wall, lit(wood, 0.28))

    def place(way: float) -> float:
        """A share of the real length as a share of what is seen: the far half is seen small."""
        return way / (way + (1 - way) / deep) if way < 1 else 1.0

    rows = 8
    for row in range(rows):
        top, bottom = row / rows, (row + 1) / rows
        way = 0.0
        while way < 1:
            step = chance.uniform(0.003, 0.009) * (1 + 2 * way)
            if chance.random() < 0.06:
                way += step * 2
                continue
            height = top + (bottom - top) * chance.uniform(0.2, 0.4)
            cover = lit(
                mix(colour(str(chance.choice(BOOKS))), colour("#6b4a30"), 0.35), chance.uniform(0.5, 1.0)
            )
            layer.polygon(part(wall, place(way), height, place(min(1, way + step)), bottom), cover)
            way += step
        layer.polygon(part(wall, 0, bottom - 0.012, 1, bottom + 0.01), lit(wood, 0.9))
    for number in range(1, 7):
        x = place(number / 7)
        thick = 0.018 * (1 - x) + 0.004
        layer.polygon(
            [within(wall, a, b) for a, b in ((x, 0), (x + thick, 0), (x + thick, 1), (x, 1))], lit(wood, 1.0)
        )
