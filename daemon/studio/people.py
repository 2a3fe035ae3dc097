"""Whether anybody is to be seen in a clip: without a person the whole picture would be taken for background."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from daemon.media.ffmpeg import Ffmpeg
from daemon.media.probe import Probe
from daemon.studio.matte.matter import Matter
from daemon.studio.matte.model import read_model
from daemon.studio.matte.network import Network
from daemon.studio.screen import sampled

_LEAST: Final = 0.02
"""Share of the picture that a person takes at least, in one of the frames that are looked at."""


def shows_people(path: Path, probe: Probe, ffmpeg: Ffmpeg, model: Path) -> bool:
    """Looks at a few frames of the clip. Blocking. Raises MediaError and RenderError (no such model)."""
    network = Network(read_model(model))
    size = Matter(network).size
    masks = [Matter(network).mask(frame) for frame in sampled(path, probe, ffmpeg, size)]
    return any((mask > 127).mean() >= _LEAST for mask in masks)
