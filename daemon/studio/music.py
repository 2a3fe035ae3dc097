"""The music bed: a calm piece made with numpy, of whole bars, the same for the same seed.

Warm chords under a soft plucked line. What is made is at most `LOOP_BARS` long and closes on itself (what
rings on past its end is heard at its start), so that a bed for hours costs no more than one for a minute.
"""

from __future__ import annotations

import math
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 24_000
"""Samples a second: nothing in a calm bed is above 8 kHz, and half the rate is half the work."""

LOOP_BARS: Final = 16
_BEATS: Final = 4
_CALM_BPM: Final = 70.0
_PEAK: Final = 0.5

_PROGRESSIONS: Final = ((0, 9, 5, 7), (0, 5, 9, 5), (9, 5, 0, 7), (0, 9, 2, 7))
"""Roots in semitones above the key; each chord is held for a bar. Minor where the scale says so."""

_MINOR: Final = frozenset({2, 4, 9})
_SCALE: Final = (0, 2, 4, 7, 9)
_KEYS: Final = (48, 50, 52, 53, 55)
_PATTERNS: Final = ((0, 2, 4, 6, 7), (0, 3, 4, 6), (0, 2, 3, 6), (0, 3, 6, 7))
"""Eighths of a bar on which a note is plucked."""

Sound = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """How bars fit a length: `bars` whole bars at `bpm` beats a minute fill it; `loop` of them are made."""

    bars: int
    bpm: float

    @property
    def loop(self) -> int:
        return min(self.bars, LOOP_BARS)

    @property
    def bar_s(self) -> float:
        return _BEATS * 60.0 / self.bpm


def fit(duration_s: float) -> Measure:
    """Whole bars for `duration_s` seconds, at the tempo that differs least from 70 beats a minute (as a
    ratio): never under 49 or over 99 from 2.5 s on, within 60 to 82 from 12 s on."""
    minute = _BEATS * 60.0 / max(duration_s, 0.5)
    fewer = max(1, int(_CALM_BPM / minute))
    bars = min((fewer, fewer + 1), key=lambda count: abs(math.log(count * minute / _CALM_BPM)))
    return Measure(bars, bars * minute)


def write_bed(target: Path, duration_s: float, seed: int) -> Measure:
    """Write the bed for `duration_s` seconds as a stereo 16-bit WAV at `RATE` to `target`.

    The file holds `loop` bars and is to be repeated until `bars` have sounded. The same `seed` and duration
    give the same bytes.
    """
    measure = fit(duration_s)
    sound = _piece(measure, np.random.default_rng(seed))
    sound *= _PEAK / max(float(np.abs(sound).max()), 1e-9)
    with wave.open(str(target), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound.T * 32767).astype("<i2").tobytes())
    return measure


def _piece(measure: Measure, chance: np.random.Generator) -> Sound:
    """Two channels x samples. Chords are made once and used for each bar that has them."""
    bar = round(measure.bar_s * RATE)
    key = int(chance.choice(_KEYS))
    roots = _PROGRESSIONS[chance.integers(len(_PROGRESSIONS))]
    sound = np.zeros((2, bar * measure.loop))
    chords = {root: _chord(key, root, bar, chance) for root in dict.fromkeys(roots[: measure.loop])}
    for number in range(measure.loop):
        _lay(sound, chords[roots[number % len(roots)]], number * bar)
    for start, note in _melody(measure.loop, bar, key, chance):
        _lay(sound, note, start)
    return sound


def _lay(sound: Sound, part: Sound, start: int) -> None:
    """Add `part` at `start`; what is longer than the piece goes on at its beginning."""
    length = sound.shape[1]
    while part.shape[1]:
        here = start % length
        room = min(length - here, part.shape[1])
        sound[:, here : here + room] += part[:, :room]
        part, start = part[:, room:], start + room


def _chord(key: int, root: int, bar: int, chance: np.random.Generator) -> Sound:
    """A bar of pad: bass, root, third, fifth and ninth, swelling in and fading into the next bar."""
    third = 3 if root in _MINOR else 4
    base = key + root - (12 if root > 6 else 0)
    long = round(bar * 1.3)
    time = np.arange(long) / RATE
    sound = np.zeros((2, long))
    for step, loud in ((-12, 0.5), (0, 0.7), (third, 0.5), (7, 0.55), (14, 0.3)):
        pitch = _hertz(base + step)
        for channel, detune in ((0, 0.9985), (1, 1.0015)):
            phase = 2 * np.pi * pitch * detune * time + chance.uniform(0, 2 * np.pi)
            sound[channel] += loud * (np.sin(phase) + 0.28 * np.sin(2 * phase) + 0.08 * np.sin(3 * phase))
    rise = fall = long - bar
    swell = np.ones(long)
    swell[:rise] = np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    swell[-fall:] *= np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return sound * swell * 0.22


def _melody(bars: int, bar: int, key: int, chance: np.random.Generator) -> list[tuple[int, Sound]]:
    """Plucked notes of the pentatonic scale: (first sample, sound). They walk by neighbours, never leap."""
    made: dict[tuple[int, int], Sound] = {}
    notes = []
    place = int(chance.integers(3, 7))
    for number in range(bars):
        for eighth in _PATTERNS[chance.integers(len(_PATTERNS))]:
            place = int(np.clip(place + chance.integers(-2, 3), 0, 9))
            pitch = key + 12 + 12 * (place // 5) + _SCALE[place % 5]
            side = int(chance.integers(-1, 2))
            if (pitch, side) not in made:
                made[pitch, side] = _pluck(pitch, side)
            notes.append((number * bar + eighth * bar // 8, made[pitch, side]))
    return notes


def _pluck(pitch: int, side: int) -> Sound:
    """A soft struck note of 2.4 s with two quiet echoes, a little to the left (-1) or right (1)."""
    time = np.arange(round(2.4 * RATE)) / RATE
    phase = 2 * np.pi * _hertz(pitch) * time
    tone = np.sin(phase) * np.exp(-2.2 * time) + 0.3 * np.sin(2 * phase) * np.exp(-5 * time)
    tone *= np.minimum(1.0, time / 0.012) * np.minimum(1.0, (2.4 - time) / 0.2)
    echo = round(0.37 * RATE)
    both = np.zeros((2, tone.size + 2 * echo))
    for channel, near in ((0, 1 - 0.3 * side), (1, 1 + 0.3 * side)):
        both[channel, : tone.size] += near * tone
        both[1 - channel, echo : echo + tone.size] += 0.3 * near * tone
        both[channel, 2 * echo :] += 0.12 * near * tone
    return both * 0.2


def _hertz(pitch: int) -> float:
    """A MIDI note number in hertz."""
    return float(440.0 * 2 ** ((pitch - 69) / 12))
