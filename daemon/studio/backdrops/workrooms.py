"""Rooms to work in: home office, office, studio."""

from __future__ import annotations

from typing import Final

import numpy as np

from daemon.studio.backdrops.canvas import Canvas, Colour, Layer, Point, colour, fade, lit, mix, rgb
from daemon.studio.backdrops.furniture import (
    bookcase,
    curtain,
    lamp,
    picture,
    plant,
    rounded,
    screen,
    window,
)

_FAR: Final = 0.017
_ROOM: Final = 0.0095
_NEAR: Final = 0.013


def home_office(c: Canvas) -> None:
    """A corner with a window on the left over a desk with a screen; bookcase, lamp and plant on the right."""
    corner, floor = c.band * 0.72, c.h * 0.88
    wall = c.layer()
    wall.cover(fade((corner, 0), (c.w, 0), colour("#cfc5b6"), colour("#b9ac9b"), colour("#94887a")))
    wall.polygon(
        [(-0.2, -0.2), (corner, -0.2), (corner, floor), (-0.2, c.h + 0.3)],
        fade((0, 0), (corner, 0), colour("#8d8579"), colour("#a79d8f")),
    )
    boards = fade((0, floor), (0, c.h), colour("#6d5440"), colour("#8a6b50"))
    wall.polygon(
        [(corner, floor), (c.w + 0.2, floor), (c.w + 0.2, c.h + 0.2), (-0.2, c.h + 0.2), (-0.2, c.h + 0.1)],
        boards,
    )
    wall.box(corner, floor - 0.03, c.w + 0.2, floor, colour("#d8d0c4"))
    wall.grain(c.noise(0.9, 0.9), 0.05)
    wall.glow(corner + 0.25, c.h * 0.45, 0.5, 0.5 * c.h, lit(colour("#fff0d8"), 0.22))
    c.put(wall, _FAR)

    top, sill = c.h * 0.07, c.h * 0.62
    glass = [
        (-0.12, top - 0.12),
        (corner * 0.8, top + 0.06),
        (corner * 0.8, sill - 0.03),
        (-0.12, sill + 0.1),
    ]
    view = fade(
        (0, top),
        (0, sill),
        colour("#dfeaf5", 1.9),
        colour("#f6f4ea", 1.7),
        colour("#b7c69a", 0.95),
        colour("#7d9668", 0.7),
    )
    opening = c.layer()
    window(opening, glass, view, colour("#e9e4da"), (2, 3 if c.tall else 2))
    opening.polygon(
        [(-0.12, sill + 0.1), (corner * 0.84, sill - 0.03), (corner * 0.84, sill), (-0.12, sill + 0.15)],
        colour("#efe9de"),
    )
    c.put(opening, _FAR)
    cloth = c.layer()
    curtain(cloth, corner * 0.74, corner * 0.93, top - 0.02, floor - 0.05, colour("#e4dccd", 0.85), 0.93)
    c.put(cloth, _ROOM)

    right = c.layer()
    x0, y0 = c.w - c.band * 0.86, c.h * (0.26 if c.tall else 0.16)
    bookcase(right, x0, y0, x0 + max(0.46, c.band * 0.78), floor, colour("#9a7650"), 0.95)
    plant(right, x0 + c.band * 0.2, y0 - 0.005, 0.15, None, -1)
    picture(
        right,
        x0 + c.band * 0.36,
        y0 - 0.17,
        x0 + c.band * 0.36 + 0.13,
        y0 - 0.008,
        colour("#3b3028"),
        [colour("#d9c9a8"), colour("#8aa0a0"), colour("#4d6b66")],
    )
    right.glow(x0 - 0.05, c.h * 0.4, 0.18, 0.5 * c.h, lit(colour("#fff0d8"), 0.06))
    c.put(right, _ROOM)

    desk = c.layer()
    high = c.h * 0.8
    glow = fade((0.02, high - 0.3), (0.3, high), colour("#6f93b8"), colour("#34506e"))
    x = c.band * 0.06
    wide = min(0.4, c.band * 0.62)
    screen(
        desk,
        [(x, high - 0.29), (x + wide, high - 0.265), (x + wide, high - 0.06), (x, high - 0.045)],
        glow,
        high + 0.012,
    )
    plant(desk, c.band * 0.86, high - 0.05, 0.2, colour("#c9bfae"), -1)
    table = fade((0, 0), (c.band * 1.1, 0), colour("#b08a62"), colour("#6f5238"))
    desk.polygon(
        [
            (-0.2, high - 0.004),
            (c.band * 1.02, high - 0.002),
            (c.band * 1.1, high + 0.035),
            (-0.2, high + 0.05),
        ],
        table,
    )
    desk.polygon(
        [
            (-0.2, high + 0.05),
            (c.band * 1.1, high + 0.035),
            (c.band * 1.1, high + 0.06),
            (-0.2, high + 0.085),
        ],
        colour("#4a3524"),
    )
    for leg in (0.04, c.band * 1.04):
        desk.box(leg, high + 0.05, leg + 0.022, c.h + 0.2, colour("#2e2219"))
    c.put(desk, _ROOM)

    light = c.layer()
    lx, ly = c.w - c.band * 0.06, c.h * (0.5 if c.tall else 0.42)
    lamp(light, lx, ly, 0.2, c.h + 0.1, colour("#ffc27a"))
    c.put(light, _NEAR)
    c.light += c.bell(lx, ly, 0.2, 0.24) * np.float32(0.16) * rgb(colour("#ffb266"))
    c.light += c.bell(0.0, c.h * 0.3, 0.32, 0.4) * np.float32(0.2)
    c.calm(0.02)


def office(c: Canvas) -> None:
    """A long open floor: windows on the left, glass rooms on the right, rows of lamps, desks far away."""
    vx, vy = c.w / 2, c.h * 0.43
    half, up, down = max(0.62, c.w * 0.62), 0.62 * (1.35 if c.tall else 1), 0.5 * (1.6 if c.tall else 1)

    def at(x: float, y: float, z: float) -> Point:
        """x -1..1 (walls), y -1 (ceiling) .. 1 (floor), z from 1 (here) on."""
        return (vx + x * half / z * 1.5, vy + y * (up if y < 0 else down) / z * 1.5)

    far = 6.0
    room = c.layer()
    room.cover(colour("#c8ccd0"))
    room.polygon(
        [at(-1, -1, 0.7), at(1, -1, 0.7), at(1, -1, far), at(-1, -1, far)],
        fade((0, -0.1), at(0, -1, far), colour("#aeb4ba"), colour("#d3d6d8")),
    )
    room.polygon(
        [at(-1, 1, 0.7), at(1, 1, 0.7), at(1, 1, far), at(-1, 1, far)],
        fade((0, c.h), at(0, 1, far), colour("#5a5f66"), colour("#a9adb0")),
    )
    room.polygon(
        [at(1, -1, 0.7), at(1, 1, 0.7), at(1, 1, far), at(1, -1, far)],
        fade((c.w, 0), at(1, 0, far), colour("#7c868e"), colour("#b7bec3")),
    )
    room.polygon(
        [at(-1, -1, far), at(1, -1, far), at(1, 1, far), at(-1, 1, far)],
        fade(at(-1, 0, far), at(1, 0, far), colour("#dfe4e6"), colour("#c4cacd")),
    )
    outside = fade(
        (0, 0),
        (0, c.h),
        colour("#bcd4ee", 1.7),
        colour("#e6eef4", 1.9),
        colour("#aebfca", 1.1),
        colour("#8f9ca3", 0.8),
    )
    room.polygon([at(-1, -0.86, 0.7), at(-1, -0.86, far), at(-1, 0.72, far), at(-1, 0.72, 0.7)], outside)
    for number in range(16):
        z = 0.75 + number * 0.33
        roof = -0.2 + 0.5 * c.chance.random()
        block = lit(mix(colour("#8fa3b5"), colour("#b9c9d6"), c.chance.random()), 1.1)
        room.polygon(
            [at(-1, roof, z), at(-1, roof, z + 0.3), at(-1, 0.72, z + 0.3), at(-1, 0.72, z)], block, 0.55
        )
    for z in (1.5, 1.9, 2.4, 3.1, 4.0):
        for side in (-1, 1):
            x, y = at(side * 0.7, 1, z)
            room.shade(x, y, 0.36 * half / z * 1.5, 0.12 * down / z * 1.5, 0.5)
    room.glow(*at(-0.45, 1, 1.6), 0.3 * half, 0.12 * c.h, colour("#dfe8f0", 0.18))
    c.put(room, 0.02)

    frames = c.layer()
    z = 0.8
    while z < far:
        frames.polygon(
            [at(-1, -1, z), at(-1, -1, z * 1.035), at(-1, 0.8, z * 1.035), at(-1, 0.8, z)], colour("#59636b")
        )
        frames.polygon(
            [at(1, -0.8, z), at(1, -0.8, z * 1.03), at(1, 1, z * 1.03), at(1, 1, z)], colour("#3f484f")
        )
        frames.polygon(
            [at(1, -0.78, z * 1.04), at(1, -0.78, z * 1.24), at(1, 0.8, z * 1.24), at(1, 0.8, z * 1.04)],
            fade(at(1, -1, z), at(1, 1, z), colour("#d9e6ea"), colour("#8fa2ab")),
            0.55,
        )
        frames.polygon(
            [at(1, 0.1, z * 1.06), at(1, 0.1, z * 1.16), at(1, 0.6, z * 1.16), at(1, 0.6, z * 1.06)],
            mix(colour("#4f6470"), colour("#a6774d"), c.chance.random()),
            0.45,
        )
        z *= 1.28
    for y, thick, side, tone in (
        (-0.86, 0.04, -1, "#6d777f"),
        (0.72, 0.05, -1, "#737c83"),
        (-0.8, 0.04, 1, "#454e55"),
        (-0.02, 0.02, -1, "#6d777f"),
    ):
        frames.polygon(
            [at(side, y, 0.7), at(side, y, far), at(side, y + thick, far), at(side, y + thick, 0.7)],
            colour(tone),
        )
    for column in (-0.62, -0.2, 0.2, 0.62):
        z = 0.9
        while z < far:
            frames.polygon(
                [
                    at(column - 0.055, -1, z),
                    at(column + 0.055, -1, z),
                    at(column + 0.055, -1, z * 1.13),
                    at(column - 0.055, -1, z * 1.13),
                ],
                colour("#fffaf0", 2.6),
            )
            z *= 1.33
    c.put(frames, _FAR)

    for z in (4.2, 3.2, 2.5, 2.0, 1.6):
        desks = c.layer()
        for side in (-1, 1):
            x0, x1 = side * (0.44 + 0.1 * (2.5 / z)), side * 0.93
            top = 0.45
            desks.polygon(
                [at(x0, top, z), at(x1, top, z), at(x1, top, z * 0.9), at(x0, top, z * 0.9)],
                colour("#c6a67e"),
            )
            desks.polygon(
                [
                    at(x0, top, z * 0.9),
                    at(x1, top, z * 0.9),
                    at(x1, top + 0.05, z * 0.9),
                    at(x0, top + 0.05, z * 0.9),
                ],
                colour("#8a6d4c"),
            )
            for x in (x0 + side * 0.02, x1 - side * 0.04):
                desks.polygon(
                    [
                        at(x, top, z * 0.9),
                        at(x + side * 0.02, top, z * 0.9),
                        at(x + side * 0.02, 1, z * 0.9),
                        at(x, 1, z * 0.9),
                    ],
                    colour("#555b61"),
                )
            for share in (0.16, 0.62):
                x = x0 + (x1 - x0) * share
                wide = 0.15 * side
                screen(
                    desks,
                    [at(x, 0.12, z), at(x + wide, 0.12, z), at(x + wide, 0.36, z), at(x, 0.36, z)],
                    mix(colour("#22303d"), colour("#7fa6c4"), c.chance.random()),
                )
                seat = mix(colour("#2b3138"), colour("#4a6a78"), c.chance.random())
                cx, cy = at(x + wide * 0.6, 0.5, z * 0.86)
                size = 0.085 * half / z * 1.5
                desks.polygon(
                    rounded(cx - size, cy - size * 1.1, cx + size, cy + size * 1.2, size * 0.6),
                    fade((cx - size, 0), (cx + size, 0), lit(seat, 1.7), lit(seat, 0.7)),
                )
                desks.box(
                    cx - size * 0.1,
                    cy + size * 1.2,
                    cx + size * 0.1,
                    at(0, 0.98, z * 0.86)[1],
                    colour("#3a3f45"),
                )
                desks.box(
                    cx - size * 0.8,
                    at(0, 0.96, z * 0.86)[1],
                    cx + size * 0.8,
                    at(0, 0.99, z * 0.86)[1],
                    colour("#30353a"),
                )
        c.put(desks, _FAR if z > 2.4 else _NEAR)
    pot = c.layer()
    plant(pot, c.w - c.band * 0.1, c.h * 0.84, 0.44, colour("#d4d2cc"), -1, 0.8)
    c.put(pot, _NEAR)
    c.light += c.bell(0.0, c.h * 0.35, 0.4 * c.w, 0.4 * c.h) * np.float32(0.13)
    c.calm(0.02)


def studio(c: Canvas) -> None:
    """Dark: foam panels on both sides, light tubes and a colour from each side, nothing in the middle."""
    teal, rose = colour("#1fb6d6"), colour("#ff4f8b")
    wall = c.layer()
    wall.cover(fade((0, 0), (0, c.h), colour("#20232b"), colour("#15171d"), colour("#0b0c10")))
    wall.grain(c.noise(0.4, 0.4), 0.1)
    size = 0.15
    for row in range(-1, int(c.h / size) + 2):
        for side in (0, 1):
            for column in range(-1, int(c.band * 0.92 / size)):
                x, y = column * size, row * size
                _foam(
                    wall,
                    c.w - x - size if side else x,
                    y,
                    size,
                    lit(colour("#363a44"), 0.6 + 0.3 * c.chance.random()),
                )
    wall.shade(c.w / 2, c.h, c.w, 0.2 * c.h, 0.5)
    spread = max(0.34, c.band * 0.72)
    for x, y, light in ((c.band * 0.2, c.h * 0.3, teal), (c.w - c.band * 0.2, c.h * 0.42, rose)):
        wall.shine(x, y, spread * 0.8, 0.3 * c.h, lit(light, 4))
        wall.glow(x, y, spread, 0.36 * c.h, lit(light, 0.03))
    wall.glow(c.w / 2, c.h * 0.42, 0.36, 0.34 * c.h, lit(colour("#6d63c9"), 0.05))
    c.put(wall, _FAR)

    tubes = c.layer()
    for share, light, y0, y1 in (
        (0.34, teal, 0.1, 0.62),
        (0.62, mix(teal, colour("#5a6cff"), 0.6), 0.2, 0.7),
    ):
        x = c.band * share
        tubes.line([(x, c.h * y0), (x + 0.012, c.h * y1)], 0.017, lit(mix(light, (1, 1, 1), 0.3), 2.4))
    for share, light, y0, y1 in (
        (0.42, rose, 0.16, 0.66),
        (0.7, mix(rose, colour("#ff9a4a"), 0.6), 0.08, 0.5),
    ):
        x = c.w - c.band * share
        tubes.line([(x, c.h * y0), (x - 0.012, c.h * y1)], 0.017, lit(mix(light, (1, 1, 1), 0.3), 2.4))
    c.put(tubes, _FAR * 0.8)
    for share, light, y in ((0.34, teal, 0.36), (0.62, teal, 0.45)):
        c.light += c.bell(c.band * share, c.h * y, 0.075, 0.2 * c.h) * rgb(lit(light, 0.17))
    for share, light, y in ((0.42, rose, 0.41), (0.7, mix(rose, colour("#ff9a4a"), 0.5), 0.29)):
        c.light += c.bell(c.w - c.band * share, c.h * y, 0.075, 0.2 * c.h) * rgb(lit(light, 0.17))

    kit = c.layer()
    shelf = c.h * 0.84
    top = fade((0, 0), (c.w, 0), lit(teal, 0.16), colour("#101218"), lit(rose, 0.14))
    kit.box(-0.2, shelf, c.w + 0.2, shelf + 0.02, top)
    kit.box(
        -0.2,
        shelf + 0.02,
        c.w + 0.2,
        c.h + 0.2,
        fade((0, shelf), (0, c.h), colour("#0d0e13"), colour("#08090c")),
    )
    for x, rim in ((c.band * 0.22, teal), (c.w - c.band * 0.24, rose)):
        _speaker(kit, x, shelf, rim)
    c.put(kit, _NEAR)
    c.calm(0.03)


def _foam(layer: Layer, x: float, y: float, size: float, grey: Colour) -> None:
    """A pyramid of foam seen from the front, lit from above."""
    gap = 0.006
    a, b = (x + gap, y + gap), (x + size - gap, y + gap)
    d, e = (x + size - gap, y + size - gap), (x + gap, y + size - gap)
    middle = (x + size / 2, y + size / 2)
    for one, other, light in ((a, b, 1.5), (b, d, 0.8), (d, e, 0.3), (e, a, 0.95)):
        layer.polygon([one, other, middle], lit(grey, light))


def _speaker(layer: Layer, x: float, floor: float, rim: Colour) -> None:
    layer.box(
        x - 0.085,
        floor - 0.27,
        x + 0.085,
        floor,
        fade((x - 0.085, 0), (x + 0.085, 0), lit(rim, 0.1), colour("#1a1c22"), lit(rim, 0.07)),
    )
    for y, radius in ((floor - 0.095, 0.062), (floor - 0.21, 0.032)):
        layer.ellipse(x, y, radius, radius, lit(rim, 0.22))
        layer.ellipse(x, y, radius * 0.86, radius * 0.86, colour("#0c0d11"))
        layer.ellipse(x, y, radius * 0.35, radius * 0.35, colour("#2a2d36"))
