"""Drawn scenes to stand behind a person: soft, in any aspect, the same for the same name and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image

from daemon.errors import RenderError
from daemon.studio.backdrops import outdoors, rooms, shores, skies, workrooms
from daemon.studio.backdrops.canvas import Canvas
from daemon.studio.operations import BackdropName

_SCENES: Final[Mapping[BackdropName, Callable[[Canvas], None]]] = {
    "home-office": workrooms.home_office,
    "office": workrooms.office,
    "studio": workrooms.studio,
    "beach": shores.beach,
    "living-room": rooms.living_room,
    "library": rooms.library,
    "city": outdoors.city,
    "forest": outdoors.forest,
    "mountains": outdoors.mountains,
    "sunset": shores.sunset,
    "space": skies.space,
    "abstract": skies.abstract,
}


def draw(name: str, width: int, height: int) -> Image.Image:
    """The scene `name` (a `BackdropName`) as RGB of `width` x `height` pixels.

    Composed for its aspect, which is taken as no narrower than 1:3 and no wider than 3:1. The same arguments
    give the same picture. Raises RenderError for a name that is none.
    """
    scene = next((scene for known, scene in _SCENES.items() if known == name), None)
    if scene is None:
        raise RenderError(
            "drawing a background", f"there is no scene {name}", f"Choose one of {', '.join(_SCENES)}"
        )
    canvas = Canvas(name, width, height)
    scene(canvas)
    return canvas.finish(width, height)
