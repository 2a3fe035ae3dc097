"""Frame after frame to masks: the network and what makes its masks fit to be seen."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from daemon.studio.matte.model import Floats
from daemon.studio.matte.network import Network
from daemon.studio.matte.refine import enlarged, firm, guided, main_figures, news

Bytes = npt.NDArray[np.uint8]

DETAIL: Final = 2
"""A mask is twice as wide and high as the network's own: its edges are those of a finer picture."""

_LUMA: Final = np.array((0.25, 0.5, 0.25), np.float32)


class Matter:
    """Makes the masks of one clip, in order. `steady`: smoothing over time."""

    def __init__(self, network: Network, *, steady: bool = True) -> None:
        self._network = network
        self._steady = steady
        self._before: tuple[Floats, Floats] | None = None
        width, height = network.size
        self.size = DETAIL * width, DETAIL * height
        """(width, height) of the pictures it takes and of the masks it gives."""

    def mask(self, picture: Bytes) -> Bytes:
        """(height, width, 3) RGB to (height, width): 255 where the figure is, 0 where it is not."""
        coarse = _halved(picture)
        coarse_grey = coarse @ _LUMA
        mask = main_figures(self._network.run(coarse))
        fine, level = (enlarged(line) for line in guided(mask, coarse_grey))
        fine *= _grey(picture)
        fine += level
        # What flickers most is the camera's noise that the guide brings in: so the guided mask is smoothed.
        if self._steady and self._before is not None:
            grey_before, fine_before = self._before
            fine -= fine_before
            fine *= enlarged(news(coarse_grey, grey_before))
            fine += fine_before
        self._before = coarse_grey, fine
        shown = firm(fine)
        shown *= 255
        shown += 0.5
        return shown.astype(np.uint8)


def _grey(picture: Bytes) -> Floats:
    sums = picture[:, :, 0].astype(np.uint16)
    sums += picture[:, :, 1]
    sums += picture[:, :, 1]
    sums += picture[:, :, 2]
    return sums.astype(np.float32) * np.float32(1 / (4 * 255))


def _halved(picture: Bytes) -> Floats:
    """Half as large, in 0..1: each pixel the mean of four."""
    sums = picture[0::2, 0::2].astype(np.uint16)
    for row, column in ((0, 1), (1, 0), (1, 1)):
        sums += picture[row::2, column::2]
    return sums.astype(np.float32) * np.float32(1 / (4 * 255))
