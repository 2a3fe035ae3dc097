"""A person drawn well enough that a segmentation network takes it for one."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Array = npt.NDArray[np.float64]

_FINER = 2
_PARTS = (
    # (x, y, half width, half height) of an ellipse in hundredths of the height, colour, softness
    ((0, 108, 38, 40), (50, 70, 120), 0.6),
    ((0, 62, 7, 13), (190, 140, 115), 0.6),
    ((-14, 42, 2.5, 5), (195, 140, 118), 0.6),
    ((14, 42, 2.5, 5), (195, 140, 118), 0.6),
    ((0, 32, 15.5, 15.5), (55, 40, 30), 0.6),
    ((0, 44, 12.5, 16), (215, 165, 140), 0.8),
    ((-5, 40, 2.4, 1.3), (245, 240, 235), 0.1),
    ((5, 40, 2.4, 1.3), (245, 240, 235), 0.1),
    ((-5, 40, 1.1, 1.2), (50, 35, 30), 0.1),
    ((5, 40, 1.1, 1.2), (50, 35, 30), 0.1),
    ((-5, 36.5, 3.2, 0.7), (60, 45, 35), 0.3),
    ((5, 36.5, 3.2, 0.7), (60, 45, 35), 0.3),
    ((1, 46, 1.6, 3.5), (180, 125, 105), 0.9),
    ((0, 52, 4.5, 1.4), (160, 75, 75), 0.4),
)


@functools.cache
def person(width: int, height: int) -> tuple[Array, Array]:
    """((height, width, 3) colours 0..255, (height, width) alpha 0..1) of head and shoulders."""
    size = _FINER * width, _FINER * height
    unit, middle = size[1] / 100, size[0] / 2
    rows, columns = np.mgrid[: size[1], : size[0]]
    light = 1 - 0.28 * np.clip((columns - middle) / (20 * unit), -1, 1)
    light -= 0.1 * np.clip((rows / unit - 40) / 40, -1, 1)
    colours, whole = np.zeros((size[1], size[0], 3)), Image.new("L", size)
    for (x, y, wide, high), colour, soft in _PARTS:
        layer = Image.new("L", size)
        corners = [
            middle + (x - wide) * unit,
            (y - high) * unit,
            middle + (x + wide) * unit,
            (y + high) * unit,
        ]
        ImageDraw.Draw(layer).ellipse(corners, fill=255)
        ImageDraw.Draw(whole).ellipse(corners, fill=255)
        share = np.asarray(layer.filter(ImageFilter.GaussianBlur(soft * unit)), float)[..., None] / 255
        colours += (np.clip(np.array(colour) * light[..., None], 0, 255) - colours) * share
    small = Image.fromarray(colours.astype(np.uint8)).resize((width, height), Image.Resampling.BOX)
    alpha = whole.filter(ImageFilter.GaussianBlur(0.15 * unit)).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, float), np.asarray(alpha, float) / 255


def over(colours: Array, alpha: Array, ground: Array, noise: Array) -> npt.NDArray[np.uint8]:
    picture = colours * alpha[..., None] + ground * (1 - alpha[..., None]) + noise
    return np.clip(picture, 0, 255).astype(np.uint8)
