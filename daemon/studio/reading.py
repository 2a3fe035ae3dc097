"""Which files are opened for the clips of a scene, and where each clip lies in what is read (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from daemon.media.probe import Probe
from daemon.studio.scene import Clip, Crop, Turn

_MOST_PARTS: Final = 100
_TOUCHING_S: Final = 0.001
_WIDEST_GAP_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Read:
    """One opening of a file, for `count` clips in order from number `first`: what of it is read, in seconds."""

    first: int
    count: int
    start_s: float
    d_s: float


@dataclass(frozen=True, slots=True)
class Input:
    """A clip, what was found in its file, and where it lies in what is read: part `part` of `parts` of input `at`.

    `offset_s`: where it begins after the read's start. `table`: the file that HDR's colours are looked up in.
    """

    clip: Clip
    probe: Probe
    at: int = 0
    part: int = 0
    parts: int = 1
    offset_s: float = 0.0
    table: str = ""

    @property
    def sounds(self) -> bool:
        return self.probe.has_audio and not self.clip.silent and not self.clip.still

    @property
    def size(self) -> tuple[int, int]:
        """Pixels of the picture after its geometry."""
        width, height = self.probe.width, self.probe.height
        for step in self.clip.geometry:
            match step:
                case Turn(90 | 270):
                    width, height = height, width
                case Crop(left, top, right, bottom):
                    width = max(1, round(width * (1 - left - right)))
                    height = max(1, round(height * (1 - top - bottom)))
        return width, height


def reads(clips: Sequence[Clip]) -> list[Read]:
    """How few openings of files all clips can be read by.

    Cutting the pauses out of an hour of talk leaves hundreds of pieces; each with a decoder of its own took
    gigabytes.
    """
    found: list[Read] = []
    for number, clip in enumerate(clips):
        end_s = clip.from_s + clip.d_s * clip.speed
        if found and _follows(clips[number - 1], clip) and found[-1].count < _MOST_PARTS:
            last = found[-1]
            found[-1] = replace(last, count=last.count + 1, d_s=end_s - last.start_s)
        else:
            found.append(Read(number, 1, clip.from_s, end_s - clip.from_s))
    return found


def _follows(before: Clip, clip: Clip) -> bool:
    """Whether a clip is a later piece of the same file, near enough to read on to it."""
    gap = clip.from_s - before.from_s - before.d_s * before.speed
    same = (before.asset, before.silent) == (clip.asset, clip.silent)
    drawn = clip.still or clip.backdrop is not None or clip.background is not None
    return same and not drawn and -_TOUCHING_S <= gap <= _WIDEST_GAP_S


def placed(clips: Sequence[Clip], probes: Mapping[str, Probe]) -> list[Input]:
    """The inputs of the clips, as `reads` opens their files."""
    inputs = []
    for at, read in enumerate(reads(clips)):
        for part in range(read.count):
            clip = clips[read.first + part]
            offset = clip.from_s - read.start_s
            inputs.append(Input(clip, probes[clip.asset], at, part, read.count, offset))
    return inputs


def starts(clips: Sequence[Clip]) -> list[float]:
    """When each clip begins, in seconds."""
    found, end = [], 0.0
    for clip in clips:
        found.append(end - clip.crossfade_s)
        end = found[-1] + clip.d_s
    return found


def runs(clips: Sequence[Clip]) -> list[range]:
    """The clips that are cut hard, together; between two runs lies a crossfade."""
    firsts = [number for number, clip in enumerate(clips) if not number or clip.crossfade_s]
    return [range(first, last) for first, last in pairwise([*firsts, len(clips)])]
