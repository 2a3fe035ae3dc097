"""Text as a picture: wrapped, outlined and shadowed so that it reads on any video, drawn with Pillow.

`drawtext` of ffmpeg never falls back to a second font and is silent about missing glyphs, so each line is
cut into runs by what the fonts can draw (evidence: media, "Fonts").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, features

from daemon.errors import RenderError
from daemon.studio.fonts import Font, fonts, language_of

_SIZE: Final = 0.075
"""Letter size as a share of the frame's shorter side: 81 px at 1080p, wide or tall."""

_MARGIN: Final = 0.06
"""What stays free at each edge, as a share of that side: just inside the classic 5 % title-safe area."""

_HEIGHT: Final = 0.7
_SMALLEST_PX: Final = 7
_LONGEST: Final = 500
"""Characters in one text: more could not be read while it is shown."""

_LEAST: Final = 0.4
"""How far letters shrink at most, as a share of their usual size."""

_SHRINK: Final = 0.9
_LEADING: Final = 1.25
_NO_LINE_START: Final = frozenset("，。、！？：；）」』】》〉…—～·ー々,.!?:;)]}%’”")
_INVISIBLE: Final = frozenset("\ufe0e\ufe0f\u200b\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e")
_JOINERS: Final = frozenset("\u200c\u200d")
"""They shape Arabic and Indic letters; the fonts have no picture of them."""

_LOOSE_JOINER: Final = re.compile(r"(?<!\w)[\u200c\u200d]|[\u200c\u200d](?!\w)")

_EMOJI: Final = re.compile(
    "[\U0001f000-\U0001faff\U000e0020-\U000e007f\u20e3\u2b50\u2b55\u231a\u231b\u23e9-\u23fa]"
    "|[\u2600-\u27bf](?=\ufe0f)"
)
_SIGN: Final = re.compile("[\u2600-\u27bf\u2b00-\u2bff]")
"""Coloured pictures, which no font of titles has. Signs that are also letters, a tick or a star, are drawn where the
first font has them and are not asked to be coloured."""

_WORDS: Final = re.compile(r"\s+|[^\s]+")

Faces = dict[str, Font]
"""The font of each character of a text."""

Run = tuple[Font, str]


@dataclass(frozen=True, slots=True)
class Lettering:
    """A drawn text: an RGBA picture and where its upper left corner goes on the frame, in pixels."""

    image: Image.Image
    x: int
    y: int


def letter(text: str, position: str, width: int, height: int) -> Lettering:
    """Draw `text` for a frame of `width` x `height` pixels at `position`: top, center or bottom.

    Lines break at "\\n" and where the frame ends; the letters shrink, to 40 % at most, until all of it fits. Raises
    RenderError when a character is in no font here, or the text is too long for the frame.
    """
    shown = legible(text)
    if not shown:
        raise RenderError("drawing text", "the text is empty", "Say what the text should be")
    if len(shown) > _LONGEST:
        raise _too_long(shown)
    faces = faces_of(shown)
    box = (round(width * (1 - 2 * _MARGIN)), round(height * _HEIGHT))
    size = max(_SMALLEST_PX, round(min(width, height) * _SIZE))
    smallest = max(_SMALLEST_PX, round(size * _LEAST))
    while True:
        lines = [line for part in shown.split("\n") for line in _balanced(part, faces, size, box[0])]
        tall = round(size * _LEADING * len(lines))
        wide = max(_length(line, faces, size) for line in lines)
        if tall <= box[1] and wide <= box[0]:
            break
        if size <= smallest:
            raise _too_long(shown)
        size = max(smallest, int(size * _SHRINK))
    image = _drawn(lines, faces, size)
    return Lettering(image, (width - image.width) // 2, _top(position, image.height, height))


def legible(text: str) -> str:
    """What of a text can be drawn as letters: without emoji and invisible signs, its lines kept; may be empty."""
    plain = _EMOJI.sub("", unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\t", " "))
    first = next(fonts(language_of(plain)))
    plain = _SIGN.sub(lambda found: found[0] if first.draws(found[0]) else "", plain)
    plain = _LOOSE_JOINER.sub("", plain)
    kept = (
        "".join(c for c in line if c not in _INVISIBLE and unicodedata.category(c) != "Cc")
        for line in plain.strip().split("\n")
    )
    return "\n".join(re.sub(r"\s+", " ", line).strip() for line in kept).strip()


def faces_of(text: str, weight: int | None = None) -> Faces:
    """The font of each character: the first that draws it; `weight` (100 to 900) where a font has several.

    A text that is written from right to left has one font for all of it. Raises RenderError naming what no font draws.
    """
    wanted = {character for character in text if not character.isspace() and character not in _JOINERS}
    whole = runs_backwards(text)
    if whole and not features.check("raqm"):
        raise RenderError(
            "drawing text",
            "this Pillow cannot set text that runs from right to left",
            "Install a Pillow with libraqm: the wheels from PyPI have it",
        )
    faces: Faces = {}
    for font in fonts(language_of(text)):
        weighed = replace(font, weight=weight) if weight is not None and font.weight is not None else font
        drawn = {character for character in wanted - faces.keys() if font.draws(character)}
        if not whole or drawn == wanted:
            faces |= dict.fromkeys(drawn, weighed)
        if len(faces) == len(wanted):
            return faces
    missing = sorted(wanted - faces.keys())
    names = ", ".join(f"{c} (U+{ord(c):04X}{_script(c)})" for c in missing[:8])
    raise RenderError(
        "drawing text",
        f"no font on this machine has {names}{' and more' if len(missing) > 8 else ''}",
        "Install a font that has these characters, for example one of the Noto fonts, and try again",
    )


def runs_backwards(text: str) -> bool:
    """Whether something in it is written from right to left."""
    return any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)


def _script(character: str) -> str:
    name = unicodedata.name(character, "")
    return f", {name.split()[0].lower()}" if name else ""


def _balanced(line: str, faces: Faces, size: int, width: int) -> list[str]:
    """As few lines as `width` allows, about equally long: no word left alone in the last one."""
    fewest = _wrapped(line, faces, size, width)
    if len(fewest) == 1:
        return fewest
    even = round(_length(line, faces, size) / len(fewest))
    for narrower in range(even, width, max(1, size // 2)):
        lines = _wrapped(line, faces, size, narrower)
        if len(lines) == len(fewest) and all(_length(one, faces, size) <= width for one in lines):
            return lines
    return fewest


def _wrapped(line: str, faces: Faces, size: int, width: int) -> list[str]:
    """A line broken to `width` pixels: between words, and between the characters of scripts without."""
    lines = [""]
    for piece in _pieces(line):
        longer = lines[-1] + piece
        if lines[-1] and _length(longer.rstrip(), faces, size) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append(piece.lstrip())
        else:
            lines[-1] = longer
    return [part.rstrip() for part in lines] or [""]


def _pieces(line: str) -> list[str]:
    """What may not be torn apart: words, single wide characters; no line begins with a closing mark."""
    pieces: list[str] = []
    for word in _WORDS.findall(line):
        for part in _parts(word):
            if pieces and part[0] in _NO_LINE_START and not pieces[-1].isspace():
                pieces[-1] += part
            else:
                pieces.append(part)
    return pieces


def _parts(word: str) -> list[str]:
    parts: list[str] = []
    loose = True
    for character in word:
        wide = unicodedata.east_asian_width(character) in "WF"
        if loose or wide:
            parts.append(character)
        else:
            parts[-1] += character
        loose = wide
    return parts


def runs(line: str, faces: Faces) -> list[Run]:
    """The line cut where the font changes; a space stays with what stands before it."""
    found: list[Run] = []
    for character in line:
        font = faces.get(character) or (found[-1][0] if found else None)
        if font is None:
            continue
        if found and found[-1][0] == font:
            found[-1] = (font, found[-1][1] + character)
        else:
            found.append((font, character))
    return found


def advance(line: str, faces: Faces, size: int) -> float:
    """How wide a line is, in pixels, without an outline."""
    return sum(font.at(size).getlength(run) for font, run in runs(line, faces))


def _length(line: str, faces: Faces, size: int) -> float:
    return advance(line, faces, size) + 2 * _outline(size)


def _outline(size: int) -> int:
    return max(1, round(size / 14))


def _drawn(lines: Sequence[str], faces: Faces, size: int) -> Image.Image:
    """The lines, centred, white with a dark outline over a soft shadow, on a transparent ground."""
    pad = size // 3
    wide = max(_length(line, faces, size) for line in lines)
    canvas = (round(wide) + 2 * pad, round(size * _LEADING * len(lines)) + 2 * pad)
    white = Image.new("L", canvas, 0)
    outline = Image.new("L", canvas, 0)
    for number, line in enumerate(lines):
        x = (canvas[0] - _length(line, faces, size)) / 2 + _outline(size)
        # Latin and CJK stand on one baseline, about 0.98 of the size below the line's top.
        baseline = pad + number * size * _LEADING + size * 0.98
        for font, run in runs(line, faces):
            opened = font.at(size)
            for layer, stroke in ((outline, _outline(size)), (white, 0)):
                ImageDraw.Draw(layer).text(
                    (x, baseline), run, 255, opened, anchor="ls", stroke_width=stroke, stroke_fill=255
                )
            x += opened.getlength(run)
    shadow = outline.filter(ImageFilter.GaussianBlur(size / 8)).point(
        [min(255, v * 7 // 10) for v in range(256)]
    )
    image = Image.new("RGBA", canvas, (0, 0, 0, 0))
    image.putalpha(shadow)
    image.paste((16, 16, 16, 255), mask=outline)
    image.paste((255, 255, 255, 255), mask=white)
    return image


def _top(position: str, tall: int, height: int) -> int:
    margin = round(height * _MARGIN)
    if position == "top":
        return margin
    return height - margin - tall if position == "bottom" else (height - tall) // 2


def _too_long(text: str) -> RenderError:
    begins = text if len(text) <= 40 else f"{text[:40]}…"
    return RenderError("drawing text", f'"{begins}" is too long for one picture', "Use a shorter text")
