"""Which fonts there are, and which of them can draw a character.

First the font that comes with Reeldrop (Noto Sans CJK: Latin, Greek, Cyrillic, Chinese, Japanese, Korean),
so that a title looks the same on every machine; then the machine's own, the plain bold ones first; last the
one inside Pillow.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from PIL import ImageFont

_PACKAGE: Final = "manimgx_fonts_cjk"
_FACES: Final = {"ja": 0, "ko": 1, "zh": 2}
"""Faces of the carried collection: the same Han characters in each country's own shapes."""

_BOLD: Final = 700
_ENDINGS: Final = frozenset({".ttf", ".otf", ".ttc"})
_UNUSABLE: Final = re.compile(r"lastresort|adobeblank|emoji|fallback-?boxes", re.IGNORECASE)
"""Fonts that answer for every character with a box, or hold coloured bitmaps of one size."""

_MISSING: Final = "\U0010ffff"
"""No font has this noncharacter: what is drawn for it is the font's sign for "missing"."""

_LOOKED_AT_PX: Final = 32
_MOST_FONTS: Final = 4000


@dataclass(frozen=True, slots=True)
class Font:
    """One face of a font file; `path` None is the font inside Pillow."""

    path: Path | None
    face: int = 0
    weight: int | None = None

    def at(self, size_px: int) -> ImageFont.FreeTypeFont:
        """The font ready to draw at `size_px` pixels. Raises OSError when it is no usable font."""
        return _opened(self, size_px)

    def draws(self, character: str) -> bool:
        """Whether the font has a picture of its own for `character`."""
        return _draws(self, character)


def fonts(language: str) -> Iterator[Font]:
    """All fonts, in the order they should be tried. `language` (zh, ja, ko) picks the shapes of Han."""
    carried = find_spec(_PACKAGE)
    for folder in (carried.submodule_search_locations or []) if carried else []:
        for path in sorted(Path(folder).glob("*.ttc")):
            yield Font(path, _FACES.get(language, _FACES["zh"]), _BOLD)
    for path in _installed():
        yield Font(path)
    yield Font(None)


def language_of(text: str) -> str:
    """zh, ja or ko: kana means Japanese, hangul Korean; Han characters alone are taken as Chinese."""
    if re.search(r"[\u3040-\u30ff\uff66-\uff9f]", text):
        return "ja"
    return "ko" if re.search(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]", text) else "zh"


@functools.cache
def _installed() -> tuple[Path, ...]:
    """Font files of this machine, best first. Read once: fonts do not come and go under a studio."""
    found = [
        Path(folder, name)
        for top in _folders()
        for folder, _, names in os.walk(top)
        for name in names
        if Path(name).suffix.lower() in _ENDINGS and not _UNUSABLE.search(name)
    ]
    return tuple(sorted(found, key=_rank)[:_MOST_FONTS])


def _folders() -> tuple[Path, ...]:
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")
    if sys.platform == "win32":
        return (Path(os.environ.get("WINDIR", "C:/Windows"), "Fonts"),)
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    return data / "fonts", home / ".fonts", Path("/usr/local/share/fonts"), Path("/usr/share/fonts")


def _rank(path: Path) -> tuple[int, str]:
    """Titles want an upright bold sans; narrow, slanted, thin and typewriter faces come last."""
    name = path.stem.lower()
    odd = re.search(r"italic|oblique|mono|condensed|serif|light|thin|math|display|symbol", name)
    return 4 * bool(odd) - 2 * ("bold" in name) - ("sans" in name), str(path)


@functools.lru_cache(maxsize=64)
def _opened(font: Font, size_px: int) -> ImageFont.FreeTypeFont:
    if font.path is None:
        default = ImageFont.load_default(size_px)
        if isinstance(default, ImageFont.FreeTypeFont):
            return default
        raise OSError("this Pillow has no FreeType")
    opened = ImageFont.truetype(str(font.path), size_px, index=font.face)
    if font.weight is not None:
        opened.set_variation_by_axes([font.weight])
    return opened


@functools.lru_cache(maxsize=8192)
def _draws(font: Font, character: str) -> bool:
    try:
        opened = font.at(_LOOKED_AT_PX)
        return _picture(opened, character) != _picture(opened, _MISSING)
    except (OSError, ValueError):
        return False


def _picture(opened: ImageFont.FreeTypeFont, character: str) -> tuple[float, tuple[int, int], bytes]:
    mask = opened.getmask(character)
    return opened.getlength(character), mask.size, bytes(mask)
