"""A draft narration in one file as long as the scene: each text spoken at its time, none into the next."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.studio.scene import Spoken
from daemon.studio.voice import FASTEST_WPM, RATE_WPM, speak

_FADE_S: Final = 0.05
"""What is cut off even at the fastest rate fades out, or it would end in a click."""


def write_narration(target: Path, spoken: Sequence[Spoken], d_s: float, work: Path) -> None:
    """Writes a mono wav file of `d_s` seconds. Blocking. Raises RenderError where there is no voice."""
    frequency, placed = 0, []
    for number, one in enumerate(spoken):
        path = work / f"said{number}.wav"
        length = speak(one.text, path)
        if length > one.d_s:
            rate = min(FASTEST_WPM, round(RATE_WPM * length / max(0.1, one.d_s)) + 1)
            if speak(one.text, path, rate=rate) > one.d_s and rate < FASTEST_WPM:
                speak(one.text, path, rate=FASTEST_WPM)
        frequency, samples = _read(path)
        room_s = min(one.d_s, d_s - one.start_s)
        placed.append((round(one.start_s * frequency), _within(samples, room_s, frequency)))
    whole = np.zeros(round(d_s * frequency), np.int16)
    for start, samples in placed:
        room = whole[start : start + len(samples)]
        room[:] = samples[: len(room)]
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, frequency, 0, "NONE", ""))
        file.writeframes(whole.tobytes())


def _within(samples: NDArray[np.int16], room_s: float, frequency: int) -> NDArray[np.int16]:
    """The samples that there is room for, faded out where they are cut off."""
    count = max(0, round(room_s * frequency))
    if len(samples) <= count:
        return samples
    cut = samples[:count].copy()
    fading = min(count, round(_FADE_S * frequency))
    cut[count - fading :] = cut[count - fading :] * np.linspace(1, 0, fading)
    return cut


def _read(path: Path) -> tuple[int, NDArray[np.int16]]:
    with wave.open(str(path)) as file:
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
