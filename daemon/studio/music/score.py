"""A piece before it sounds: key, chords, how full each bar is, a theme; and the desk it is mixed on."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

import numpy as np

from daemon.studio.music.instruments import RATE, Sound

STEPS: Final = 4
"""Sixteenths in a beat."""

_MAJOR: Final = (0, 2, 4, 5, 7, 9, 11)
_DOMINANT: Final = 4
"""The degree before the home chord: V of a major key, VII of its relative minor. Both lead home."""

_BLOCK: Final = 1 << 17


@dataclass(frozen=True, slots=True)
class Style:
    """What a mood draws from. `tempo`: the least and most beats a minute that are aimed at. `progressions`: degrees
    0..6 of the major scale, a chord a bar. `home`: the degree it ends on (5: the relative minor). `rhythms`: the
    sixteenths of two bars on which a theme may have notes. `echo`: how long the room rings on, in seconds."""

    tempo: tuple[float, float]
    progressions: tuple[tuple[int, ...], ...]
    home: int
    rhythms: tuple[tuple[int, ...], ...]
    echo: float


@dataclass(frozen=True, slots=True)
class Chord:
    """A triad of the key: its pitch classes as semitones above C, root first. `ninth` None where the scale's own
    would lie a semitone above the root."""

    root: int
    third: int
    fifth: int
    ninth: int | None

    @property
    def tones(self) -> frozenset[int]:
        return frozenset((self.root, self.third, self.fifth))

    def near(self, centre: int, count: int = 3) -> tuple[int, ...]:
        """Its tones as pitches from six semitones below `centre` up: neighbouring chords then share what they can."""
        lowest = centre - 6
        tones = (self.root, self.third, self.fifth)[:count]
        return tuple(sorted(lowest + (tone - lowest) % 12 for tone in tones))

    def below(self, highest: int) -> int:
        """The root as the highest pitch that is not above `highest`."""
        return highest - (highest - self.root) % 12


class Piece:
    """`bars` bars of `beats` beats, `bar` samples each; it `closes` on itself where it is repeated."""

    def __init__(
        self, style: Style, bars: int, beats: int, bar: int, closes: bool, chance: np.random.Generator
    ) -> None:
        self.style, self.bars, self.beats, self.bar, self.chance = style, bars, beats, bar, chance
        self.key = int(chance.integers(12))
        degrees = style.progressions[chance.integers(len(style.progressions))]
        played = [degrees[number % len(degrees)] for number in range(bars)]
        if bars > 2:
            played[-2:] = [_DOMINANT, style.home]
        self.chords = [self._chord(degree) for degree in played]
        self.fullness = fullness(bars)
        self.desk = Desk(bars * bar, closes, style.echo, chance)
        self.scale = frozenset((self.key + step) % 12 for step in _MAJOR)
        self._made: dict[Hashable, Sound] = {}

    def _chord(self, degree: int) -> Chord:
        root, third, fifth, ninth = ((self.key + _MAJOR[(degree + step) % 7]) % 12 for step in (0, 2, 4, 1))
        return Chord(root, third, fifth, ninth if (ninth - root) % 12 == 2 else None)

    @property
    def bar_s(self) -> float:
        return self.bar / RATE

    def at(self, bar: int, step: float) -> int:
        """The sample at which a sixteenth of a bar begins."""
        return bar * self.bar + round(self.bar * step / (self.beats * STEPS))

    def steps(self, *wanted: int) -> list[int]:
        """Those sixteenths that a bar of this piece has."""
        return [step for step in wanted if step < self.beats * STEPS]

    def made(self, name: Hashable, make: Callable[[], Sound]) -> Sound:
        """A sound that is used again, made once."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def theme(self, lowest: int, highest: int) -> list[tuple[int, int, int]]:
        """(bar, sixteenth, pitch): two bars whose rhythm and line come back, bent to each bar's chord.

        On a beat stands a tone of the chord; between, one of the scale that is no semitone above such a tone.
        """
        chance = self.chance
        rhythm = self.style.rhythms[chance.integers(len(self.style.rhythms))]
        line = np.cumsum(chance.choice([-2, -1, -1, 0, 1, 1, 2], len(rhythm)))
        other = np.cumsum(chance.choice([-2, -1, -1, 0, 1, 1, 2], len(rhythm)))
        middle = (lowest + highest) // 2 + int(chance.integers(-2, 3))
        notes = []
        for bar in range(self.bars):
            turned = other if bar % 8 >= 6 else line
            for place, rise in zip(rhythm, turned, strict=True):
                half, step = divmod(place, 16)
                if half == bar % 2 and step < self.beats * STEPS:
                    allowed = self._allowed(self.chords[bar], step % STEPS == 0, lowest, highest)
                    notes.append(
                        (bar, step, min(allowed, key=lambda one: abs(one - (middle + 2 * int(rise)))))
                    )
        return notes

    def _allowed(self, chord: Chord, strong: bool, lowest: int, highest: int) -> list[int]:
        tones = chord.tones
        if not strong:
            tones = frozenset(tone for tone in self.scale if (tone - 1) % 12 not in chord.tones) | tones
        return [pitch for pitch in range(lowest, highest + 1) if pitch % 12 in tones]


def fullness(bars: int) -> list[float]:
    """How much plays in each bar, 0..1: little, more, all; a breath in the middle of a long piece; little."""
    if bars < 4:
        return [0.7] * bars
    edge = max(1, bars // 8)
    levels = [1.0] * bars
    for bar in range(bars):
        if bar < edge:
            levels[bar] = 0.3
        elif bar < bars // 4 + edge:
            levels[bar] = 0.6
    if bars >= 16:
        levels[bars // 2] = levels[bars // 2 + 1] = 0.5
    levels[-edge:] = [0.5] * edge
    levels[-1] = 0.2
    return levels


class Desk:
    """Two channels, and what goes into the room.

    What rings on past the end of a piece that `closes` is heard at its beginning; else it is cut there, after a
    fall of 30 ms that keeps it from clicking.
    """

    def __init__(self, length: int, closes: bool, echo: float, chance: np.random.Generator) -> None:
        self.closes = closes
        self.dry = np.zeros((2, length), np.float32)
        self.wet = np.zeros((1, length), np.float32)
        self._room = _room(echo, chance)

    def play(self, start: int, sound: Sound, loud: float, side: float = 0.0, wet: float = 0.2) -> None:
        """Add a note (one channel, `side` -1 left to 1 right) or a chord (two), `wet` of it into the room as well."""
        if sound.ndim == 1:
            sound = np.stack(
                [sound * np.float32(1 - 0.6 * max(0.0, side)), sound * np.float32(1 + 0.6 * min(0.0, side))]
            )
        sound = sound * np.float32(loud)
        self._lay(self.dry, sound, start)
        if wet:
            self._lay(self.wet, sound.mean(axis=0, keepdims=True) * np.float32(wet), start)

    def mixed(self) -> Sound:
        reach = self._room.shape[1]
        step = _BLOCK - reach
        room = np.fft.rfft(self._room, _BLOCK)
        for start in range(0, self.wet.shape[1], step):
            part = np.fft.rfft(self.wet[0, start : start + step], _BLOCK)
            rings = np.fft.irfft(part * room, _BLOCK).astype(np.float32)
            self._lay(self.dry, rings[:, : min(step, self.wet.shape[1] - start) + reach - 1], start)
        if not self.closes:
            fall = min(round(0.03 * RATE), self.dry.shape[1])
            self.dry[:, -fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
        self.dry -= self.dry.mean(axis=1, keepdims=True)
        return self.dry

    def _lay(self, bus: Sound, part: Sound, start: int) -> None:
        length = bus.shape[1]
        start %= length
        while part.shape[1]:
            room = min(length - start, part.shape[1])
            bus[:, start : start + room] += part[:, :room]
            if not self.closes:
                return
            part, start = part[:, room:], 0


def _room(seconds: float, chance: np.random.Generator) -> Sound:
    """What a room answers to one sample: noise that falls by 60 dB within `seconds`, darker as it falls, more alike
    than different in the two channels, so that it stays when they are added."""
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    both, left, right = chance.standard_normal((3, count), np.float32)
    spread = np.stack([both + 0.6 * left, both + 0.6 * right])
    shape = 10 ** (-3 * time / seconds) * np.minimum(1, time / 0.012)
    answer = np.fft.rfft(spread * shape)
    pitch = np.fft.rfftfreq(count, 1 / RATE)
    answer *= 1 / (1 + (pitch / 2600) ** 2) * (pitch > 120)
    sound = np.fft.irfft(answer, count)
    return np.asarray(sound / np.sqrt((sound**2).sum(axis=1, keepdims=True)), np.float32)
