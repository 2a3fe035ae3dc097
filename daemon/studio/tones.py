"""HDR brought to the range of an ordinary screen: a table from PQ or HLG in BT.2020 to BT.709 (pure).

A table and `lut3d` instead of `zscale` and `tonemap`: every ffmpeg has it, and grey lands where it is meant to.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SIZE: Final = 33
_PEAK: Final = 10_000.0
"""cd/m2 of a full PQ signal (SMPTE ST 2084)."""

_HLG_PEAK: Final = 1000.0
"""cd/m2 of the screen that HLG's system gamma of 1.2 is meant for (ITU-R BT.2100)."""

_WHITE: Final = 203.0
"""cd/m2 of a sheet of white paper in HDR (ITU-R BT.2408): 1.0 from here on."""

_KNEE: Final = 0.6
"""Up to here light stays what it is, and skin with it; above, the rest of HDR's range is bent into what is left.
White comes out at 92 % of the signal, and lamps and skies between that and 100 %."""

_GAMMA: Final = 2.4
"""Of an ordinary screen (ITU-R BT.1886)."""

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A: Final = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * float(np.log(4 * _A))
_LUMA: Final = np.array([0.2627, 0.6780, 0.0593])
_TO_709: Final = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
)
"""Linear light from BT.2020's primaries to BT.709's (ITU-R BT.2087, inverted)."""

TRANSFERS: Final = ("smpte2084", "arib-std-b67")
"""ffmpeg's names of PQ and HLG."""


def cube(transfer: str) -> str:
    """The table as `lut3d` reads it, for one of TRANSFERS."""
    axis = np.linspace(0, 1, _SIZE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    table = toned(np.stack([red, green, blue], -1).reshape(-1, 3), transfer)
    return f"LUT_3D_SIZE {_SIZE}\n" + "".join(f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in table)


def toned(signal: NDArray[np.float64], transfer: str) -> NDArray[np.float64]:
    """RGB signals 0..1 (rows) in PQ or HLG to RGB signals of an ordinary screen."""
    light = _hlg(signal) if transfer == "arib-std-b67" else _pq(signal)
    light = np.maximum(light / _WHITE @ _TO_709.T, 0)
    # By channel alone bright colours turn pale, by the brightest channel alone they turn dark.
    brightest = light.max(axis=1, keepdims=True)
    together = light * _bent(brightest) / np.maximum(brightest, 1e-9)
    return np.asarray(np.clip((_bent(light) + together) / 2, 0, 1) ** (1 / _GAMMA))


def _bent(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light with the knee: 1 for the brightest that there is, and no corner where it begins."""
    room = 1 - _KNEE
    above = np.maximum(light - _KNEE, 0) / room
    most = (_PEAK / _WHITE - _KNEE) / room
    return np.minimum(light, _KNEE) + room * above / (1 + above * (1 - 1 / most))


def _pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 (SMPTE ST 2084)."""
    power = signal ** (1 / _M2)
    return np.asarray(_PEAK * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1))


def _hlg(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 on a screen of 1000 (ITU-R BT.2100)."""
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12)
    return np.asarray(_HLG_PEAK * (scene @ _LUMA)[:, None] ** 0.2 * scene)
