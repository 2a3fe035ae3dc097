"""Whether footage was taken before a green or blue screen, and the screen's colour.

Decided on the edges of a few frames (pure), and only where the key will hold: the top and both sides are of
one saturated colour without texture, the same in every frame.
"""

from __future__ import annotations

import colorsys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from daemon.errors import MediaError
from daemon.media.ffmpeg import Ffmpeg, source
from daemon.media.probe import Probe
from daemon.studio.graph import own_matrix

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

_SIZE: Final = (320, 180)
_AT: Final = (0.1, 0.5, 0.9)
"""Where in the clip the frames are looked at, as shares of its length."""

_HUES: Final = ((100.0, 165.0), (214.0, 246.0))
"""Green and blue in degrees. A lawn is yellower (70 to 100), a sky lighter and nearer to cyan (195 to 215)."""

_SATURATION: Final = 0.45
_VALUE: Final = 0.2
_LIKE: Final = 0.05
_SHARE: Final = 0.92
"""So much of the edge differs from the screen's colour by less than 0.05, in the words of `chromakey`,
which takes 0.04 as screen and what lies 0.03 above as half of it."""

_TEXTURE: Final = 5.0
"""Steps of brightness from pixel to pixel, 0 to 255. Leaves, bricks and cloth have more."""


def screen_of(path: Path, probe: Probe, ffmpeg: Ffmpeg) -> str | None:
    """The screen's colour as #rrggbb; None where there is none. Raises MediaError when the file cannot be
    read."""
    return screen_in(sampled(path, probe, ffmpeg, _SIZE)) if probe.has_video else None


def sampled(path: Path, probe: Probe, ffmpeg: Ffmpeg, size: tuple[int, int]) -> list[Bytes]:
    """A few frames of a clip, (rows, columns, 3) RGB of `size` (width, height). Raises MediaError."""
    length = probe.duration_s or 0.0
    places = [share * length for share in _AT] if length else [0.0]
    frames = [_frame(path, at_s, probe, ffmpeg, size) for at_s in places]
    return [frame for frame in frames if frame is not None]


def screen_in(frames: Sequence[Bytes]) -> str | None:
    """The colour of the screen in frames of (rows, columns, 3) RGB, if all of them show one."""
    edges = [_edge(frame) for frame in frames]
    if not edges:
        return None
    colour = np.median(np.concatenate(edges), axis=0)
    hue, saturation, value = colorsys.rgb_to_hsv(*(colour / 255))
    vivid = saturation >= _SATURATION and value >= _VALUE
    if not vivid or not any(low <= hue * 360 <= high for low, high in _HUES):
        return None
    for frame, edge in zip(frames, edges, strict=True):
        if (_apart(edge, colour) < _LIKE).mean() < _SHARE or _texture(frame) > _TEXTURE:
            return None
    red, green, blue = (round(float(level)) for level in colour)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _edge(frame: Bytes) -> Floats:
    """The pixels along the top and both sides. Further down are shoulders and tables."""
    rows, columns, _ = frame.shape
    deep, wide, low = rows // 14, columns // 14, rows * 2 // 3
    parts = (frame[:deep], frame[deep:low, :wide], frame[deep:low, -wide:])
    return np.concatenate([part.reshape(-1, 3) for part in parts]).astype(float)


def _apart(pixels: Floats, colour: Floats) -> Floats:
    """How far pixels are from a colour in blue and red difference (BT.601), as `chromakey` counts it."""
    mix = np.array(((-0.169, -0.331, 0.5), (0.5, -0.419, -0.081)))
    apart: Floats = np.sqrt((((pixels - colour) @ mix.T) ** 2).sum(1) / (2 * 255**2))
    return apart


def _texture(frame: Bytes) -> float:
    """The mean step of brightness along the top and down the sides."""
    rows, columns, _ = frame.shape
    grey = frame.astype(float).mean(2)
    deep, wide, low = rows // 14, columns // 14, rows * 2 // 3
    across = np.abs(np.diff(grey[:deep], axis=1)).ravel()
    down = [np.abs(np.diff(side, axis=0)).ravel() for side in (grey[:low, :wide], grey[:low, -wide:])]
    return float(np.concatenate([across, *down]).mean())


def _frame(path: Path, at_s: float, probe: Probe, ffmpeg: Ffmpeg, size: tuple[int, int]) -> Bytes | None:
    """One frame, small; None past the last one."""
    width, height = size
    scale = f"scale={width}:{height}:flags=area:in_color_matrix={own_matrix(probe)},format=rgb24"
    if probe.pixel_format.startswith(("rgb", "bgr", "gbr", "pal8")):
        scale = f"scale={width}:{height}:flags=area,format=rgb24"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "frame.rgb"
        seek = ["-ss", f"{at_s:.6f}"] if at_s else []
        outputs = ["-frames:v", "1", "-an", "-vf", scale, "-f", "rawvideo", source(target)]
        ffmpeg.run([*seek, "-i", source(path), *outputs], timeout_s=120)
        held = target.read_bytes() if target.exists() else b""
    if not held:
        return None
    if len(held) != 3 * width * height:
        raise MediaError(f"looking at {path.name}", "ffmpeg gave part of a frame")
    return np.frombuffer(held, np.uint8).reshape(height, width, 3)
