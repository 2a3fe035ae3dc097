"""A segmentation network in numpy: the forward pass of a `Model` over one picture (pure).

Pictures are (rows, columns, channels), channels last, so that a convolution of one pixel is one matrix
product, and a depthwise one a sum of whole rows that were shifted and weighted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from daemon.studio.matte.model import Floats, Model, Operator

_Step = Callable[[Floats], Floats]

_BLOCK: Final = 16384
"""Floats of a depthwise sum that are worked on together: what stays in a core's own cache."""


class Network:
    """A model made ready to run. Not safe to use from two threads at once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._steps = [_step(model, operator) for operator in model.operators]
        last = {number: at for at, operator in enumerate(model.operators) for number in operator.takes}
        self._done = [[number for number, use in last.items() if use == at] for at in range(len(self._steps))]
        self.size = model.shapes[model.takes][2], model.shapes[model.takes][1]
        """(width, height) of the pictures it takes."""

    def run(self, picture: Floats) -> Floats:
        """The mask of a picture: (height, width, 3) in 0..1 to (height, width) in 0..1."""
        held: dict[int, Floats] = {self._model.takes: picture}
        for operator, step, done in zip(self._model.operators, self._steps, self._done, strict=True):
            held[operator.gives] = step(*(held[at] for at in operator.takes if at in held))
            for number in done:
                held.pop(number, None)
        return held[self._model.gives][:, :, 0]


def _step(model: Model, operator: Operator) -> Callable[..., Floats]:
    constants = [model.constants[at] for at in operator.takes if at in model.constants]
    shape = model.shapes[operator.takes[0]]
    match operator.kind:
        case "convolve":
            weights, bias = constants
            return _convolution(weights, bias, operator.stride, shape)
        case "depthwise":
            weights, bias = constants
            return _depthwise(weights[0], bias, operator.stride, shape)
        case "transpose":
            weights, bias = constants
            return _transposed(weights[0], float(bias[0]))
        case "resize":
            return _doubled if _doubles(model, operator) else _not_known("a resize that does not double")
        case "mean":
            return _mean
        case "relu":
            return _relu
        case "hard_swish":
            return _hard_swish
        case "sigmoid":
            return _sigmoid
        case "add":
            return np.add
        case _:
            return np.multiply


def _not_known(what: str) -> _Step:
    raise ValueError(what)


def _doubles(model: Model, operator: Operator) -> bool:
    small, large = model.shapes[operator.takes[0]], model.shapes[operator.gives]
    return (2 * small[1], 2 * small[2]) == large[1:3]


def _mean(x: Floats) -> Floats:
    """Over rows and columns, as a product: numpy's own mean over the outer axes took three times as long."""
    pixels = x.reshape(-1, x.shape[2])
    return (np.full((1, len(pixels)), 1 / len(pixels), np.float32) @ pixels)[None]


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0.0, out=x)


def _hard_swish(x: Floats) -> Floats:
    gate = x + 3.0
    np.clip(gate, 0.0, 6.0, out=gate)
    gate *= x
    gate *= 1 / 6
    return gate


def _sigmoid(x: Floats) -> Floats:
    # exp(-x) of a very sure pixel is too large for a float32.
    odds: Floats = np.exp(np.clip(x, -60.0, 60.0))
    return odds / (1 + odds)


def _convolution(weights: Floats, bias: Floats, stride: int, shape: tuple[int, ...]) -> _Step:
    """(out, rows, columns, in) weights; a stride of 2 or of 1, padded as TFLite's SAME."""
    out, rows, columns, _ = weights.shape
    matrix = np.ascontiguousarray(weights.reshape(out, -1).T)
    if (rows, columns, stride) == (1, 1, 1):

        def mix(x: Floats) -> Floats:
            mixed = x.reshape(-1, x.shape[2]) @ matrix
            mixed += bias
            return mixed.reshape(x.shape[0], x.shape[1], out)

        return mix
    pads = _pads(shape, (rows, columns), stride)

    def convolve(x: Floats) -> Floats:
        padded = np.pad(x, (*pads, (0, 0)))
        down, across, single = padded.strides
        high, wide = -(-x.shape[0] // stride), -(-x.shape[1] // stride)
        windows = as_strided(
            padded,
            (high, wide, rows, columns * x.shape[2]),
            (stride * down, stride * across, down, single),
            writeable=False,
        )
        return (windows.reshape(high * wide, -1) @ matrix + bias).reshape(high, wide, out)

    return convolve


def _depthwise(weights: Floats, bias: Floats, stride: int, shape: tuple[int, ...]) -> _Step:
    """(rows, columns, channels) weights, each channel by itself. Every tap is a sum over whole rows, which
    takes the columns' weights side by side once for each column."""
    rows, columns, channels = weights.shape
    high, wide = -(-shape[1] // stride), -(-shape[2] // stride)
    taps = np.tile(weights, (1, 1, wide))
    first = np.tile(bias, wide)
    above, before = (pad[0] for pad in _pads(shape, (rows, columns), stride))
    # Room for every tap, in whole strides.
    room = stride * (high + (rows - 1) // stride), stride * (wide + (columns - 1) // stride)
    padded = np.zeros((*room, channels), np.float32)
    inside = padded[above : above + shape[1], before : before + shape[2]]
    across = wide * channels
    block = max(1, _BLOCK // across)
    scratch = np.empty((block, across), np.float32)

    def convolve(x: Floats) -> Floats:
        inside[...] = x
        phases = [
            np.ascontiguousarray(padded[row::stride, column::stride]).reshape(room[0] // stride, -1)
            for row in range(stride)
            for column in range(stride)
        ]
        total = np.empty((high, across), np.float32)
        total[...] = first
        for top in range(0, high, block):
            part = total[top : top + block]
            product = scratch[: len(part)]
            for row in range(rows):
                for column in range(columns):
                    phase = phases[row % stride * stride + column % stride]
                    start, left = top + row // stride, column // stride * channels
                    shifted = phase[start : start + len(part), left : left + across]
                    np.multiply(shifted, taps[row, column], out=product)
                    np.add(part, product, out=part)
        return total.reshape(high, wide, channels)

    return convolve


def _pads(
    shape: tuple[int, ...], window: tuple[int, int], stride: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros before and after the rows and the columns, as TFLite's SAME: the odd one after."""
    totals = [max(0, (-(-n // stride) - 1) * stride + k - n) for n, k in zip(shape[1:3], window, strict=True)]
    (rows, columns) = ((total // 2, total - total // 2) for total in totals)
    return rows, columns


def _transposed(weights: Floats, bias: float) -> _Step:
    """2x2 weights at a stride of 2: each pixel becomes a square of four."""
    matrix = np.ascontiguousarray(weights.reshape(4, -1).T)

    def spread(x: Floats) -> Floats:
        squares = (x.reshape(-1, x.shape[2]) @ matrix).reshape(x.shape[0], x.shape[1], 2, 2)
        return squares.transpose(0, 2, 1, 3).reshape(2 * x.shape[0], 2 * x.shape[1], 1) + bias

    return spread


def _doubled(x: Floats) -> Floats:
    """Twice as large, bilinear, by pixel centres: each new pixel is 3/4 of its own and 1/4 of the next."""
    high, wide, channels = x.shape
    rows = _between(x.reshape(high, -1), np.empty((high, 2, wide * channels), np.float32))
    columns = np.empty((2 * high, wide, 2, channels), np.float32)
    flat = rows.reshape(2 * high, -1)
    near = flat * 0.75
    far = flat * 0.25
    first, second = near.copy(), near
    first[:, channels:] += far[:, :-channels]
    first[:, :channels] += far[:, :channels]
    second[:, :-channels] += far[:, channels:]
    second[:, -channels:] += far[:, -channels:]
    columns[:, :, 0] = first.reshape(2 * high, wide, channels)
    columns[:, :, 1] = second.reshape(2 * high, wide, channels)
    return columns.reshape(2 * high, 2 * wide, channels)


def _between(x: Floats, large: Floats) -> Floats:
    """Every row as two, each drawn a quarter of the way to its neighbour; at the edge to itself."""
    near, far = x * 0.75, x * 0.25
    np.add(near[1:], far[:-1], out=large[1:, 0])
    np.add(near[:-1], far[1:], out=large[:-1, 1])
    large[0, 0], large[-1, 1] = x[0], x[-1]
    return large
