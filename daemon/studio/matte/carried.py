"""Where the selfie-segmentation models are: a path of the user's, or an installed wheel that carries them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

LANDSCAPE: Final = "selfie_segmentation_landscape.tflite"
SQUARE: Final = "selfie_segmentation.tflite"
_CARRIER: Final = "mediapipe"
MISSING: Final = "Install one: pip install 'reeldrop[matte]', or name its file in studio.matte_model"
_INSIDE: Final = "modules/selfie_segmentation"


def can_matte(setting: str = "auto") -> bool:
    """Whether there is a model to cut figures out with. Looks at names alone: nothing is imported or read."""
    return find_model(setting) is not None


def find_model(setting: str = "auto", *, upright: bool = False) -> Path | None:
    """The model's file. `setting`: `auto`, or the path of a model or of a folder that holds them; `upright`:
    for pictures taller than wide, which the square model squeezes less. None where there is none."""
    place = _carried() if setting in ("", "auto") else Path(setting).expanduser()
    if place is None:
        return None
    if place.is_file():
        return place
    names = (SQUARE, LANDSCAPE) if upright else (LANDSCAPE, SQUARE)
    return next((place / name for name in names if (place / name).is_file()), None)


def _carried() -> Path | None:
    """The models' folder in the installed wheel, found without importing it: that takes 2 s and 400 MB."""
    try:
        found = find_spec(_CARRIER)
    except (ImportError, ValueError):
        return None
    places = (found.submodule_search_locations or []) if found else []
    return next((Path(place) / _INSIDE for place in places), None)
