"""Where nobody speaks: the pauses of a clip's sound, found by its own levels.

A fixed threshold took the room's noise of one recording for speech and another's whisper for silence, so it lies
between the loud and the quiet moments of the clip itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.media.ffmpeg import Ffmpeg, source

_RATE: Final = 8000
_FRAME: Final = 160
"""Samples: levels are taken every 20 ms."""

_FRAME_MS: Final = 1000 * _FRAME // _RATE
_BLOCK: Final = 1 << 15
_SHORTEST_MS: Final = 200
_CLICK_MS: Final = 60
"""What is louder for no longer within a pause is a click of the mouth or the mouse."""

_FLOOR_DB: Final = -90.0
_BELOW_SPEECH_DB: Final = (12.0, 30.0)
_ABOVE_NOISE_DB: Final = 6.0
_LOUD, _QUIET = 95, 10
"""Percentiles of the levels that count as speech and as the room."""


def find_pauses(
    path: Path, ffmpeg: Ffmpeg, folder: Path, tell: Callable[[float], None] | None = None
) -> tuple[tuple[int, int], ...]:
    """The pauses of a file in ms; its sound is written to `folder` for the while. Blocking. Raises MediaError."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="sound-") as work:
        sound = Path(work, "sound")
        read = ["-i", source(path), "-map", "0:a:0", "-ac", "1", "-ar", str(_RATE), "-f", "s16le"]
        ffmpeg.run([*read, "-y", source(sound)], progress=tell)
        return pauses(levels(sound))


def levels(sound: Path) -> NDArray[np.float32]:
    """The level of every 20 ms in dBFS, of mono 16-bit samples at 8 kHz."""
    return np.concatenate([np.zeros(0, np.float32), *_levels(sound)])


def _levels(sound: Path) -> Iterator[NDArray[np.float32]]:
    with sound.open("rb") as file:
        while block := file.read(_BLOCK * _FRAME * 2 // 16):
            samples = np.frombuffer(block[: len(block) // 2 * 2], "<i2").astype(np.float32) / 32768
            frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
            power = np.maximum((frames**2).mean(axis=1), 10 ** (_FLOOR_DB / 10))
            yield (10 * np.log10(power)).astype(np.float32)


def pauses(heard: NDArray[np.float32]) -> tuple[tuple[int, int], ...]:
    """From levels every 20 ms to the stretches of at least 0.2 s in which nobody speaks, in ms. Pure."""
    if not heard.size:
        return ()
    speech, room = np.percentile(heard, _LOUD), np.percentile(heard, _QUIET)
    least, most = _BELOW_SPEECH_DB
    threshold = min(speech - least, max(room + _ABOVE_NOISE_DB, speech - most))
    quiet = heard < threshold
    for start, end in _runs(~quiet):
        if (end - start) * _FRAME_MS <= _CLICK_MS:
            quiet[start:end] = True
    found = [(start * _FRAME_MS, end * _FRAME_MS) for start, end in _runs(quiet)]
    return tuple((start, end) for start, end in found if end - start >= _SHORTEST_MS)


def _runs(true: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], true, [False]))))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
