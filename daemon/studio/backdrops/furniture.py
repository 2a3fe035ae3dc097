"""What stands in rooms: bookcases, plants, lamps, windows, pictures, screens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from daemon.studio.backdrops.canvas import Colour, Layer, Paint, Point, colour, fade, lit, mix

BOOKS: Final = (
    "#8c4a3c", "#a8794a", "#3f5a6b", "#6b7f86", "#d8cdb8", "#b8a58a", "#54624d", "#7a3b3f", "#2f3d4d", "#c9b08a",
    "#e6dfd0", "#93856f", "#c7843f", "#4d6b66",
)  # fmt: skip


def within(corners: Sequence[Point], across: float, down: float) -> Point:
    """A point of a quad (upper left, upper right, lower right, lower left), shares of its sides."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    top = (ax + (bx - ax) * across, ay + (by - ay) * across)
    bottom = (dx + (cx - dx) * across, dy + (cy - dy) * across)
    return (top[0] + (bottom[0] - top[0]) * down, top[1] + (bottom[1] - top[1]) * down)


def part(corners: Sequence[Point], x0: float, y0: float, x1: float, y1: float) -> list[Point]:
    """A part of a quad as a quad."""
    return [within(corners, x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]


def bookcase(
    layer: Layer, x0: float, y0: float, x1: float, y1: float, wood: Colour, light: float = 1.0
) -> None:
    """Shelves from (x0, y0) to (x1, y1) with books in rows and heaps, vases, and room between them."""
    board = 0.014
    shelves = max(2, round((y1 - y0) / 0.19))
    pitch = (y1 - y0 - board) / shelves
    layer.box(x0, y0, x1, y1, fade((0, y0), (0, y1), lit(wood, 0.5 * light), lit(wood, 0.3 * light)))
    for number in range(shelves):
        top, bottom = y0 + number * pitch + board, y0 + (number + 1) * pitch
        shade = fade((0, top), (0, bottom), lit(wood, 0.2 * light), lit(wood, 0.55 * light))
        layer.box(x0, top, x1, bottom, shade)
        _shelf(layer, x0 + board, x1 - board, bottom, pitch - board, light)
        layer.box(x0, bottom, x1, bottom + board, lit(wood, 1.15 * light))
    for x in (x0, x1 - board):
        layer.box(x, y0, x + board, y1, lit(wood, 0.9 * light))
    layer.box(x0 - 0.006, y0, x1 + 0.006, y0 + board, lit(wood, 1.2 * light))


def _shelf(layer: Layer, x: float, end: float, floor: float, high: float, light: float) -> None:
    chance = layer.canvas.chance
    while x < end - 0.03:
        kind = chance.random()
        if kind < 0.62:
            x = _row(layer, x, min(end, x + chance.uniform(0.12, 0.3)), floor, high, light)
        elif kind < 0.76:
            wide = min(chance.uniform(0.09, 0.13), end - x)
            for number in range(chance.integers(2, 5)):
                cover = lit(colour(str(chance.choice(BOOKS))), 0.75 * light)
                layer.box(
                    x + chance.uniform(0, 0.012),
                    floor - 0.02 * (number + 1),
                    x + wide,
                    floor - 0.02 * number,
                    cover,
                )
            x += wide
        elif kind < 0.9:
            _vase(layer, x + 0.045, floor, high * chance.uniform(0.45, 0.7), light)
            x += 0.09
        x += chance.uniform(0.012, 0.05)


def _row(layer: Layer, x: float, end: float, floor: float, high: float, light: float) -> float:
    chance = layer.canvas.chance
    tall = chance.uniform(0.62, 0.82)
    near = chance.choice(BOOKS, 4)
    while x < end - 0.012:
        wide = min(chance.uniform(0.014, 0.032), end - x)
        cover = lit(
            mix(colour(str(chance.choice(near))), colour("#8a8178"), 0.15), light * chance.uniform(0.6, 1.0)
        )
        top = floor - high * tall * chance.uniform(0.86, 1.08)
        layer.box(
            x, top, x + wide, floor, fade((x, 0), (x + wide, 0), lit(cover, 0.7), cover, lit(cover, 0.55))
        )
        if chance.random() < 0.4:
            mark = mix(cover, colour("#e8d9b0"), 0.5)
            layer.box(x, top + high * 0.1, x + wide, top + high * 0.15, mark)
        x += wide + 0.001
    return x


def _vase(layer: Layer, x: float, floor: float, high: float, light: float) -> None:
    glaze = lit(colour(str(layer.canvas.chance.choice(["#d9cfc0", "#7f9a94", "#b5694a", "#3e4a52"]))), light)
    body = fade((x - 0.04, 0), (x + 0.04, 0), lit(glaze, 1.1), lit(glaze, 0.75), lit(glaze, 0.35))
    layer.ellipse(x, floor - high * 0.38, 0.036, high * 0.38, body)
    layer.box(x - 0.014, floor - high, x + 0.014, floor - high * 0.5, body)


def plant(
    layer: Layer, x: float, y: float, size: float, pot: Colour | None, sun: float, light: float = 1.0
) -> None:
    """A leafy plant whose stems come out of (x, y); `sun` -1 (from the left) to 1 (from the right)."""
    chance = layer.canvas.chance
    if pot is not None:
        wide, high = size * 0.2, size * 0.34
        side = fade(
            (x - wide, 0), (x + wide, 0), *(lit(pot, light * (1 - 0.45 * t * sun)) for t in (-1, 0, 1))
        )
        layer.polygon(
            [(x - wide, y), (x + wide, y), (x + wide * 0.74, y + high), (x - wide * 0.74, y + high)], side
        )
        layer.ellipse(x, y, wide, wide * 0.16, lit(pot, 0.3 * light))
    for number in range(34):
        lean = chance.normal(0, 0.62)
        long = size * chance.uniform(0.45, 1.0) * (1 - 0.16 * abs(lean))
        tip = (x + math.sin(lean) * long, y - math.cos(lean) * long)
        middle = (x + math.sin(lean * 0.5) * long * 0.55, y - math.cos(lean * 0.5) * long * 0.6)
        facing = 0.5 + 0.5 * math.tanh(2 * sun * math.sin(lean)) + number / 80
        green = lit(mix(colour("#16301c"), colour("#6f9a4e"), min(1.0, facing * 0.75)), light)
        layer.line([(x, y), middle, tip], size * 0.012, lit(green, 0.6))
        leaf(
            layer, middle, (tip[0] + math.sin(lean) * size * 0.12, tip[1] + size * 0.05), size * 0.075, green
        )


def leaf(layer: Layer, start: Point, end: Point, wide: float, green: Colour) -> None:
    """A pointed leaf with one side darker than the other."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    long = math.hypot(dx, dy) or 1e-9
    nx, ny = -dy / long * wide, dx / long * wide
    bow = [(start[0] + dx * t, start[1] + dy * t, math.sin(math.pi * t**0.8)) for t in np.linspace(0, 1, 9)]
    for side, shade in ((1, 1.0), (-1, 0.68)):
        edge = [(px + side * nx * b, py + side * ny * b) for px, py, b in bow]
        layer.polygon([*edge, end, start], lit(green, shade))


def window(
    layer: Layer, corners: Sequence[Point], outside: Paint, frame: Paint, panes: tuple[int, int]
) -> None:
    """A window of columns x rows of panes in a quad."""
    layer.polygon(corners, frame)
    columns, rows = panes
    edge_x, edge_y = 0.05, 0.035
    for column in range(columns):
        for row in range(rows):
            x0, x1 = edge_x + column / columns * (1 - edge_x), (column + 1) / columns * (1 - edge_x)
            y0, y1 = edge_y + row / rows * (1 - edge_y), (row + 1) / rows * (1 - edge_y)
            layer.polygon(part(corners, x0, y0, x1, y1), outside)


def curtain(
    layer: Layer, x0: float, x1: float, y0: float, y1: float, cloth: Colour, alpha: float = 1.0
) -> None:
    """Hanging folds."""
    folds = max(3, round(abs(x1 - x0) / 0.028))
    for number in range(folds):
        a, b = (x0 + (x1 - x0) * t / folds for t in (number, number + 1))
        layer.box(
            min(a, b),
            y0,
            max(a, b),
            y1,
            fade((a, 0), (b, 0), lit(cloth, 0.72), cloth, lit(cloth, 0.66)),
            alpha,
        )


def picture(
    layer: Layer, x0: float, y0: float, x1: float, y1: float, frame: Colour, inside: Sequence[Colour]
) -> None:
    """A framed picture of soft hills, with a mount."""
    layer.box(x0 + 0.006, y0 + 0.01, x1 + 0.01, y1 + 0.014, (0.0, 0.0, 0.0), 0.35)
    layer.box(x0, y0, x1, y1, frame)
    layer.box(x0 + 0.01, y0 + 0.01, x1 - 0.01, y1 - 0.01, colour("#e9e4da"))
    m = min(x1 - x0, y1 - y0) * 0.18
    layer.box(x0 + m, y0 + m, x1 - m, y1 - m, inside[0])
    for number, ink in enumerate(inside[1:], 1):
        level = y0 + m + (y1 - y0 - 2 * m) * number / len(inside)
        wave = [
            (x0 + m + (x1 - x0 - 2 * m) * t, level + 0.02 * math.sin(4 * t + 2 * number))
            for t in np.linspace(0, 1, 12)
        ]
        layer.polygon([*wave, (x1 - m, y1 - m), (x0 + m, y1 - m)], ink)


def lamp(layer: Layer, x: float, y: float, size: float, foot: float, warm: Colour) -> None:
    """A shade of `size` around (x, y) that glows from within, on a stand down to `foot`."""
    layer.box(x - size * 0.025, y, x + size * 0.025, foot, colour("#3a332c"))
    layer.ellipse(x, foot, size * 0.32, size * 0.05, colour("#2c2621"))
    top, bottom, high = size * 0.3, size * 0.48, size * 0.34
    shade = fade((0, y - high), (0, y + high), lit(warm, 0.9), lit(warm, 2.6), lit(warm, 1.5))
    layer.polygon(
        [(x - top, y - high), (x + top, y - high), (x + bottom, y + high), (x - bottom, y + high)], shade
    )


def screen(layer: Layer, corners: Sequence[Point], glow: Paint, foot: float | None = None) -> None:
    """A monitor seen at a quad, on a stand down to `foot`."""
    if foot is not None:
        bottom = within(corners, 0.5, 1)
        layer.box(bottom[0] - 0.018, bottom[1] - 0.01, bottom[0] + 0.018, foot, colour("#24262a"))
        layer.box(bottom[0] - 0.07, foot - 0.008, bottom[0] + 0.07, foot + 0.006, colour("#2b2d31"))
    layer.polygon(corners, colour("#16181b"))
    layer.polygon(part(corners, 0.03, 0.04, 0.97, 0.94), glow)


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> list[Point]:
    """A box with its upper corners rounded."""
    turn = np.linspace(0, np.pi / 2, 8)
    one = [(x0 + radius * (1 - np.cos(t)), y0 + radius * (1 - np.sin(t))) for t in turn]
    return [(x0, y1), *one, *[(x0 + x1 - x, y) for x, y in one[::-1]], (x1, y1)]
