"""A draft narration in one file as long as the scene: each text spoken at its time, none into the next."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.studio.scene import Spoken
from daemon.studio.voice import RATE_WPM, speak

_FASTEST_WPM: Final = 260
"""Faster than this nobody follows: what is longer then is cut off."""


def write_narration(target: Path, spoken: Sequence[Spoken], d_s: float, work: Path) -> None:
    """Writes a mono wav file of `d_s` seconds. Blocking. Raises RenderError where there is no voice."""
    frequency, placed = 0, []
    for number, one in enumerate(spoken):
        path = work / f"said{number}.wav"
        length = speak(one.text, path)
        if length > one.d_s:
            speak(one.text, path, rate=min(_FASTEST_WPM, round(RATE_WPM * length / max(0.1, one.d_s)) + 1))
        frequency, samples = _read(path)
        placed.append((round(one.start_s * frequency), samples[: round(one.d_s * frequency)]))
    whole = np.zeros(round(d_s * frequency), np.int16)
    for start, samples in placed:
        room = whole[start : start + len(samples)]
        room[:] = samples[: len(room)]
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, frequency, 0, "NONE", ""))
        file.writeframes(whole.tobytes())


def _read(path: Path) -> tuple[int, NDArray[np.int16]]:
    with wave.open(str(path)) as file:
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
