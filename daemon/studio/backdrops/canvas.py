"""What a scene is drawn on: linear light, layers out of focus, and the way from there to 8 bit.

A layer is drawn sharp and then blurred by a disc, as a lens does it, in linear light that may be brighter
than white: so a lamp far away becomes a soft disc by itself.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_AREA: Final = 640 * 360
"""Pixels drawn, whatever the size asked for: all of it is out of focus, so more would not be seen."""

_MARGIN: Final = 0.08
"""Drawn beyond each edge, as a share of the shorter side: a layer blurred at the edge needs what is outside."""

_NARROWEST: Final = 1 / 3
_BLOOM: Final = 0.16
_SHOULDER: Final = 0.55
_BLACK: Final = 0.016
_WHITE: Final = 0.97
_DITHER: Final = 1.1
"""Standard deviation of the noise in steps of 8 bit. x264 (veryfast, crf 20) smooths noise away: equal neighbours
in the sunset's sky ran for 18 pixels on average without it, 16 at 0.5, 6 at 1.1."""

Field = NDArray[np.float32]
Colour = tuple[float, float, float]
Point = tuple[float, float]
Paint = Colour | Callable[[Field, Field], Field]
"""One linear colour, or a function of x (1 x columns) and y (rows x 1) that gives 3 x rows x columns."""


def colour(code: str, light: float = 1.0) -> Colour:
    """`#rrggbb` (sRGB) as linear light, `light` times as bright."""
    red, green, blue = (int(code[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return (_linear(red) * light, _linear(green) * light, _linear(blue) * light)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one` at 0, `other` at 1."""
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )


def lit(one: Colour, light: float) -> Colour:
    return (one[0] * light, one[1] * light, one[2] * light)


def fade(start: Point, end: Point, *colours: Colour) -> Paint:
    """A gradient along the line from `start` to `end` through evenly spaced colours."""
    run = (end[0] - start[0], end[1] - start[1])
    square = run[0] ** 2 + run[1] ** 2
    places = np.linspace(0, 1, len(colours))

    def paint(x: Field, y: Field) -> Field:
        share = ((x - start[0]) * run[0] + (y - start[1]) * run[1]) / square
        return np.stack([np.interp(share, places, [one[i] for one in colours]) for i in range(3)]).astype(
            np.float32
        )

    return paint


class Layer:
    """Premultiplied linear RGBA, 4 x rows x columns, drawn in units of the canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.rgba: Field = np.zeros((4, *canvas.shape), np.float32)

    def cover(self, paint: Paint) -> None:
        """All of it, opaque."""
        canvas = self.canvas
        self.rgba[:3] = _painted(paint, canvas.x, canvas.y)
        self.rgba[3] = 1

    def polygon(self, points: Sequence[Point], paint: Paint, alpha: float = 1.0) -> None:
        pixels = [self.canvas.pixel(point) for point in points]
        rows, columns = self.canvas.shape
        left = max(0, math.floor(min(x for x, _ in pixels)))
        top = max(0, math.floor(min(y for _, y in pixels)))
        right = min(columns, math.ceil(max(x for x, _ in pixels)) + 1)
        bottom = min(rows, math.ceil(max(y for _, y in pixels)) + 1)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (2 * (right - left), 2 * (bottom - top)))
        ImageDraw.Draw(mask).polygon([(2 * (x - left), 2 * (y - top)) for x, y in pixels], fill=255)
        share = np.asarray(mask.reduce(2), np.float32) * np.float32(alpha / 255)
        self.blend(share, paint, (slice(top, bottom), slice(left, right)))

    def blend(
        self, share: Field, paint: Paint, box: tuple[slice, slice] = (slice(None), slice(None))
    ) -> None:
        """`paint` over what is there, as much as `share` (0..1, the size of `box`) says."""
        part = self.rgba[(slice(None), *box)]
        part *= 1 - share
        part[:3] += _painted(paint, self.canvas.x[:, box[1]], self.canvas.y[box[0]]) * share
        part[3] += share

    def box(self, x0: float, y0: float, x1: float, y1: float, paint: Paint, alpha: float = 1.0) -> None:
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], paint, alpha)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, paint: Paint, alpha: float = 1.0, turn: float = 0.0
    ) -> None:
        """`turn` in radians."""
        cos, sin = math.cos(turn), math.sin(turn)
        points = []
        for step in range(40):
            a, b = rx * math.cos(step * math.tau / 40), ry * math.sin(step * math.tau / 40)
            points.append((x + a * cos - b * sin, y + a * sin + b * cos))
        self.polygon(points, paint, alpha)

    def line(self, points: Sequence[Point], wide: float, paint: Paint, thin: float | None = None) -> None:
        """A stroke through the points, `wide` at its start and `thin` (as wide) at its end."""
        end = wide if thin is None else thin
        one, other = [], []
        for at, (x, y) in enumerate(points):
            before, after = points[max(0, at - 1)], points[min(len(points) - 1, at + 1)]
            dx, dy = after[0] - before[0], after[1] - before[1]
            half = (wide + (end - wide) * at / (len(points) - 1)) / 2 / max(math.hypot(dx, dy), 1e-9)
            one.append((x - dy * half, y + dx * half))
            other.append((x + dy * half, y - dx * half))
        self.polygon(one + other[::-1], paint)

    def glow(self, x: float, y: float, rx: float, ry: float, light: Colour) -> None:
        """Light falling on what is there, strongest at (x, y); rx, ry: one standard deviation."""
        self.rgba[:3] += rgb(light) * (self.canvas.bell(x, y, rx, ry) * self.rgba[3])

    def shine(self, x: float, y: float, rx: float, ry: float, light: Colour) -> None:
        """The same, in the colours of what it falls on."""
        self.rgba[:3] *= 1 + rgb(light) * self.canvas.bell(x, y, rx, ry)

    def shade(self, x: float, y: float, rx: float, ry: float, strength: float) -> None:
        self.rgba[:3] *= 1 - np.float32(strength) * self.canvas.bell(x, y, rx, ry)

    def grain(self, field: Field, strength: float) -> None:
        """Lighter and darker by a field of 0..1."""
        self.rgba[:3] *= 1 + np.float32(2 * strength) * (field - np.float32(0.5))


class Canvas:
    """A picture in the making. Units: the shorter side is 1, the origin the upper left corner, y downward.

    `w`, `h`: its size in them. `band`: how wide each side is, beside the third that the person stands in.
    """

    def __init__(self, name: str, width: int, height: int) -> None:
        aspect = min(1 / _NARROWEST, max(_NARROWEST, width / height))
        rows = round(math.sqrt(_AREA / aspect))
        columns = round(_AREA / rows)
        self.unit = min(rows, columns)
        self.w, self.h = columns / self.unit, rows / self.unit
        self.band = self.w / 3
        self.tall = self.h > 1.25
        self.margin = round(_MARGIN * self.unit)
        self.size = (rows, columns)
        self.shape = (_whole(rows + 2 * self.margin), _whole(columns + 2 * self.margin))
        self.x = self._places(self.shape[1])[None, :]
        self.y = self._places(self.shape[0])[:, None]
        self.chance = np.random.default_rng(zlib.crc32(name.encode()))
        self.light: Field = np.zeros((3, *self.shape), np.float32)

    def _places(self, count: int) -> Field:
        """The middles of `count` pixels."""
        return np.asarray((np.arange(count) + 0.5 - self.margin) / self.unit, np.float32)

    def pixel(self, point: Point) -> Point:
        return (point[0] * self.unit + self.margin, point[1] * self.unit + self.margin)

    def layer(self) -> Layer:
        return Layer(self)

    def put(self, layer: Layer, blur: float) -> None:
        """Lay `layer` over the picture, out of focus by a disc of radius `blur`."""
        rgba = _out_of_focus(layer.rgba, blur * self.unit)
        self.light *= 1 - rgba[3]
        self.light += rgba[:3]

    def bell(self, x: float, y: float, rx: float, ry: float) -> Field:
        """A Gaussian of height 1."""
        across = np.exp(-0.5 * ((self.x - np.float32(x)) / np.float32(rx)) ** 2)
        down = np.exp(-0.5 * ((self.y - np.float32(y)) / np.float32(ry)) ** 2)
        return np.asarray(across * down, np.float32)

    def noise(self, wide: float, high: float, octaves: int = 4) -> Field:
        """A cloudy field of 0..1, its largest shapes `wide` x `high`, each octave half as large as the last."""
        rows, columns = self.shape
        total = np.zeros(self.shape, np.float32)
        for octave in range(octaves):
            down = max(2, round(rows / self.unit / high * 2**octave))
            across = max(2, round(columns / self.unit / wide * 2**octave))
            small = self.chance.random((min(down, rows), min(across, columns)), np.float32)
            whole = Image.fromarray(small).resize((columns, rows), Image.Resampling.BICUBIC)
            total += np.asarray(whole) * np.float32(0.5**octave)
        total -= total.min()
        return np.asarray(total / max(float(total.max()), 1e-9), np.float32)

    def calm(self, blur: float) -> None:
        """Take the focus off the middle, where the person stands, still further."""
        soft = _out_of_focus(self.light, blur * self.unit)
        share = np.exp(-(((self.x - np.float32(self.w / 2)) / np.float32(self.band * 0.62)) ** 4))
        self.light += (soft - self.light) * share

    def finish(self, width: int, height: int) -> Image.Image:
        """Bloom, vignette, tone and dither; RGB of `width` x `height`."""
        light = self.light
        bright = np.maximum(light - np.float32(0.6), 0)
        light = light + np.float32(_BLOOM) * _haze(bright, 0.06 * self.unit)
        across, down = (self.x / self.w - 0.5) * 2, (self.y / self.h - 0.5) * 2
        light *= (1 - 0.11 * across**2 - 0.11 * down**2 - 0.10 * (across * down) ** 2).astype(np.float32)
        over = np.maximum(light - np.float32(_SHOULDER), 0) / np.float32(1 - _SHOULDER)
        light = np.minimum(light, np.float32(_SHOULDER)) + np.float32(1 - _SHOULDER) * (1 - np.exp(-over))
        light = np.maximum(light, 0)
        rows, columns = (slice(self.margin, self.margin + count) for count in self.size)
        planes = []
        for plane in light[:, rows, columns]:
            coded = Image.fromarray(_coded(plane)).resize((width, height), Image.Resampling.BICUBIC)
            noise = self.chance.standard_normal((height, width), np.float32) * np.float32(_DITHER)
            steps = np.clip(np.asarray(coded), _BLACK, _WHITE) * np.float32(255) + noise
            planes.append(np.clip(np.rint(steps), 0, 255).astype(np.uint8))
        return Image.fromarray(np.stack(planes, axis=-1))


def _painted(paint: Paint, x: Field, y: Field) -> Field:
    return paint(x, y) if callable(paint) else rgb(paint)


def rgb(one: Colour) -> Field:
    return np.asarray(one, np.float32).reshape(3, 1, 1)


def _out_of_focus(planes: Field, radius: float) -> Field:
    """Each plane convolved with a disc of `radius` pixels, a little brighter at its rim."""
    rows, columns = planes.shape[1:]
    radius = max(radius, 0.7)
    down = np.fft.fftfreq(rows, 1 / rows)[:, None]
    across = np.fft.fftfreq(columns, 1 / columns)[None, :]
    distance = np.hypot(down, across)
    return _convolved(planes, np.clip(radius + 0.5 - distance, 0, 1) * (0.8 + 0.2 * (distance / radius) ** 2))


def _haze(planes: Field, deviation: float) -> Field:
    """Each plane convolved with a Gaussian of `deviation` pixels."""
    rows, columns = planes.shape[1:]
    down = np.fft.fftfreq(rows, 1 / rows)[:, None]
    across = np.fft.fftfreq(columns, 1 / columns)[None, :]
    return _convolved(planes, np.exp(-0.5 * (down**2 + across**2) / deviation**2))


def _convolved(planes: Field, kernel: NDArray[np.float64]) -> Field:
    """`kernel`: rows x columns, its middle in the upper left corner; brought to a sum of 1."""
    spectrum = np.fft.rfft2((kernel / kernel.sum()).astype(np.float32))
    size = (planes.shape[1], planes.shape[2])
    blurred = np.fft.irfft2(np.fft.rfft2(planes, axes=(1, 2)) * spectrum, s=size, axes=(1, 2))
    return np.asarray(np.maximum(blurred, 0), np.float32)


def _whole(count: int) -> int:
    """`count` or a little more, a multiple of 32: a transform over a number with large prime factors is slow."""
    return -(-count // 32) * 32


def _linear(value: float) -> float:
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


def _coded(plane: Field) -> Field:
    """Linear light as sRGB 0..1 (IEC 61966-2-1)."""
    low = plane * np.float32(12.92)
    high = np.float32(1.055) * np.maximum(plane, np.float32(0.0031308)) ** np.float32(1 / 2.4) - np.float32(
        0.055
    )
    return np.asarray(np.where(plane <= 0.0031308, low, high), np.float32)
