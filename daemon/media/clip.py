"""A small clip made from nothing, for `reeldrop demo`: a moving picture, and a voice that pauses."""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.media.ffmpeg import Ffmpeg, source

_SIZE: Final = (640, 360)
_FPS: Final = 24
_RATE: Final = 48_000
_PHRASE_S: Final = 1.5
_PAUSE_S: Final = 0.9
_SYLLABLE_S: Final = 0.19
_VOWELS: Final = (
    (730.0, 1090.0, 2440.0),
    (270.0, 2290.0, 3010.0),
    (570.0, 840.0, 2410.0),
    (530.0, 1840.0, 2480.0),
)
"""First three formants in hertz of four vowels (G. E. Peterson and H. L. Barney, 1952, male means)."""


def make_demo_clip(target: Path, ffmpeg: Ffmpeg, seconds: float = 5.0) -> None:
    """Write an H.264/AAC mp4 of 640x360 at 24 fps to `target`. Raises MediaError."""
    width, height = _SIZE
    colours = "c0=0x1d3557:c1=0x457b9d:c2=0xe76f51:c3=0xf4a261:n=4"
    picture = f"gradients=s={width}x{height}:r={_FPS}:d={seconds}:speed=0.03:seed=3:{colours}"
    with tempfile.TemporaryDirectory(prefix="reeldrop-") as folder:
        voice = Path(folder, "voice.wav")
        _write(voice, _voice(seconds))
        ffmpeg.run(
            [
                *("-f", "lavfi", "-i", picture, "-i", source(voice)),
                *(
                    "-vf",
                    "drawbox=x='(iw-120)*(0.5+0.5*sin(t*1.3))':y='ih*0.62':w=120:h=12:color=white@0.9:t=fill",
                ),
                *(
                    "-c:v",
                    "libx264",
                    "-preset",
                    "veryfast",
                    "-pix_fmt",
                    "yuv420p",
                    "-c:a",
                    "aac",
                    "-b:a",
                    "128k",
                ),
                *("-t", f"{seconds}", "-movflags", "+faststart", "-f", "mp4", "-y", source(target)),
            ],
            timeout_s=60 + 20 * seconds,
        )


def _voice(seconds: float) -> NDArray[np.float64]:
    """Vowels in syllables, a phrase, a pause: the spectrum and the rhythm of speech, and no words."""
    count = round(seconds * _RATE)
    time = np.arange(count) / _RATE
    chance = np.random.default_rng(5)
    pitch = 118 + 14 * np.sin(2 * np.pi * 0.45 * time) + 5 * np.sin(2 * np.pi * 1.9 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / _RATE
    syllable = (time / _SYLLABLE_S).astype(int)
    vowels = np.asarray(_VOWELS)[chance.integers(len(_VOWELS), size=int(syllable.max(initial=0)) + 1)]
    formants = vowels[syllable]
    sound = np.zeros(count)
    for harmonic in range(1, 30):
        away = (harmonic * pitch[:, None] - formants) / (60 + 0.08 * formants)
        sound += np.sin(harmonic * phase) * ((1 / (1 + away**2)) @ np.array([1.0, 0.5, 0.25]))
    opened = np.sin(np.pi * (time / _SYLLABLE_S % 1)) ** 0.6
    speaks = (time % (_PHRASE_S + _PAUSE_S)) < _PHRASE_S
    sound *= opened * speaks
    return 0.35 * sound / max(float(np.abs(sound).max(initial=0)), 1e-9)


def _write(path: Path, sound: NDArray[np.float64]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
