"""Captions burned in: white on a soft dark ground at the bottom, two lines at most.

However many there are, they are one input and one overlay: each is a picture of one size, and ffmpeg's concat
demuxer shows them at their times, with an empty one in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from daemon.studio import slides
from daemon.studio.lettering import Faces, advance, faces_of, legible, runs
from daemon.studio.pixels import even
from daemon.studio.script import load, pieces
from daemon.studio.titles import broken

_SIZE: Final = 0.05
_SMALLER: Final = 0.84
"""How far a caption shrinks to stay within two lines; a longer one becomes two, one after the other."""

_SMALLEST_PX: Final = 6
_COLUMN: Final = 0.8
_COLUMN_TALL: Final = 0.88
_MARGIN: Final = 0.06
"""Free below, as a share of the height: the 5 % title-safe area, and a little."""

_LEADING: Final = 1.28
_LINES: Final = 2
_MOST_AT_ONCE: Final = 2
_MOST_HELD: Final = 64
"""So many that overlap are kept in mind: a file of nothing but overlaps is still read in time that is its length's."""

_GROUND: Final = 165
"""The ground's opacity of 255: white on it has a contrast of 6.9 over a white picture (WCAG 2.2 asks for 4.5)."""


@dataclass(frozen=True, slots=True)
class Caption:
    """Words and when they are shown, in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Strip:
    """All captions as one input: number `at`, its place and size in pixels. While one of `raised` (seconds) runs, it
    stands at `raised_y`, clear of the title below."""

    at: int
    x: int
    y: int
    width: int
    height: int
    raised: tuple[tuple[float, float], ...] = ()
    raised_y: int = 0

    def filters(self, number: int, below: str, above: str, fps: str, matrix: str) -> list[str]:
        """The filters from the label `below` to `above`. `number` makes the label in between the strip's own."""
        y = str(self.y)
        if self.raised:
            within = "+".join(f"between(t,{start:.3f},{end:.3f})" for start, end in self.raised)
            y = f"'{self.y}-{self.y - self.raised_y}*min(1,{within})'"
        return [
            f"[{self.at}:v:0]scale=out_color_matrix={matrix}:out_range=tv,format=yuva420p[caption{number}]",
            f"[{below}][caption{number}]overlay=x={self.x}:y={y}:format=yuv420:eof_action=pass[{above}]",
        ]

    def clear_of(self, spans: Iterable[tuple[float, float, int]], height: int) -> Strip:
        """The strip above titles at the bottom: (start, end, the title's upper edge). Where there is no room
        above them it stays."""
        bottom = self.y + self.height
        hit = [(start, end, top) for start, end, top in spans if top < bottom]
        raised_y = min((top for _, _, top in hit), default=0) // 2 * 2 - self.height
        if not hit or raised_y < height * _MARGIN:
            return self
        return replace(self, raised=tuple((start, end) for start, end, _ in hit), raised_y=raised_y)


def sequence(captions: Iterable[Caption], d_s: float) -> list[Caption]:
    """The captions one after another: where they overlap both are shown, the earlier one above, the last two of
    several. What lies beyond `d_s` is cut off."""
    waiting = sorted(
        (one for one in captions if one.start_s < min(one.end_s, d_s)), key=lambda one: one.start_s
    )
    borders = sorted({min(at, d_s) for one in waiting for at in (one.start_s, one.end_s)})
    shown: list[Caption] = []
    active: list[Caption] = []
    coming = 0
    for begin, end in pairwise(borders):
        active = [one for one in active if one.end_s > begin]
        while coming < len(waiting) and waiting[coming].start_s <= begin:
            active = [*active, waiting[coming]][-_MOST_HELD:]
            coming += 1
        text = "\n".join(dict.fromkeys(one.text for one in active[-_MOST_AT_ONCE:]))
        if text and shown and shown[-1].text == text and shown[-1].end_s == begin:
            shown[-1] = replace(shown[-1], end_s=end)
        elif text:
            shown.append(Caption(text, begin, end))
    return shown


def write(
    captions: Sequence[Caption], folder: Path, width: int, height: int, d_s: float
) -> tuple[list[str], Strip] | None:
    """Draw the captions into `folder` for a frame of `width` x `height`; the ffmpeg input that shows them, and the
    strip, whose input's number is still to be set. None where nothing is to be shown.

    Raises RenderError when a character is in no font here.
    """
    pages = [page for one in sequence(captions, d_s) for page in _pages(one, width, height)]
    if not pages:
        return None
    size = max(page.size for page in pages)
    wide = min(width // 2 * 2, even(max(page.wide for page in pages) + 2 * size))
    tall = even(max(page.tall for page in pages) + size)
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("LA", (wide, tall), (0, 0)).save(folder / "none.png")
    entries: list[tuple[str, float]] = []
    at = 0.0
    for number, page in enumerate(pages):
        if page.start_s > at:
            entries.append(("none.png", page.start_s - at))
        page.drawn(wide, tall).save(folder / f"{number}.png", compress_level=1)
        entries.append((f"{number}.png", page.end_s - page.start_s))
        at = page.end_s
    entries.append(("none.png", max(0.1, d_s - at)))
    # Half of `size` below the words is the soft ground's, and may reach below the margin.
    y = round(height * (1 - _MARGIN)) - tall + size // 2
    strip = Strip(0, (width - wide) // 4 * 2, y // 2 * 2, wide, tall)
    return slides.write(folder / "captions.ffconcat", entries), strip


@dataclass(frozen=True, slots=True)
class _Page:
    """Lines that are shown together, set at `size` pixels."""

    lines: tuple[str, ...]
    size: int
    faces: Faces
    start_s: float
    end_s: float

    @property
    def wide(self) -> float:
        return max(advance(line, self.faces, self.size) for line in self.lines)

    @property
    def tall(self) -> int:
        return round(self.size * _LEADING * len(self.lines))

    def drawn(self, wide: int, tall: int) -> Image.Image:
        """The lines at the bottom of a picture of this size: luma and alpha."""
        size = self.size
        top = tall - size // 2 - self.tall
        half = self.wide / 2 + size * 0.4
        ground = Image.new("L", (wide, tall), 0)
        box = (wide / 2 - half, top - size * 0.1, wide / 2 + half, tall - size * 0.4)
        ImageDraw.Draw(ground).rounded_rectangle(box, size // 3, _GROUND)
        ground = ground.filter(ImageFilter.GaussianBlur(max(1.0, size / 16)))
        letters = Image.new("L", (wide, tall), 0)
        for number, line in enumerate(self.lines):
            x = (wide - advance(line, self.faces, size)) / 2
            baseline = top + size * (_LEADING * number + 0.98)
            for font, run in runs(line, self.faces):
                opened = font.at(size)
                ImageDraw.Draw(letters).text((x, baseline), run, 255, opened, anchor="ls")
                x += opened.getlength(run)
        ground.paste(255, mask=letters)
        return Image.merge("LA", (letters, ground))


def _pages(caption: Caption, width: int, height: int) -> list[_Page]:
    """A caption as it is shown: its own lines where they fit, else set anew, and in parts where it is too long."""
    text = legible(caption.text)
    if not text:
        return []
    faces = faces_of(text)
    size = max(_SMALLEST_PX, round(min(width, height) * _SIZE))
    column = round(width * (_COLUMN if width > height else _COLUMN_TALL)) - size
    own = tuple(text.split("\n"))
    most = _LINES * min(_MOST_AT_ONCE, len(caption.text.split("\n")) if len(own) > _LINES else 1)
    if len(own) <= most and all(advance(line, faces, size) <= column for line in own):
        return [_Page(own, size, faces, caption.start_s, caption.end_s)]
    lines: tuple[str, ...] = ()
    for smaller in (size, max(_SMALLEST_PX, round(size * _SMALLER))):
        lines = tuple(
            line
            for part in own
            for line in broken(_torn(part, faces, smaller, column), faces, smaller, column)
        )
        joined = broken(_torn(" ".join(own), faces, smaller, column), faces, smaller, column)
        lines = lines if len(lines) <= most else joined
        if len(lines) <= most:
            return [_Page(lines, smaller, faces, caption.start_s, caption.end_s)]
    return _paged(lines, smaller, faces, caption)


def _paged(lines: Sequence[str], size: int, faces: Faces, caption: Caption) -> list[_Page]:
    """Two lines at a time, each page for as long as its share of the words."""
    parts = [tuple(lines[at : at + _LINES]) for at in range(0, len(lines), _LINES)]
    weights = [max(0.1, load(" ".join(part))) for part in parts]
    each = (caption.end_s - caption.start_s) / sum(weights)
    pages, at = [], caption.start_s
    for part, weight in zip(parts, weights, strict=True):
        end = caption.end_s if part is parts[-1] else at + weight * each
        pages.append(_Page(part, size, faces, at, end))
        at = end
    return pages


def _torn(text: str, faces: Faces, size: int, column: int) -> list[str]:
    """The text's pieces, those that are wider than a line torn into characters."""
    whole = pieces(text)
    return [
        part
        for piece in whole
        for part in (piece if advance(piece, faces, size) > column else (piece,))
        if part
    ]
