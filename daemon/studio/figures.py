"""Who is cut out of a scene's clips: what stands behind them drawn, and the masks that tell them from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from daemon.errors import RenderError
from daemon.media.ffmpeg import source
from daemon.studio import cutout, graph
from daemon.studio.cutout import Cut
from daemon.studio.grounds import ground
from daemon.studio.inputs import Files, Inputs
from daemon.studio.matte.carried import MISSING, find_model
from daemon.studio.matte.stream import Streams, mask_size
from daemon.studio.reading import Input
from daemon.studio.scene import Scene


class Figures:
    """The figures of one render. `opens`: the arguments that open each of the graph's inputs."""

    def __init__(
        self,
        scene: Scene,
        clips: Sequence[Input],
        opens: Sequence[Sequence[str]],
        files: Files,
        inputs: Inputs,
        work: Path,
    ) -> None:
        self._scene = scene
        self._clips = clips
        self._opens = opens
        self._files = files
        self._inputs = inputs
        self._work = work

    def cuts(self, opened: Streams, model: str) -> dict[int, Cut]:
        """Draws the grounds, starts the streams of masks, and makes both inputs; by the clip's number.

        Raises RenderError: a picture or a model that is missing.
        """
        frame = graph.shared(self._scene, self._clips)
        found = {}
        for number, one in enumerate(self._clips):
            background = one.clip.background
            if background is None:
                continue
            shown, behind = graph.own_size(self._scene, one), None
            drawn = ground(background, (frame.width, frame.height), self._files)
            if drawn is not None:
                path = self._work / f"ground{number}.png"
                drawn.save(path, compress_level=1)
                behind = self._inputs.add("-i", source(path))
            if cutout.is_keyed(background):
                found[number] = Cut(background, f"[v{number}]", None, behind, shown)
            else:
                picture, mask = self._masked(opened, frame, number, model)
                found[number] = Cut(background, f"[{picture}:v:0]", mask, behind, shown)
        return found

    def _masked(self, opened: Streams, frame: cutout.Frame, number: int, setting: str) -> tuple[int, int]:
        """The inputs of a clip's frames and of their masks."""
        one = self._clips[number]
        width, height = graph.own_size(self._scene, one)
        model = find_model(setting, upright=height > width)
        if model is None:
            raise RenderError("cutting out the figure", "there is no model for it", MISSING)
        near = mask_size(model)
        filters = graph.frames_to_cut(self._scene, self._clips, number, near)
        stream = opened.start(self._opens[one.at], filters, model)
        mask = self._inputs.add(*cutout.raw(stream.masks, "gray", near, frame.fps))
        whole = (frame.width, frame.height)
        return self._inputs.add(*cutout.raw(stream.frames, "yuv420p", whole, frame.fps)), mask
