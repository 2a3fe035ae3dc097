"""What stands behind a cut figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.studio.inputs import Files
from daemon.studio.scene import Background

if TYPE_CHECKING:
    from PIL.Image import Image


def ground(background: Background, size: tuple[int, int], files: Files) -> Image | None:
    """The picture behind a figure, RGB of `size`; None where the footage itself or nothing stands there.

    Raises RenderError for a picture that is gone or cannot be read.
    """
    from PIL import Image, ImageOps

    from daemon.studio.stills import photo

    match background.kind:
        case "colour":
            return Image.new("RGB", size, background.what)
        case "picture":
            path = files.clip(background.asset) if background.asset else files.library.picture(background.own)
            return ImageOps.fit(photo(path), size, Image.Resampling.LANCZOS)
        case "scene":
            own = files.library.scene(background.what)
            if own is not None:
                return ImageOps.fit(photo(own), size, Image.Resampling.LANCZOS)
            from daemon.studio.backdrops import draw

            return draw(background.what, *size)
        case _:
            return None
