"""Single notes and hits, float32 at `RATE`, each about as loud as 1.0 at its peak."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 24_000
"""Samples a second: nothing in a bed is above 8 kHz, and half the rate is half the work."""

Sound = NDArray[np.float32]

_TABLE: Final = 4096
_BRIGHTEST_HZ: Final = 5000.0
_WIDE: Final = 50


def hertz(pitch: float) -> float:
    """A MIDI note number in hertz."""
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def pad(pitches: tuple[int, ...], seconds: float, overlap: float, chance: np.random.Generator) -> Sound:
    """Two channels: a warm chord that swells in and fades, each for `overlap` seconds."""
    return _chord(pitches, seconds, overlap, 2.1, 6, (0.0017,), chance)


def strings(pitches: tuple[int, ...], seconds: float, overlap: float, chance: np.random.Generator) -> Sound:
    """Two channels: bowed, players on both sides who do not quite agree."""
    return _chord(pitches, seconds, overlap, 1.25, 16, (0.0021, 0.0038), chance)


def _chord(
    pitches: tuple[int, ...],
    seconds: float,
    overlap: float,
    slope: float,
    harmonics: int,
    detunes: tuple[float, ...],
    chance: np.random.Generator,
) -> Sound:
    """Harmonics fall as 1/n^slope; each pitch is played in the middle, and from `_WIDE` up, quieter, at each side once
    a detune: low notes that differ between the channels would come and go where both are added."""
    length = round(seconds * RATE)
    time = np.arange(length)
    sound = np.zeros((2, length), np.float32)
    for pitch in pitches:
        table = _table(hertz(pitch), slope, harmonics)

        def voice(detune: float, pitch: int = pitch, table: Sound = table) -> Sound:
            step = hertz(pitch) * (1 + detune) * _TABLE / RATE
            place = (time * step + chance.uniform(0, _TABLE)).astype(np.int64) & (_TABLE - 1)
            return np.asarray(table[place], np.float32)

        sound += voice(0.0)
        if pitch < _WIDE:
            continue
        for channel, way in ((0, -1), (1, 1)):
            for number, detune in enumerate(detunes):
                sound[channel] += np.float32(0.6) * voice(way * (-1) ** number * detune)
    rise = max(1, min(round(overlap * RATE), length // 2))
    swell = np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32)) ** 2
    sound[:, :rise] *= swell
    sound[:, length - rise :] *= swell[::-1]
    return sound / np.float32(len(pitches) ** 0.5 * 1.9)


def _table(pitch: float, slope: float, harmonics: int) -> Sound:
    """One period, without what would lie above `_BRIGHTEST_HZ`."""
    phase = np.arange(_TABLE) * (2 * np.pi / _TABLE)
    count = max(1, min(harmonics, int(_BRIGHTEST_HZ / pitch)))
    return np.asarray(sum(np.sin(n * phase) / n**slope for n in range(1, count + 1)), np.float32)


def pluck(pitch: int) -> Sound:
    """A soft struck string of 2.4 s."""
    return _struck(pitch, 2.4, ((1, 1.0, 2.2), (2, 0.3, 5.0)), 0.012)


def muted(pitch: int) -> Sound:
    """A string damped with the hand: short and dry."""
    return _struck(pitch, 0.5, ((1, 1.0, 9.0), (2, 0.55, 13.0), (3, 0.3, 19.0), (4, 0.12, 27.0)), 0.004)


def mallet(pitch: int) -> Sound:
    """Wood: the fourth harmonic is heard with the stroke alone."""
    return _struck(pitch, 0.9, ((1, 1.0, 6.0), (2, 0.12, 11.0), (4, 0.22, 24.0)), 0.004)


def piano(pitch: int) -> Sound:
    """Hammer and strings: the higher a partial, the sooner it is gone; slightly sharp, as stiff strings are."""
    fall = 0.9 + 0.035 * max(0, pitch - 48)
    partials = tuple(
        (n * (1 + 0.0004 * n * n) ** 0.5, 0.9 / n**1.35, fall * (1 + 0.55 * (n - 1))) for n in range(1, 8)
    )
    return _struck(pitch, 2.2, partials, 0.005)


def bell(pitch: int) -> Sound:
    return _struck(pitch, 2.0, ((1, 1.0, 2.6), (2, 0.18, 4.5), (3, 0.16, 7.0)), 0.006)


def short_string(pitch: int) -> Sound:
    """A short stroke of the bow, three players."""
    sound = np.zeros(round(0.42 * RATE), np.float32)
    time = np.arange(sound.size) / RATE
    table = _table(hertz(pitch), 1.35, 12)
    for detune in (0.9975, 1.0, 1.0022):
        place = (np.arange(sound.size) * (hertz(pitch) * detune * _TABLE / RATE)).astype(np.int64)
        sound += table[place & (_TABLE - 1)]
    shape = np.minimum(1, time / 0.018) * np.exp(-6.5 * time) * np.minimum(1, (0.42 - time) / 0.05)
    return np.asarray(sound * shape * 0.45, np.float32)


def bass(pitch: int, seconds: float) -> Sound:
    """A round bass, held for `seconds`."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * hertz(pitch) * time
    tone = (
        np.sin(phase)
        + 0.35 * np.exp(-2.5 * time) * np.sin(2 * phase)
        + 0.12 * np.exp(-5 * time) * np.sin(3 * phase)
    )
    shape = np.minimum(1, time / 0.01) * np.exp(-0.9 * time) * np.minimum(1, (seconds - time) / 0.04)
    return np.asarray(np.tanh(1.2 * tone) * shape, np.float32)


def kick(deep: float = 48.0, seconds: float = 0.32) -> Sound:
    """A soft drum that falls to `deep` hertz."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * (deep * time + 2.4 * (1 - np.exp(-time / 0.028)))
    shape = (
        np.minimum(1, time / 0.003)
        * np.exp(-2.2 * time / seconds * 2)
        * np.minimum(1, (seconds - time) / 0.05)
    )
    return np.asarray(np.sin(phase) * shape, np.float32)


def boom(chance: np.random.Generator) -> Sound:
    """A large drum far away."""
    skin = kick(41.0, 1.5)
    air = noise(1.5, 40.0, 240.0, 4.0, chance)
    return np.asarray(skin + 0.6 * air, np.float32)


def clap(chance: np.random.Generator) -> Sound:
    """Several hands, not quite together."""
    sound = np.zeros(round(0.26 * RATE), np.float32)
    for delay, loud in ((0.0, 0.6), (0.011, 0.7), (0.023, 1.0)):
        hit = noise(0.22, 700.0, 3600.0, 26.0, chance) * np.float32(loud)
        start = round(delay * RATE)
        sound[start : start + hit.size] += hit
    return sound


def brush(chance: np.random.Generator) -> Sound:
    """A snare under a brush."""
    hit = noise(0.3, 400.0, 5200.0, 15.0, chance)
    time = np.arange(hit.size) / RATE
    return np.asarray(
        hit + 0.35 * np.sin(2 * np.pi * 185 * time) * np.exp(-22 * time) * np.minimum(1, time / 0.004),
        np.float32,
    )


def shaker(chance: np.random.Generator) -> Sound:
    hit = noise(0.11, 3200.0, 7200.0, 38.0, chance)
    rise = round(0.012 * RATE)
    hit[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    return hit


def swell(seconds: float, chance: np.random.Generator) -> Sound:
    """Noise that rises to a new part, as of a cymbal rolled with soft sticks."""
    hiss = noise(seconds, 900.0, 5200.0, 0.0, chance)
    shape = np.linspace(0, 1, hiss.size, dtype=np.float32) ** 3
    fall = min(hiss.size, round(0.12 * RATE))
    shape[hiss.size - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return hiss * shape


def noise(seconds: float, low: float, high: float, fall: float, chance: np.random.Generator) -> Sound:
    """Noise between two pitches in hertz, with soft flanks, that falls as exp(-fall * t)."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(chance.standard_normal(count, np.float32))
    pitch = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= np.exp(-np.maximum(0, low - pitch) / (0.25 * low)) * np.exp(
        -np.maximum(0, pitch - high) / (0.08 * high)
    )
    sound = np.fft.irfft(spectrum, count)
    time = np.arange(count) / RATE
    sound *= (
        np.exp(-fall * time) * np.minimum(1, time / 0.002) * np.minimum(1, (seconds - time) / (0.2 * seconds))
    )
    return np.asarray(sound / max(float(np.abs(sound).max()), 1e-9), np.float32)


def _struck(
    pitch: float, seconds: float, partials: tuple[tuple[float, float, float], ...], rise: float
) -> Sound:
    """Sines: (times the pitch, loudness, how fast each falls: exp(-fall * t)); `rise` seconds to full."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(time.size)
    for times, loud, fall in partials:
        if hertz(pitch) * times < _BRIGHTEST_HZ:
            sound += loud * np.sin(2 * np.pi * hertz(pitch) * times * time) * np.exp(-fall * time)
    shape = np.minimum(1, time / rise) * np.minimum(1, (seconds - time) / (0.15 * seconds))
    return np.asarray(sound * shape, np.float32)
