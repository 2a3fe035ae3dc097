"""Where one clause of a sentence can end and the next begin. A candidate only: what counts is what parses."""

from __future__ import annotations

import re
from typing import Final

SEPARATOR: Final = re.compile(
    r"\s*[.,;!?\n，。；！？、]+(?:\s*(?:and then|and also|and|then|but|also|plus)(?![A-Za-z']))?\s*"
    r"|\s(?:and then|and also|and finally|and|then|but|also|plus|as well as|followed by"
    r"|after that)(?=[\s<])\s?"
    r"|\s?[&+]\s?"
    r"|\s(?=(?:with|without|while|using|having)\s)"
    r"|(?:并且|并|然后|接着|之后再|随后|同时|以及|而且|还有|还要|和|再)(?![见现也三次平])",
    re.IGNORECASE,
)
THEN: Final = re.compile(r"then|after|followed|然后|接着|之后|随后|再", re.IGNORECASE)
"""In a separator: what follows is about the timeline as it is by then."""

STOP: Final = re.compile(r"[.;!?\n。；！？]")
"""In a separator: no clause reaches across it, and no verb is taken over."""

NO_TEXT: Final = re.compile(r"\s*(?:[,，、]|(?:and|then|also|but|plus)(?![A-Za-z'])|并|然后)", re.IGNORECASE)
"""After `a title`: the next wish follows, and not the title's text."""

CONTINUES: Final = re.compile(
    r"\s*(?:,\s*|,?\s[Aa]nd\s|\s?&\s?|\s?\+\s?)(?=[A-Z0-9])"
    r"(?!(?:Add|Make|Put|Remove|Cut|Trim|Replace|Change|Blur|Delete|Crop|Set|Use|Turn|Convert|Apply"
    r"|Create|Generate"
    r"|Insert|Keep|Fade|Give|Export|Zoom|Rotate|Mute|Speed|Slow|Normali[sz]e|Then|Also|Please|With|No)\b)"
)
"""A separator inside a text without quotes: `Salt and Pepper`, `Hello, World`."""
EXPORT: Final = re.compile(
    r"(?:export|download|render|save|send me|导出|下载|保存|发给我)(?: (?:it|the result|the video"
    r"|the file|the clip))?",
    re.IGNORECASE,
)
"""Asks for what follows every edit anyway."""

PRONOUN: Final = re.compile(r"\b(?:it|them)\b|它", re.IGNORECASE)
LEAVES: Final = re.compile(r"first|trim|cut|crop|keep|remove|前|剪|裁|保留|截", re.IGNORECASE)
"""A length that is what is left of something longer, and not how long it is made."""

CLIPS_OWN: Final = re.compile(r"video|clip|voice|speech|original|dialogue|原声|人声|视频", re.IGNORECASE)
"""After a wish for music: the volume that is meant is not the music's."""
