"""The four moods: what each draws from, and who plays what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from daemon.studio.music import instruments as band
from daemon.studio.music.instruments import Sound
from daemon.studio.music.score import Chord, Piece, Style
from daemon.studio.operations import Mood

STYLES: Final[Mapping[Mood, Style]] = {
    "calm": Style(
        tempo=(66.0, 74.0),
        progressions=((0, 5, 3, 4), (0, 3, 5, 3), (5, 3, 0, 4), (0, 5, 1, 4), (3, 0, 4, 5)),
        home=0,
        rhythms=((0, 4, 8, 12, 14, 16, 22, 24, 28), (0, 6, 8, 12, 16, 20, 24, 30), (0, 4, 6, 12, 16, 22, 28)),
        echo=1.6,
    ),
    "upbeat": Style(
        tempo=(108.0, 122.0),
        progressions=((0, 4, 5, 3), (0, 3, 5, 4), (5, 3, 0, 4), (0, 3, 0, 4), (3, 4, 5, 0)),
        home=0,
        rhythms=(
            (0, 3, 6, 8, 10, 14, 16, 19, 22, 24, 28),
            (0, 4, 6, 10, 12, 16, 20, 22, 26, 30),
            (2, 4, 8, 11, 14, 16, 18, 20, 24, 27),
        ),
        echo=0.7,
    ),
    "cinematic": Style(
        tempo=(72.0, 84.0),
        progressions=((5, 3, 0, 4), (5, 3, 1, 4), (5, 2, 3, 0), (5, 0, 4, 3), (5, 1, 3, 4)),
        home=5,
        rhythms=((0, 8, 16, 24, 28), (0, 12, 16, 28), (4, 8, 16, 20, 24), (0, 8, 12, 16)),
        echo=2.6,
    ),
    "corporate": Style(
        tempo=(92.0, 104.0),
        progressions=((0, 4, 5, 3), (3, 0, 4, 5), (0, 5, 3, 4), (5, 3, 0, 4), (0, 2, 3, 4)),
        home=0,
        rhythms=((0, 8, 12, 16, 24), (4, 8, 14, 16, 20, 24), (0, 6, 12, 20, 24, 28), (0, 4, 8, 16, 22, 24)),
        echo=1.2,
    ),
}


def perform(mood: Mood, piece: Piece) -> Sound:
    """The piece as two channels x samples, at no particular loudness."""
    _PLAYED[mood](piece)
    return piece.desk.mixed()


def _calm(piece: Piece) -> None:
    """Warm chords under a soft plucked line."""
    for bar, chord in enumerate(piece.chords):
        tones = (chord.below(48), *chord.near(55), *(_ninth(chord, 67)))
        piece.desk.play(piece.at(bar, 0), _held(piece, band.pad, tones, 0.3), 0.5, wet=0.15)
    for bar, step, pitch in piece.theme(60, 79):
        if piece.fullness[bar] > 0.4 or step % 8 == 0:
            side = float(piece.chance.uniform(-0.6, 0.6))
            note = piece.made(("pluck", pitch), lambda pitch=pitch: band.pluck(pitch))  # type: ignore[misc]
            piece.desk.play(piece.at(bar, step), note, 0.2 * _touch(piece), side, 0.5)


def _upbeat(piece: Piece) -> None:
    """Four on the floor, claps, a bass on the off-beats, chopped chords, a wooden theme."""
    drum, hands, shake = band.kick(), band.clap(piece.chance), band.shaker(piece.chance)
    chop = ((2, 6, 10, 14), (0, 3, 6, 10, 12), (0, 3, 8, 11, 14))[piece.chance.integers(3)]
    walk = ((0, 6, 8, 14), (0, 3, 6, 8, 11, 14), (2, 6, 10, 14))[piece.chance.integers(3)]
    for bar, chord in enumerate(piece.chords):
        full = piece.fullness[bar]
        piece.desk.play(piece.at(bar, 0), _held(piece, band.pad, chord.near(60), 0.05), 0.16, wet=0.1)
        for step in piece.steps(*chop) if full > 0.25 else piece.steps(0):
            for number, pitch in enumerate(chord.near(64)):
                note = _made(piece, band.muted, pitch)
                piece.desk.play(piece.at(bar, step), note, 0.25 * _touch(piece), (number - 1) * 0.7, 0.25)
        if full > 0.4:
            for step in piece.steps(*walk):
                low = chord.below(43)
                deep = piece.made(("bass", low), lambda low=low: band.bass(low, 0.28))  # type: ignore[misc]
                piece.desk.play(piece.at(bar, step), deep, 0.26, wet=0.0)
            for step in piece.steps(0, 4, 8, 12):
                piece.desk.play(piece.at(bar, step), drum, 0.4, wet=0.0)
        if full > 0.55:
            for step in piece.steps(4, 12):
                piece.desk.play(piece.at(bar, step), hands, 0.27 * _touch(piece), 0.1, 0.4)
        if full > 0.8:
            for step in piece.steps(*range(16)):
                loud = 0.1 if step % 4 == 2 else 0.05
                piece.desk.play(piece.at(bar, step), shake, loud * _touch(piece), -0.35, 0.1)
    for bar, step, pitch in piece.theme(69, 86):
        if piece.fullness[bar] > 0.5 or (piece.fullness[bar] > 0.25 and step % 8 == 0):
            piece.desk.play(
                piece.at(bar, step), _made(piece, band.mallet, pitch), 0.34 * _touch(piece), 0.3, 0.4
            )


def _cinematic(piece: Piece) -> None:
    """Slow strings in minor over a deep drone, short strokes as it grows, large drums far off, a lone piano."""
    drum = band.boom(piece.chance)
    figure = piece.chance.permutation([0, 1, 2, 1])
    for bar, chord in enumerate(piece.chords):
        full, start = piece.fullness[bar], piece.at(bar, 0)
        tones = chord.near(57) + (chord.near(69, 2) if full > 0.55 else ())
        piece.desk.play(start, _held(piece, band.strings, tones, 0.5), 0.3 + 0.28 * full, wet=0.3)
        low = chord.below(41)
        piece.desk.play(start, _held(piece, band.pad, (low, low + 12), 0.35), 0.3, wet=0.05)
        if full > 0.55:
            for number, step in enumerate(piece.steps(*range(0, 16, 2))):
                pitch = chord.near(62)[figure[number % 4]]
                loud = (0.2 if number % 4 == 0 else 0.12) * full
                piece.desk.play(
                    start + piece.at(0, step), _made(piece, band.short_string, pitch), loud, -0.4, 0.35
                )
        if full > 0.45:
            piece.desk.play(start, drum, 0.34 + 0.3 * full, wet=0.25)
        if full > 0.9:
            for step in piece.steps(6, 8, 14):
                piece.desk.play(start + piece.at(0, step), drum, 0.3 if step == 8 else 0.17, 0.2, 0.25)
        if bar + 1 < piece.bars and piece.fullness[bar + 1] > full:
            rise = band.swell(piece.bar_s, piece.chance)
            piece.desk.play(start, rise, 0.1, 0.0, 0.3)
    for bar, step, pitch in piece.theme(69, 84):
        note = _made(piece, band.piano, pitch)
        piece.desk.play(piece.at(bar, step), note, 0.24 * _touch(piece), 0.35, 0.8)


def _corporate(piece: Piece) -> None:
    """A piano that repeats its chord in eighths, a damped guitar, brushes, a bell now and then."""
    drum, snare, shake = band.kick(52.0, 0.26), band.brush(piece.chance), band.shaker(piece.chance)
    picked = piece.chance.permutation([0, 1, 2, 0, 2, 1, 0, 2])
    for bar, chord in enumerate(piece.chords):
        full, start = piece.fullness[bar], piece.at(bar, 0)
        tones = (*chord.near(55), *_ninth(chord, 69))
        piece.desk.play(start, _held(piece, band.pad, tones, 0.2), 0.3, wet=0.2)
        beats = piece.steps(*range(0, 16, 2)) if full > 0.25 else piece.steps(0)
        for number, step in enumerate(beats):
            loud = (0.15 if step % 8 == 0 else 0.085 + 0.01 * (number % 2)) * _touch(piece)
            for pitch in chord.near(64):
                piece.desk.play(start + piece.at(0, step), _made(piece, band.piano, pitch), loud, -0.25, 0.3)
        if full > 0.4:
            low = chord.below(45)
            for step, seconds in ((0, 0.9), (10, 0.45)):
                for one in piece.steps(step):
                    deep = piece.made(("bass", low, step), lambda low=low, s=seconds: band.bass(low, s))  # type: ignore[misc]
                    piece.desk.play(start + piece.at(0, one), deep, 0.28, wet=0.0)
            for number, step in enumerate(piece.steps(*range(1, 16, 2))):
                pitch = chord.near(71)[picked[number % 8]]
                piece.desk.play(
                    start + piece.at(0, step), _made(piece, band.muted, pitch), 0.1 * _touch(piece), 0.55, 0.3
                )
        if full > 0.55:
            for step in piece.steps(0, 8, 11):
                piece.desk.play(start + piece.at(0, step), drum, 0.4 if step != 11 else 0.22, wet=0.0)
            for step in piece.steps(4, 12):
                piece.desk.play(start + piece.at(0, step), snare, 0.14 * _touch(piece), 0.05, 0.35)
        if full > 0.8:
            for step in piece.steps(*range(2, 16, 4)):
                piece.desk.play(start + piece.at(0, step), shake, 0.045 * _touch(piece), -0.4, 0.1)
    for bar, step, pitch in piece.theme(76, 91):
        if piece.fullness[bar] > 0.55:
            piece.desk.play(
                piece.at(bar, step), _made(piece, band.bell, pitch), 0.12 * _touch(piece), 0.2, 0.7
            )


_PLAYED: Final[Mapping[Mood, Callable[[Piece], None]]] = {
    "calm": _calm,
    "upbeat": _upbeat,
    "cinematic": _cinematic,
    "corporate": _corporate,
}


def _held(
    piece: Piece,
    play: Callable[[tuple[int, ...], float, float, np.random.Generator], Sound],
    tones: tuple[int, ...],
    overlap: float,
) -> Sound:
    """A chord over a bar, going over into the next for a share `overlap` of it."""
    name = (play.__name__, tones)
    return piece.made(
        name, lambda: play(tones, piece.bar_s * (1 + overlap), piece.bar_s * overlap, piece.chance)
    )


def _made(piece: Piece, play: Callable[[int], Sound], pitch: int) -> Sound:
    return piece.made((play.__name__, pitch), lambda: play(pitch))


def _ninth(chord: Chord, centre: int) -> tuple[int, ...]:
    if chord.ninth is None:
        return ()
    return (centre - 6 + (chord.ninth - centre + 6) % 12,)


def _touch(piece: Piece) -> float:
    """No two strokes are equally loud."""
    return float(piece.chance.uniform(0.85, 1.1))
