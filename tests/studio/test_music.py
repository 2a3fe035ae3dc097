"""The music bed: whole bars, the same for the same seed, no seam where it repeats, four moods that differ."""

from __future__ import annotations

import wave
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.studio.music import LOOP_BARS, RATE, Measure, fit, write_bed
from daemon.studio.music.moods import STYLES
from daemon.studio.music.score import Piece
from daemon.studio.operations import MOODS, Mood

Samples = NDArray[np.float64]


def samples(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768


@cache
def bed(mood: Mood, seed: int, duration_s: float = 20.0) -> tuple[Measure, Samples]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bed.wav"
        return write_bed(path, duration_s, seed, mood), samples(path)


def spectrum(sound: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power of both channels added, and its pitches in hertz."""
    power = np.abs(np.fft.rfft(sound.mean(axis=1))) ** 2
    return np.asarray(power, np.float64), np.asarray(np.fft.rfftfreq(len(sound), 1 / RATE), np.float64)


def strokes(sound: Samples) -> NDArray[np.float64]:
    """How much begins, in steps of 10 ms."""
    hop, window = RATE // 100, np.hanning(RATE // 25)
    mono = sound.mean(axis=1)
    frames = [mono[at : at + len(window)] * window for at in range(0, len(mono) - len(window), hop)]
    loud = np.log1p(50 * np.abs(np.fft.rfft(np.stack(frames))))
    return np.asarray(np.maximum(0, np.diff(loud, axis=0)).sum(axis=1), np.float64)


@given(st.floats(0.5, 20_000), st.floats(60, 125))
def test_whole_bars_fill_every_length_near_the_tempo(duration_s: float, tempo: float) -> None:
    measure = fit(duration_s, tempo)
    assert measure.bars * measure.bar_s == pytest.approx(duration_s)
    assert measure.loop <= LOOP_BARS
    assert measure.bars % measure.loop == 0
    ratio = max(measure.bpm / tempo, tempo / measure.bpm)
    assert ratio <= (1.07 if measure.bars > LOOP_BARS else 1.5 if duration_s >= 1 else 2.01)


@pytest.mark.parametrize("mood", MOODS)
def test_every_mood_keeps_to_its_own_tempo_where_bars_allow(mood: Mood) -> None:
    low, high = STYLES[mood].tempo
    for seed in range(3):
        measure, sound = bed(mood, seed)
        assert low * 0.87 <= measure.bpm <= high * 1.15
        assert len(sound) / RATE == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("duration_s", [0.5, 1.3, 3.0])
def test_the_shortest_clips_have_music_too(mood: Mood, duration_s: float) -> None:
    _, sound = bed(mood, 5, duration_s)
    assert len(sound) / RATE == pytest.approx(duration_s, abs=0.01)
    assert np.abs(sound).max() > 0.1


@pytest.mark.parametrize("mood", MOODS)
def test_a_bed_for_three_hours_is_made_no_longer_than_its_loop(tmp_path: Path, mood: Mood) -> None:
    measure = write_bed(tmp_path / "bed.wav", 10_800.0, 1, mood)
    assert measure.bars * measure.bar_s == pytest.approx(10_800.0)
    assert (tmp_path / "bed.wav").stat().st_size < 12_000_000
    assert len(samples(tmp_path / "bed.wav")) / RATE == pytest.approx(measure.loop * measure.bar_s, abs=0.01)


@pytest.mark.parametrize("mood", MOODS)
def test_it_repeats_without_a_seam(mood: Mood) -> None:
    """No step where it begins again, and what rings at its end goes on there."""
    measure, sound = bed(mood, 2, 200.0)
    assert measure.loop < measure.bars
    steps = np.abs(np.diff(np.concatenate([sound[-RATE:], sound[:RATE]]), axis=0))
    assert steps[RATE - 1].max() <= max(0.01, 1.5 * steps[RATE // 2 : RATE - 1].max())
    assert np.abs(sound[-200:]).max() > 0.003


@pytest.mark.parametrize("mood", MOODS)
def test_it_begins_and_ends_softly_and_is_full_between(mood: Mood) -> None:
    measure, sound = bed(mood, 1, 40.0)
    bars = np.array_split(sound, measure.bars)
    levels = [10 * np.log10((bar**2).mean()) for bar in bars]
    full = max(levels)
    assert full - levels[0] > 1
    assert full - levels[-1] > 1
    assert abs(sound[-1]).max() < 0.001


def test_the_same_seed_makes_the_same_bytes_and_another_another_piece(tmp_path: Path) -> None:
    for mood in MOODS:
        for name, seed in (("a", 3), ("b", 3), ("c", 4)):
            write_bed(tmp_path / name, 6.0, seed, mood)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


@pytest.mark.parametrize("mood", MOODS)
def test_a_batch_has_many_keys_chords_and_themes(mood: Mood) -> None:
    pieces = [Piece(STYLES[mood], 8, 4, 48_000, False, np.random.default_rng(seed)) for seed in range(24)]
    assert len({piece.key for piece in pieces}) > 6
    assert len({tuple((chord.root - piece.key) % 12 for chord in piece.chords) for piece in pieces}) > 3
    assert len({tuple((bar, step) for bar, step, _ in piece.theme(60, 79)) for piece in pieces}) > 2
    assert len({tuple(pitch - piece.key for *_, pitch in piece.theme(60, 79)) for piece in pieces}) > 20


@settings(max_examples=60)
@given(st.sampled_from(MOODS), st.integers(0, 2**63), st.integers(1, 32), st.integers(1, 4))
def test_the_theme_fits_its_chords(mood: Mood, seed: int, bars: int, beats: int) -> None:
    """On a beat a tone of the chord, between one of the key, and none a semitone above a tone of the chord."""
    piece = Piece(STYLES[mood], bars, beats, 1000, False, np.random.default_rng(seed))
    for bar, step, pitch in piece.theme(64, 83):
        chord = piece.chords[bar]
        assert 64 <= pitch <= 83
        assert step < beats * 4
        assert pitch % 12 in (chord.tones if step % 4 == 0 else piece.scale)
        assert pitch % 12 in chord.tones or (pitch - 1) % 12 not in chord.tones
    for chord in piece.chords:
        assert chord.tones <= piece.scale
        assert (chord.fifth - chord.root) % 12 == 7
    if bars > 2:
        assert (piece.chords[-1].root - piece.key) % 12 == {0: 0, 5: 9}[STYLES[mood].home]


@pytest.mark.parametrize("mood", MOODS)
def test_what_sounds_is_in_its_key(mood: Mood) -> None:
    """Of what is heard between 200 and 1500 Hz nearly all lies on the seven tones of one major scale."""
    _, sound = bed(mood, 0)
    power, pitch = spectrum(sound)
    heard = (pitch > 200) & (pitch < 1500)
    tone = np.rint(12 * np.log2(pitch[heard] / 440) + 69).astype(int) % 12
    shares = np.bincount(tone, power[heard], 12) / power[heard].sum()
    best = max(sum(shares[(key + step) % 12] for step in (0, 2, 4, 5, 7, 9, 11)) for key in range(12))
    assert best > 0.95


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_shrill_clipped_lopsided_or_lost_in_mono(mood: Mood, seed: int) -> None:
    _, sound = bed(mood, seed)
    assert np.abs(sound).max() <= 0.701
    assert np.abs(sound.mean(axis=0)).max() < 1e-3
    power, pitch = spectrum(sound)
    assert power[pitch > 8000].sum() < 1e-5 * power.sum()
    assert power[pitch > 4000].sum() < 0.03 * power.sum()
    left, right = sound.T
    assert np.corrcoef(left, right)[0, 1] > 0.4
    assert abs(10 * np.log10((left**2).mean() / (right**2).mean())) < 2
    assert 2 * ((left + right) ** 2).mean() / 4 > 0.7 * ((left**2).mean() + (right**2).mean()) / 2
    assert 8 < 20 * np.log10(np.abs(sound).max() / sound.std()) < 19


@pytest.mark.parametrize("mood", MOODS)
def test_every_seed_is_equally_loud(tmp_path: Path, mood: Mood) -> None:
    heard = []
    for seed in range(3):
        path = tmp_path / f"{seed}.wav"
        write_bed(path, 15.0, seed, mood)
        meter = ["-i", source(path), "-af", "ebur128=framelog=quiet", "-f", "null", "-"]
        log = Ffmpeg(find_ffmpeg()).run(meter, duration_s=15.0, timeout_s=60.0).log
        heard.append(float(log.rpartition("I:")[2].split()[0]))
    assert all(-21.5 < one < -18.5 for one in heard)


@pytest.mark.parametrize("mood", ["upbeat", "corporate"])
def test_the_beat_that_is_heard_is_the_one_that_was_fitted(mood: Mood) -> None:
    measure, sound = bed(mood, 1)
    begins = strokes(sound)
    begins -= begins.mean()
    same = np.correlate(begins, begins, "full")[len(begins) - 1 :]
    beat = round(100 * 60 / measure.bpm)
    near = {
        times: same[round(times * beat) - 2 : round(times * beat) + 3].max() / same[0]
        for times in (1, 1.27, 2)
    }
    assert near[2] > 0.5
    assert near[1] > near[1.27] + 0.15


def test_the_moods_are_told_apart_by_brightness_strokes_and_scale() -> None:
    middle: dict[Mood, float] = {}
    lively: dict[Mood, float] = {}
    for mood in MOODS:
        sounds = [bed(mood, seed)[1] for seed in range(3)]
        parts = [spectrum(sound) for sound in sounds]
        middle[mood] = float(np.mean([(p * f)[f > 150].sum() / p[f > 150].sum() for p, f in parts]))
        # How far the loudness of 50 ms goes up and down, in dB.
        grains = [(s[: len(s) // 1200 * 1200].reshape(-1, 2400) ** 2).mean(axis=1) for s in sounds]
        lively[mood] = float(np.mean([np.diff(10 * np.log10(grain + 1e-7)).std() for grain in grains]))
    assert middle["calm"] < middle["corporate"] < middle["upbeat"]
    assert lively["calm"] < 0.85 * lively["cinematic"] < 0.6 * lively["corporate"]
    assert lively["cinematic"] < 0.6 * lively["upbeat"], lively
    assert STYLES["cinematic"].home == 5
