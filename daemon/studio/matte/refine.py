"""A network's raw masks made fit to be seen: one figure, its true edges, steady over time (pure).

Masks and grey pictures are float32 in 0..1, (rows, columns).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from daemon.studio.matte.model import Floats

Bools = npt.NDArray[np.bool_]

_SURE: Final = 0.5
_COMPANION: Final = 0.25
"""A second figure is a person too from a quarter of the first one's area on; less is a chair or a lamp."""

_RADIUS: Final = 3
_EPSILON: Final = 2e-4
_LOW: Final = 0.12
_HIGH: Final = 0.88
"""Below and above, a guided mask is none and all: a guided filter leaves a haze over what resembles the
other side."""

_STEADY: Final = 0.25
_STILL: Final = 0.012
_MOVED: Final = 0.035
"""Where the picture changed by less than 0.012 (a camera's noise, averaged), a new mask counts a quarter; from
0.035 on it counts whole."""


def main_figures(mask: Floats) -> Floats:
    """The mask with nothing but its largest connected figure, and others of at least a quarter of its area.
    Soft edges stay: two pixels around a figure belong to it."""
    labels, areas = components(mask > _SURE)
    if len(areas) < 2:
        return mask
    kept = np.flatnonzero(areas >= _COMPANION * areas.max()) + 1
    return np.where(_grown(np.isin(labels, kept), 2), mask, np.float32(0))


def components(inside: Bools) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """(labels from 1 on, 0 outside; the area of each label) of the 4-connected parts of a mask."""
    rows, columns = inside.shape
    framed = np.zeros((rows, columns + 2), np.int8)
    framed[:, 1:-1] = inside
    steps = np.diff(framed, axis=1)
    row, start = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    parents = list(range(len(row)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    where, begins, ends = row.tolist(), start.tolist(), end.tolist()
    above = 0
    for run in range(len(where)):
        # Runs stand in reading order: those of the row above that end before this one begins are done with.
        while where[above] < where[run] - 1 or (
            where[above] == where[run] - 1 and ends[above] <= begins[run]
        ):
            above += 1
        other = above
        while other < run and where[other] == where[run] - 1 and begins[other] < ends[run]:
            parents[root(other)] = root(run)
            other += 1
    _, owners = np.unique([root(run) for run in range(len(where))], return_inverse=True)
    marks = np.zeros((rows, columns + 1), np.int32)
    np.add.at(marks, (row, start), owners + 1)
    np.add.at(marks, (row, end), -(owners + 1))
    labels = np.cumsum(marks, axis=1, dtype=np.int32)[:, :-1]
    areas = np.bincount(owners, end - start).astype(np.int64) if len(row) else np.zeros(0, np.int64)
    return labels, areas


def news(grey: Floats, before: Floats) -> Floats:
    """How much of a new mask is to be believed, 0.25 to 1: the more, the more the picture changed there. A cut
    in the footage changes all of it, and nothing of the old mask is left."""
    difference: Floats = np.abs(grey - before)
    share = box(difference, 2)
    share -= _STILL
    share *= (1 - _STEADY) / (_MOVED - _STILL)
    np.clip(share, 0, 1 - _STEADY, out=share)
    share += _STEADY
    return share


def guided(mask: Floats, grey: Floats) -> tuple[Floats, Floats]:
    """(slope, level) of the guided filter (He, Sun, Tang 2013): the mask as a local line of the grey picture.
    `slope * grey + level` is the mask with the picture's edges; both may be enlarged first, which costs
    little at full size (He, Sun 2015)."""
    mean = box(grey, _RADIUS)
    around = box(mask, _RADIUS)
    spread: Floats = box(grey * grey, _RADIUS) - mean * mean + np.float32(_EPSILON)
    slope: Floats = box(grey * mask, _RADIUS) - mean * around
    slope /= spread
    level: Floats = around - slope * mean
    return box(slope, _RADIUS), box(level, _RADIUS)


def firm(mask: Floats) -> Floats:
    """The mask by a smooth step: haze becomes nothing, what is nearly whole becomes whole."""
    t = mask - _LOW
    t *= 1 / (_HIGH - _LOW)
    np.clip(t, 0, 1, out=t)
    step: Floats = t * -2
    step += 3
    step *= t
    step *= t
    return step


def box(x: Floats, radius: int) -> Floats:
    """The mean over a square of 2 * radius + 1, the edge pixels repeated outwards."""
    width = 2 * radius + 1
    rows, columns = x.shape
    padded = np.concatenate([x[:1]] * radius + [x] + [x[-1:]] * radius)
    sums = padded[:rows].copy()
    for shift in range(1, width):
        sums += padded[shift : shift + rows]
    padded = np.concatenate([sums[:, :1]] * radius + [sums] + [sums[:, -1:]] * radius, axis=1)
    sums = padded[:, :columns].copy()
    for shift in range(1, width):
        sums += padded[:, shift : shift + columns]
    sums *= 1 / width**2
    return sums


def enlarged(x: Floats) -> Floats:
    """Twice as wide and high, bilinear, by pixel centres."""
    rows, columns = x.shape
    near, far = x * 0.75, x * 0.25
    tall = np.empty((2 * rows, columns), np.float32)
    np.add(near[1:], far[:-1], out=tall[2::2])
    np.add(near[:-1], far[1:], out=tall[1:-1:2])
    tall[0], tall[-1] = x[0], x[-1]
    near, far = tall * 0.75, tall * 0.25
    large = np.empty((2 * rows, 2 * columns), np.float32)
    np.add(near[:, 1:], far[:, :-1], out=large[:, 2::2])
    np.add(near[:, :-1], far[:, 1:], out=large[:, 1:-1:2])
    large[:, 0], large[:, -1] = tall[:, 0], tall[:, -1]
    return large


def _grown(inside: Bools, by: int) -> Bools:
    for _ in range(by):
        grown = inside.copy()
        grown[1:] |= inside[:-1]
        grown[:-1] |= inside[1:]
        grown[:, 1:] |= inside[:, :-1]
        grown[:, :-1] |= inside[:, 1:]
        inside = grown
    return inside
