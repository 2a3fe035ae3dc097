"""What lies over a scene's pictures, drawn into files that ffmpeg reads: watermark, titles, captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from daemon.media.ffmpeg import source
from daemon.studio import captions, lanes, titles
from daemon.studio.captions import Caption, Strip
from daemon.studio.graph import Layer, Overlay
from daemon.studio.inputs import Files, Inputs
from daemon.studio.lanes import Lane
from daemon.studio.lettering import Lettering, letter
from daemon.studio.scene import Scene, Text
from daemon.studio.stills import marked

_AT_THE_END_S: Final = 0.04
"""A title that ends so near the end of all stays on its last frame."""

_Low = tuple[float, float, int]
"""From when to when something stands at the bottom, in seconds, and the upper edge of it in pixels."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What stands still lies below what moves or changes."""

    still: tuple[Overlay, ...] = ()
    moving: tuple[Layer, ...] = ()


class Drawing:
    """Draws the layers of one scene, and makes them inputs."""

    def __init__(self, scene: Scene, files: Files, inputs: Inputs, work: Path) -> None:
        self._scene = scene
        self._files = files
        self._inputs = inputs
        self._work = work
        self._low: list[_Low] = []

    def layers(self) -> Layers:
        """Raises RenderError: a font or file that is missing, a text that is too long."""
        still = (*self._mark(), *self._lettered())
        return Layers(still, (*self._kinetic(), *self._captions()))

    def _styled(self, style: str) -> list[Text]:
        return [one for one in self._scene.texts if one.style == style]

    def _mark(self) -> Iterator[Overlay]:
        mark, scene = self._scene.mark, self._scene
        if mark is not None:
            path = self._work / "mark.png"
            x, y = marked(self._files.mark(mark), path, mark, (scene.width, scene.height))
            yield Overlay(self._inputs.add("-i", source(path)), x, y, 0.0, scene.d_s)

    def _lettered(self) -> Iterator[Overlay]:
        earlier: list[tuple[Text, int, int]] = []
        for number, text in enumerate(self._styled("")):
            drawn = letter(text.text, text.position, self._scene.width, self._scene.height)
            path = self._work / f"text{number}.png"
            drawn.image.save(path, compress_level=1)
            y = _stacked(text, drawn, earlier, self._scene.height)
            earlier.append((text, y, y + drawn.image.height))
            self._stands(text, y)
            yield Overlay(self._inputs.add("-i", source(path)), drawn.x, y, text.start_s, text.d_s)

    def _kinetic(self) -> Iterator[Lane]:
        shown: list[lanes.Shown] = []
        for text in self._styled("kinetic"):
            parts = titles.compose(_title(text), self._scene.width, self._scene.height)
            leaves = text.start_s + text.d_s < self._scene.d_s - _AT_THE_END_S
            shown += lanes.timed(parts, text.start_s, text.d_s, leaves=leaves)
            self._stands(text, min((part.y for part in parts), default=self._scene.height))
        for number, one in enumerate(lanes.shared(shown)):
            args, lane = lanes.write(one, self._work, f"lane{number}")
            yield replace(lane, at=self._inputs.add(*args))

    def _captions(self) -> Iterator[Strip]:
        scene = self._scene
        cues = [Caption(one.text, one.start_s, one.start_s + one.d_s) for one in self._styled("caption")]
        written = captions.write(cues, self._work / "captions", scene.width, scene.height, scene.d_s)
        if written is not None:
            args, strip = written
            yield replace(strip, at=self._inputs.add(*args)).clear_of(self._low, scene.height)

    def _stands(self, text: Text, top: int) -> None:
        if text.position == "bottom":
            self._low.append((text.start_s, text.start_s + text.d_s, top))


def _stacked(text: Text, drawn: Lettering, earlier: Sequence[tuple[Text, int, int]], height: int) -> int:
    """The upper edge of a text, in pixels, clear of the `earlier` ones (text, upper and lower edge) at its position
    and time: above them at the bottom, below them elsewhere. Where the frame has no room left it stays within."""
    beside = [
        (upper, lower)
        for one, upper, lower in earlier
        if one.position == text.position
        and one.start_s < text.start_s + text.d_s
        and text.start_s < one.start_s + one.d_s
    ]
    if not beside:
        return drawn.y
    tall = drawn.image.height
    if text.position == "bottom":
        return max(0, min(upper for upper, _ in beside) - tall)
    return max(0, min(height - tall, max(lower for _, lower in beside)))


def _title(text: Text) -> titles.Title:
    return titles.Title(text.text, text.role, text.position, text.colour, text.accent, text.stressed)
