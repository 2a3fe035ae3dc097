"""The music bed: a piece in one of four moods made with numpy, of whole bars, the same for the same seed.

It begins with little, grows, and ends softly on its home chord. What is made is at most `LOOP_BARS` long; a
longer bed is whole repeats of a piece that closes on itself (what rings on past its end is heard at its start), so
that one for hours costs no more than one for a minute.
"""

from __future__ import annotations

import math
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from daemon.studio.music.instruments import RATE, Sound
from daemon.studio.music.moods import STYLES, perform
from daemon.studio.music.score import Piece
from daemon.studio.operations import Mood

__all__ = ["LOOP_BARS", "RATE", "Measure", "fit", "write_bed"]

LOOP_BARS: Final = 32
_SHORTEST_LOOP: Final = 16
_BEATS: Final = 4

_LOUDNESS: Final = -20.0
"""LUFS that every bed is made at, whatever its mood: well above 16 bit noise, and peaks stay free."""

_KNEE: Final = 0.5
_CEILING: Final = 0.7


@dataclass(frozen=True, slots=True)
class Measure:
    """How bars fit a length: `bars` of `beats` at `bpm` beats a minute fill it; `loop` of them are made, of which
    `bars` is a multiple."""

    bars: int
    bpm: float
    loop: int
    beats: int = _BEATS

    @property
    def bar_s(self) -> float:
        return self.beats * 60.0 / self.bpm


def fit(duration_s: float, tempo: float = 70.0) -> Measure:
    """Whole bars for `duration_s` seconds, near `tempo` in beats a minute.

    Of four beats; where not even one such bar fits, one of fewer. Up to `LOOP_BARS` the tempo differs from `tempo` by
    a factor of at most 1.5 (from a second on), past it by less than 1.07.
    """
    length = max(duration_s, 0.5)
    beats = length * tempo / 60.0
    if beats < _BEATS:
        count = max(1, round(beats))
        return Measure(1, count * 60.0 / length, 1, count)
    fewer = max(1, int(beats / _BEATS))
    bars = min((fewer, fewer + 1), key=lambda count: abs(math.log(count * _BEATS / beats)))
    loop = bars
    if bars > LOOP_BARS:
        # Phrases are of two bars.
        loops = range(LOOP_BARS, _SHORTEST_LOOP - 1, -2)
        loop = min(loops, key=lambda one: abs(math.log(max(2, round(bars / one)) * one * _BEATS / beats)))
        bars = max(2, round(bars / loop)) * loop
    return Measure(bars, bars * _BEATS * 60.0 / length, loop)


def write_bed(target: Path, duration_s: float, seed: int, mood: Mood = "calm") -> Measure:
    """Write the bed for `duration_s` seconds as a stereo 16-bit WAV at `RATE` to `target`.

    The file holds `loop` bars and is to be repeated until `bars` have sounded. The same seed, duration and mood give
    the same bytes; another seed another key, tempo, chords, theme and pattern.
    """
    chance = np.random.default_rng(seed)
    low, high = STYLES[mood].tempo
    measure = fit(duration_s, chance.uniform(low, high))
    closes = measure.loop < measure.bars
    piece = Piece(STYLES[mood], measure.loop, measure.beats, round(measure.bar_s * RATE), closes, chance)
    sound = _levelled(perform(mood, piece))
    with wave.open(str(target), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(sound.T * 32767).astype("<i2").tobytes())
    return measure


def _levelled(sound: Sound) -> Sound:
    """At `_LOUDNESS`, what goes past the knee bent so that it stays below the ceiling."""
    sound *= np.float32(10 ** ((_LOUDNESS - _loudness(sound)) / 20))
    over = np.abs(sound) > _KNEE
    room = np.float32(_CEILING - _KNEE)
    peaks = sound[over]
    sound[over] = np.sign(peaks) * (_KNEE + room * np.tanh((np.abs(peaks) - _KNEE) / room))
    return sound


def _loudness(sound: Sound) -> float:
    """LUFS of two channels x samples: the weights of ITU-R BS.1770 as a curve over blocks of 1.4 s, and of its gates
    the relative one."""
    block = min(1 << 15, sound.shape[1])
    blocks = sound[:, : sound.shape[1] // block * block].reshape(2, -1, block)
    pitch = np.fft.rfftfreq(block, 1 / RATE)
    shelf = 10 ** (0.4 * pitch**2 / (pitch**2 + 1500.0**2))
    weight = (shelf * (pitch**2 / (pitch**2 + 38.0**2)) ** 2).astype(np.float32)
    power = 2 * (np.abs(np.fft.rfft(blocks)) ** 2 * weight).sum(axis=(0, 2)) / block**2
    power = power[power >= power.mean() / 10]
    return float(-0.691 + 10 * np.log10(max(float(power.mean()), 1e-12)))
