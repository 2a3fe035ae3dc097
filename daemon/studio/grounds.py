"""What stands behind a cut figure, and still pictures as ffmpeg takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.errors import RenderError
from daemon.studio.scene import Background

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST_PX: Final = 4096


def ground(background: Background, size: tuple[int, int], asset: Callable[[str], Path]) -> Image | None:
    """The picture behind a figure, RGB of `size`; None where the footage itself or nothing stands there.

    `asset` gives the file of a content hash. Raises RenderError for a picture that cannot be read.
    """
    from PIL import Image, ImageOps

    match background.kind:
        case "colour":
            return Image.new("RGB", size, background.what)
        case "picture":
            path = asset(background.asset)
            if not path.is_file():
                raise RenderError("drawing the background", "the picture for it is gone")
            return ImageOps.fit(still(path), size, Image.Resampling.LANCZOS)
        case "scene":
            from daemon.studio.backdrops import draw

            return draw(background.what, *size)
        case _:
            return None


def still(path: Path) -> Image:
    """A picture turned by its EXIF, RGB, transparency over black, at most 4096 pixels wide and high. Raises
    RenderError when it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            opened.thumbnail((_MOST_PX, _MOST_PX))
            turned = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RenderError("rendering", f"{path.name} is no picture that can be read: {error}") from error
    black = Image.new("RGBA", turned.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, turned).convert("RGB")
