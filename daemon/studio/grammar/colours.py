"""Colours by name. The values are those of CSS Color Module Level 4 where it has the name."""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.grammar.common import row
from daemon.studio.measures import Marked

NEUTRAL: Final = "#e8e8e8"
"""A light grey: what `a solid colour` is where none is named. It keeps white clothes and dark hair apart from it."""

_NAMES: Final = {
    "white": "#ffffff", "black": "#000000", "red": "#ff0000", "green": "#008000", "blue": "#0000ff",
    "yellow": "#ffff00", "orange": "#ffa500", "purple": "#800080", "pink": "#ffc0cb", "brown": "#a52a2a",
    "gray": "#808080", "cyan": "#00ffff", "magenta": "#ff00ff", "teal": "#008080", "navy": "#000080",
    "navy blue": "#000080", "turquoise": "#40e0d0", "beige": "#f5f5dc", "cream": "#fffdd0", "gold": "#ffd700",
    "silver": "#c0c0c0", "maroon": "#800000", "olive": "#808000", "lime": "#00ff00", "lime green": "#32cd32",
    "lavender": "#e6e6fa", "violet": "#ee82ee", "indigo": "#4b0082", "coral": "#ff7f50", "salmon": "#fa8072",
    "sky blue": "#87ceeb", "royal blue": "#4169e1", "steel blue": "#4682b4", "charcoal": "#36454f",
    "ivory": "#fffff0", "khaki": "#f0e68c", "crimson": "#dc143c", "hot pink": "#ff69b4", "forest green": "#228b22",
    "tan": "#d2b48c", "plum": "#dda0dd", "off-white": "#faf9f6", "off white": "#faf9f6",
    "dark blue": "#00008b", "light blue": "#add8e6", "dark green": "#006400", "light green": "#90ee90",
    "dark red": "#8b0000", "dark gray": "#505050", "light gray": "#d3d3d3", "light yellow": "#ffffe0",
    "light pink": "#ffb6c1", "dark orange": "#ff8c00", "dark violet": "#9400d3", "deep pink": "#ff1493",
    "dark purple": "#4b0050", "light purple": "#cbb3e6", "dark brown": "#5c2e12", "light brown": "#c4a484",
    "chroma green": "#00b140", "green screen": "#00ff00", "chroma key green": "#00b140", "green-screen": "#00ff00",
    "白": "#ffffff", "纯白": "#ffffff", "黑": "#000000", "纯黑": "#000000", "红": "#ff0000", "绿": "#008000",
    "蓝": "#0000ff", "黄": "#ffff00", "橙": "#ffa500", "橘": "#ffa500", "紫": "#800080", "粉": "#ffc0cb",
    "粉红": "#ffc0cb", "灰": "#808080", "棕": "#a52a2a", "褐": "#a52a2a", "青": "#00ffff", "金": "#ffd700",
    "银": "#c0c0c0", "米": "#f5f5dc", "天蓝": "#87ceeb", "深蓝": "#00008b", "浅蓝": "#add8e6", "淡蓝": "#add8e6",
    "深绿": "#006400", "浅绿": "#90ee90", "深红": "#8b0000", "浅灰": "#d3d3d3", "淡灰": "#d3d3d3",
    "浅黄": "#ffffe0", "浅粉": "#ffb6c1", "绿幕": "#00ff00",
}  # fmt: skip
"""Not CSS's `darkgray`: it is lighter than `gray`."""

COLOUR_NAME: Final = row(
    "|".join(name if name.isascii() else f"{name}色" for name in (*_NAMES, "grey", "彩", "五颜六"))
)
"""A colour by its name among other words."""

_COLOUR: Final = re.compile(
    r"(?:(?:a|an|the|plain|clean|solid|flat|pure|simple|uniform|single|just|some) )*"
    r"(?:<c(?P<mark>\d+)>|(?P<name>[a-z -]+?))(?: colou?r(?:ed)?)?(?: (?:background|backdrop|one|wall))?",
    re.IGNORECASE,
)
_HAN_COLOUR: Final = re.compile(
    r"(?:一个|一种|单一|纯|的)*?(?:<c(?P<mark>\d+)>|(?P<name>[\u3400-\u9fff]{1,3}?))色?(?:的)?(?:纯色)?(?:背景|画面)?"
)
_SOLID: Final = re.compile(
    r"(?:(?:a|an|one|the) )?(?:solid|plain|single|flat|uniform|neutral)(?:[ -]?colou?r(?:ed)?)?"
    r"(?: (?:background|backdrop|one))?|纯色的?(?:背景)?",
    re.IGNORECASE,
)


def read_colour(said: str, marked: Marked) -> str | None:
    """The colour that `said` is, whole, as #rrggbb; None where it is none."""
    said = said.strip()
    if _SOLID.fullmatch(said):
        return NEUTRAL
    for pattern in (_COLOUR, _HAN_COLOUR):
        found = pattern.fullmatch(said)
        if found is None:
            continue
        if found["mark"]:
            return str(marked.value(found["mark"]))
        name = found["name"].lower().replace("grey", "gray").strip()
        if name in _NAMES:
            return _NAMES[name]
    return None
