"""Kinetic titles: words that rise into the frame one after another, stand, and leave.

Here they are set and drawn; how they move is in `lanes`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from daemon.errors import RenderError
from daemon.studio.lanes import Motion, Part
from daemon.studio.lettering import Faces, advance, faces_of, legible, runs, runs_backwards
from daemon.studio.moving import luminance, rgb
from daemon.studio.pixels import even
from daemon.studio.script import BEST_PAUSE, load, pause, pieces

INK: Final = "#ffffff"
ACCENT: Final = "#ffc857"

_LEADING: Final = 1.16
_ASCENT: Final = 1.0
_BOX: Final = 1.36
"""A line's window, as a share of its size: from a little above the capitals to below a g. Latin and CJK stand on one
baseline, `_ASCENT` below the window's top."""

_SMALLEST: Final = 0.026
_SMALLEST_PX: Final = 6
_SHRINK: Final = 0.94
_MOST_LINES: Final = 24
_LEAST_OF_LARGEST: Final = 0.75
_SMALLER_COSTS: Final = 0.6
_TORN_COSTS: Final = 0.18
"""How breaks are weighed: a title a third smaller costs nearly as much as a torn phrase."""

_FIGURE: Final = re.compile(r"[$€£¥]?\d[\d.,:]*\d\s?[%x×KkM]?(?![A-Za-z])|[$€£¥]?\d\s?[%×]|[$€£¥]\d")
_ADDRESS: Final = re.compile(r"(?:[\w.+-]+@)?(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/[^\s，。]*)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Title:
    """A kinetic title. `role` is headline, line or closing, anything else is a line; `stressed` are words of the
    text that are set in `accent`; colours are `#rrggbb`. Without a `colour` it is white with a dark outline, which
    reads on any picture."""

    text: str
    role: str
    position: str
    colour: str = ""
    accent: str = ACCENT
    stressed: tuple[str, ...] = ()

    @property
    def ink(self) -> str:
        return self.colour or INK


def compose(title: Title, width: int, height: int) -> list[Part]:
    """Set a title for a frame of `width` x `height` pixels; nothing where no letter is left of it.

    Raises RenderError when a character is in no font here, or the text is too long for the frame.
    """
    text = " ".join(legible(title.text).split())
    if not text:
        return []
    return _composed(title, text, _Frame(width, height))


@dataclass(frozen=True, slots=True)
class _Frame:
    width: int
    height: int

    @property
    def short(self) -> int:
        return min(self.width, self.height)

    @property
    def wide(self) -> bool:
        return self.width > 1.2 * self.height

    @property
    def margin(self) -> int:
        return round(self.width * (0.095 if self.wide else 0.085))

    def px(self, share: float) -> int:
        """A share of the shorter side in pixels, even and at least 2."""
        return even(share * self.short)


@dataclass(frozen=True, slots=True)
class _Style:
    """How a role is set: sizes as shares of the frame's shorter side."""

    size: float
    weight: int
    centred: bool


_STYLES: Final = {
    "headline": _Style(0.18, 900, False),
    "line": _Style(0.126, 700, False),
    "closing": _Style(0.135, 800, True),
}
_FEW: Final = 4.0
_LARGER: Final = 1.3
"""So few words of a line stand alone in the frame, and are set so much larger."""


@dataclass(frozen=True, slots=True)
class _Set:
    """Lines at the size at which they fit."""

    lines: tuple[str, ...]
    size: int
    faces: Faces

    @property
    def tall(self) -> int:
        return round(self.size * (_LEADING * (len(self.lines) - 1) + _BOX))


def _composed(title: Title, text: str, frame: _Frame) -> list[Part]:
    style = _STYLES.get(title.role, _STYLES["line"])
    address = _ADDRESS.search(text) if style.centred else None
    words = text[: address.start()].strip() if address else text
    indent = frame.px(0.05) if style is _STYLES["line"] else 0
    if indent and load(text) <= _FEW:
        style = replace(style, size=style.size * _LARGER)
    column = round(frame.width * (0.78 if frame.wide else 1 - 2 * 0.085)) - indent
    tallest = round(frame.height * (0.6 if frame.wide else 0.56))
    most = 3 if frame.wide else 6
    body = _fitted(words, style, frame, column, tallest, most) if words else None
    button = _button(title, address[0], frame, column) if address else None
    gap, bar = frame.px(0.05), frame.px(0.016)
    above = bar + gap if title.role == "headline" else 0
    below = gap + (button.height if button else bar) if style.centred else 0
    tall = (body.tall if body else 0) + above + below
    top = _top(title.position, tall, frame.height)
    parts: list[Part] = []
    if above:
        parts.append(_bar(title, (frame.px(0.15), bar), (frame.margin, even(top)), "right", 0))
    elif indent and body:
        shrunk = round(body.size * 0.14)
        size = frame.px(0.012), even(body.tall - 2 * shrunk)
        parts.append(_bar(title, size, (frame.margin, even(top + shrunk)), "down", 0))
    left = None if style.centred else frame.margin + indent
    if body:
        parts += _lines(title, body, frame, left, top + above, len(parts))
    if style.centred:
        wide, high = button.size if button else (frame.px(0.15), bar)
        at = even((frame.width - wide) / 2), even(top + tall - high)
        if button:
            parts.append(Part(wide, high, button.copy, *at, "rise", len(parts)))
        else:
            parts.append(_bar(title, (wide, high), at, "right", len(parts)))
    return parts


def _fitted(text: str, style: _Style, frame: _Frame, column: int, tallest: int, most: int) -> _Set:
    """The text at the largest size at which it fits, or a little smaller where it breaks better. Raises RenderError
    where it fits at none."""
    faces, words = faces_of(text, style.weight), pieces(text)
    smallest = max(_SMALLEST_PX, round(frame.short * _SMALLEST))
    size = max(smallest, round(frame.short * style.size))
    best: tuple[float, _Set] | None = None
    largest = 0
    while not largest or size >= max(smallest, largest * _LEAST_OF_LARGEST):
        cost, lines = _broken(words, faces, size, column, most if size >= 2 * smallest else _MOST_LINES)
        found = _Set(lines, size, faces)
        if lines and found.tall <= tallest:
            largest = largest or size
            cost += _SMALLER_COSTS * (1 - size / largest)
            if best is None or cost < best[0]:
                best = cost, found
        if size == smallest:
            break
        size = max(smallest, int(size * _SHRINK))
    if best is None:
        begins = text if len(text) <= 40 else f"{text[:40]}…"
        raise RenderError("drawing text", f'"{begins}" is too long for one title', "Use a shorter text")
    return best[1]


def _broken(
    words: Sequence[str], faces: Faces, size: int, column: int, most: int
) -> tuple[float, tuple[str, ...]]:
    """Lines about equally long, in as few as the column allows, broken where the text pauses, and what that costs;
    no lines where `most` do not hold it."""
    widths = [advance(word, faces, size) for word in words]
    if max(widths) <= column:
        for count in range(max(1, int(sum(widths) / column)), most + 1):
            cost, ends = _ends(words, widths, count, column)
            if ends:
                starts = (0, *ends[:-1])
                return cost, tuple("".join(words[a:b]).strip() for a, b in zip(starts, ends, strict=True))
    return 0.0, ()


def broken(words: Sequence[str], faces: Faces, size: int, column: int) -> tuple[str, ...]:
    """The words in as few lines of `column` pixels as there can be, broken where the text pauses. No word may be
    wider than the column."""
    return _broken(words, faces, size, column, len(words))[1]


def _ends(
    words: Sequence[str], widths: Sequence[float], count: int, column: int
) -> tuple[float, tuple[int, ...]]:
    """Where `count` lines end at the least cost: uneven lengths cost, and breaks where the text does not pause."""
    ideal = sum(widths) / count
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for number in range(count):
        longer: dict[int, tuple[float, tuple[int, ...]]] = {}
        for begin, (cost, ends) in best.items():
            width = 0.0
            for end in range(begin + 1, len(words) + 1):
                width += widths[end - 1]
                if width > column:
                    break
                last = end == len(words)
                if last != (number == count - 1):
                    continue
                torn = 0.0 if last else _TORN_COSTS * (1 - pause(words[end - 1], words[end]) / BEST_PAUSE)
                new = cost + ((width - ideal) / column) ** 2 + torn
                if end not in longer or new < longer[end][0]:
                    longer[end] = (new, (*ends, end))
        best = longer
    return best.get(len(words), (0.0, ()))


def _lines(title: Title, body: _Set, frame: _Frame, left: int | None, top: int, turn: int) -> list[Part]:
    """The lines as parts; those of a short headline word by word."""
    backwards = runs_backwards("".join(body.lines))
    apart = title.role == "headline" and not backwards and sum(map(len, body.lines)) <= 40
    pad = even(body.size * 0.2)
    parts: list[Part] = []
    for number, line in enumerate(body.lines):
        width = advance(line, body.faces, body.size)
        x = (frame.width - width) / 2 if left is None else left
        y = even(top + number * body.size * _LEADING)
        colours = [title.ink] * len(line) if backwards else _colours(title, line)
        begun = 0
        for word in re.findall(r"\S+\s*", line) if apart else [line]:
            offset = advance(line[:begun], body.faces, body.size)
            colour = colours[begun : begun + len(word)]
            size = _window(word.rstrip(), body, pad)
            draw = partial(_written, word.rstrip(), colour, body, pad, title.ink, not title.colour)
            parts.append(Part(*size, draw, even(x + offset) - pad, y, "rise", turn + len(parts)))
            begun += len(word)
    return parts


def _colours(title: Title, line: str) -> list[str]:
    """Each character's colour: what is stressed and figures stand out, unless nothing would be left plain."""
    colours = [title.ink] * len(line)
    spans = [one.span() for one in _FIGURE.finditer(line)]
    for words in title.stressed:
        at = line.find(words)
        if at >= 0:
            spans.append((at, at + len(words)))
    for begin, end in spans:
        colours[begin:end] = [title.accent] * (end - begin)
    return colours


def _window(line: str, body: _Set, pad: int) -> tuple[int, int]:
    """The size of a line's window in pixels."""
    return even(advance(line, body.faces, body.size)) + 2 * pad, even(body.size * _BOX)


def _written(
    line: str, colours: Sequence[str], body: _Set, pad: int, ink: str, outlined: bool
) -> Image.Image:
    """One line in its window, `pad` pixels wider at each side; light letters have a faint shadow."""
    size = _window(line, body, pad)
    letters, outline = Image.new("L", size, 0), Image.new("L", size, 0)
    tinted = Image.new("RGB", size, ink)
    x, baseline, at = float(pad), body.size * _ASCENT, 0
    for font, run in runs(line, body.faces):
        opened = font.at(body.size)
        for text, colour in _same(run, colours[at : at + len(run)]):
            ImageDraw.Draw(letters).text((x, baseline), text, 255, opened, anchor="ls")
            if outlined:
                stroke = max(1, round(body.size / 22))
                ImageDraw.Draw(outline).text(
                    (x, baseline), text, 255, opened, anchor="ls", stroke_width=stroke, stroke_fill=255
                )
            advanced = opened.getlength(text)
            if colour != ink:
                ImageDraw.Draw(tinted).rectangle((x, 0, x + advanced, size[1]), colour)
            x += advanced
        at += len(run)
    if luminance(ink) < 0.5:
        tinted.putalpha(letters)
        return tinted
    shadow = ImageChops.lighter(letters, outline).filter(ImageFilter.GaussianBlur(max(1.0, body.size / 14)))
    shadow = shadow.point([value * (70 if outlined else 45) // 100 for value in range(256)])
    image = Image.new("RGBA", size, (16, 16, 16, 255))
    image.paste(tinted, mask=letters)
    image.putalpha(ImageChops.lighter(ImageChops.lighter(shadow, outline), letters))
    return image


def _same(run: str, colours: Sequence[str]) -> list[tuple[str, str]]:
    """The run cut where the colour changes."""
    cut: list[tuple[str, str]] = []
    for character, colour in zip(run, colours, strict=True):
        if cut and cut[-1][1] == colour:
            cut[-1] = (cut[-1][0] + character, colour)
        else:
            cut.append((character, colour))
    return cut


def _bar(title: Title, size: tuple[int, int], at: tuple[int, int], motion: Motion, turn: int) -> Part:
    return Part(*size, partial(Image.new, "RGBA", size, (*rgb(title.accent), 255)), *at, motion, turn)


def _button(title: Title, address: str, frame: _Frame, column: int) -> Image.Image:
    """An address on a rounded ground of the accent's colour."""
    ink = "#101014" if luminance(title.accent) > 0.3 else "#ffffff"
    inner = round(column * 0.8)
    body = _fitted(address, _Style(0.075, 700, True), frame, inner, frame.height, 1)
    letters = _written(address, [ink] * len(address), body, 2, ink, False)
    wide, tall = letters.width + even(body.size * 1.5), even(body.size * 1.75)
    smooth = 4
    ground = Image.new("L", (wide * smooth, tall * smooth), 0)
    ImageDraw.Draw(ground).rounded_rectangle(
        (0, 0, wide * smooth - 1, tall * smooth - 1), tall * smooth // 2, 255
    )
    button = Image.new("RGBA", (wide, tall), (*rgb(title.accent), 255))
    button.putalpha(ground.resize((wide, tall), Image.Resampling.LANCZOS))
    top = round(tall / 2 - body.size * (_ASCENT - 0.36))
    button.alpha_composite(letters, ((wide - letters.width) // 2, max(0, top)))
    return button


def _top(position: str, tall: int, height: int) -> int:
    margin = round(height * 0.09)
    if position == "top":
        return margin
    return height - margin - tall if position == "bottom" else (height - tall) // 2
