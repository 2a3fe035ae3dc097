"""Still pictures of the user's as ffmpeg takes them without surprises: photos on the timeline, watermarks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from daemon.media.photo import opened
from daemon.studio.scene import Mark

_EDGE: Final = 0.03
"""What stays free between a watermark and the frame's edge, as a share of the shorter side."""

_TALLEST: Final = 0.4
_LARGEST_PX: Final = 4096


def still(path: Path, target: Path, most: int = 0) -> Path:
    """A photo written to `target`: turned by its EXIF, RGB, transparency over black.

    `most`: pixels of its longer side, 0 for 4096. Raises MediaError where it is no picture that can be read.
    """
    photo(path, most or _LARGEST_PX).save(target, compress_level=1)
    return target


def photo(path: Path, most: int = _LARGEST_PX) -> Image.Image:
    """A photo turned by its EXIF, RGB, transparency over black, at most `most` pixels wide and high.

    Raises RenderError where it is no picture that can be read.
    """
    opened = _opened(path, min(most, _LARGEST_PX))
    ground = Image.new("RGBA", opened.size, (0, 0, 0, 255))
    return Image.alpha_composite(ground, opened).convert("RGB")


def marked(path: Path, target: Path, mark: Mark, frame: tuple[int, int]) -> tuple[int, int]:
    """A watermark written to `target` as it is laid over `frame` (pixels); where its upper left corner goes.

    Raises MediaError where it is no picture that can be read.
    """
    picture = _opened(path, _LARGEST_PX)
    scale = min(frame[0] * mark.width / picture.width, frame[1] * _TALLEST / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    picture.putalpha(picture.getchannel("A").point([round(value * mark.opacity) for value in range(256)]))
    picture.save(target, compress_level=1)
    edge = round(min(frame) * _EDGE)
    middle = (frame[0] - size[0]) // 2, (frame[1] - size[1]) // 2
    across = {"left": edge, "right": frame[0] - edge - size[0]}
    down = {"top": edge, "bottom": frame[1] - edge - size[1]}
    vertical, _, horizontal = mark.corner.partition("-")
    return across.get(horizontal, middle[0]), down.get(vertical, middle[1])


def decode(path: Path) -> None:
    """Reads a photo to its end. Raises MediaError where that cannot be done."""
    _opened(path, 64)


def _opened(path: Path, most: int) -> Image.Image:
    with opened(path) as image:
        # What is left over of a JPEG's size is halved first, before it takes any room.
        image.thumbnail((most, most))
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            # Pillow cuts 16 bits off at 255 instead of scaling them: all but the blackest grey came out white.
            upright = upright.point(lambda value: value / 256).convert("L")
        return upright.convert("RGBA")
