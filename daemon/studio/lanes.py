"""The parts of kinetic titles on their way through the frame: few overlays, whatever the number of titles.

A lane shows one part at a time. Its pictures are of one size, the window in which a part moves; above and below (or
beside) it each has an empty one, and `crop` slides over the three. That costs nothing while a part stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from PIL import Image

from daemon.studio import slides

_IN_S: Final = 0.65
_OUT_S: Final = 0.3
_STAGGER_S: Final = 0.09
_SAME_S: Final = 1e-6

Motion = Literal["rise", "right", "down"]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a title: its size in pixels, where its upper left corner goes, how it comes in, and as the
    how-manieth. `draw` makes its picture, RGBA."""

    width: int
    height: int
    draw: Callable[[], Image.Image]
    x: int
    y: int
    motion: Motion
    turn: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A part on the timeline, in seconds. `out_s` 0: it stays."""

    part: Part
    start_s: float
    end_s: float
    in_s: float
    out_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """Input number `at`, its window in pixels, and what it shows in turn."""

    at: int
    width: int
    height: int
    motion: Motion
    shown: tuple[Shown, ...]

    def filters(self, number: int, below: str, above: str, fps: str, matrix: str) -> list[str]:
        """The filters from the label `below` to `above`. `number` makes the label in between the lane's own."""
        wide, tall = self.width, self.height
        along = self.motion == "right"
        padded = f"pad={3 * wide}:{tall}:{wide}:0" if along else f"pad={wide}:{3 * tall}:0:{tall}"
        slid = _sum((one, f"({self._slid(one)})") for one in self.shown)
        window = (
            f"crop={wide}:{tall}:'{wide}*({slid})':0" if along else f"crop={wide}:{tall}:0:'{tall}*({slid})'"
        )
        x, y = (_sum((one, str(at)) for one, at in places) for places in self._places())
        return [
            f"[{self.at}:v:0]scale=out_color_matrix={matrix}:out_range=tv,format=yuva420p,{padded}:color=black@0,"
            f"fps={fps},{window}[lane{number}]",
            f"[{below}][lane{number}]overlay=x='{x}':y='{y}':format=yuv420:eof_action=pass:"
            f"enable='{_sum((one, '1') for one in self.shown)}'[{above}]",
        ]

    def _places(self) -> tuple[list[tuple[Shown, int]], list[tuple[Shown, int]]]:
        risen = self.motion == "rise"
        tops = [(one, one.part.y - (self.height - one.part.height) * risen) for one in self.shown]
        return [(one, one.part.x) for one in self.shown], tops

    def _slid(self, one: Shown) -> str:
        """How far the window has slid, in windows: a part comes fast and settles, and leaves faster and faster.
        What rises goes on upwards, a bar goes back to where it came from."""
        slid = f"1-pow(1-clip((t-{one.start_s:.4f})/{one.in_s:.4f},0,1),4)"
        if one.out_s:
            sign = "+" if self.motion == "rise" else "-"
            slid += f"{sign}pow(clip((t-{one.end_s - one.out_s:.4f})/{one.out_s:.4f},0,1),3)"
        return slid if self.motion == "rise" else f"2-({slid})"


def _sum(terms: Iterable[tuple[Shown, str]]) -> str:
    """What each part adds while it is shown. Both ends would count where one part follows another at once."""
    return "+".join(f"gte(t,{one.start_s:.4f})*lt(t,{one.end_s:.4f})*{value}" for one, value in terms)


def timed(parts: Sequence[Part], start_s: float, d_s: float, *, leaves: bool) -> list[Shown]:
    """The parts of one title on the timeline: one comes after another, all leave together or stay."""
    turns = max((part.turn for part in parts), default=0) + 1
    stagger = min(_STAGGER_S, 0.25 * d_s / turns)
    out_s = min(_OUT_S, 0.2 * d_s) if leaves else 0.0
    in_s = min(_IN_S, 0.35 * d_s)
    return [Shown(part, start_s + part.turn * stagger, start_s + d_s, in_s, out_s) for part in parts]


def shared(shown: Iterable[Shown]) -> list[list[Shown]]:
    """As few lanes as will do: in each the parts follow one another, and move alike."""
    lanes: list[list[Shown]] = []
    for one in sorted(shown, key=lambda one: (one.start_s, one.part.turn)):
        free = (
            lane
            for lane in lanes
            if lane[-1].end_s <= one.start_s + _SAME_S and lane[0].part.motion == one.part.motion
        )
        lane = next(free, None)
        if lane is None:
            lanes.append([one])
        else:
            lane.append(one)
    return lanes


def write(shown: Sequence[Shown], folder: Path, name: str) -> tuple[list[str], Lane]:
    """Draw one lane's parts into `folder`: the ffmpeg input that shows them, and the lane, whose input's number is
    still to be set. `name` is the files' own."""
    wide = max(one.part.width for one in shown)
    tall = max(one.part.height for one in shown)
    entries: list[tuple[str, float]] = []
    ends = [one.start_s for one in shown[1:]] + [shown[-1].end_s]
    begun = 0.0
    for number, (one, end) in enumerate(zip(shown, ends, strict=True)):
        window = Image.new("RGBA", (wide, tall), (0, 0, 0, 0))
        # In a larger window a part lies where it comes in, so that it starts to move when it is to be seen.
        top = tall - one.part.height if one.part.motion == "rise" else 0
        window.paste(one.part.draw(), (0, top))
        window.save(folder / f"{name}-{number}.png", compress_level=1)
        entries.append((f"{name}-{number}.png", end - begun))
        begun = end
    return slides.write(folder / f"{name}.ffconcat", entries), Lane(
        0, wide, tall, shown[0].part.motion, tuple(shown)
    )
