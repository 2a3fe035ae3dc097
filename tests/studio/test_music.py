"""The music bed: whole bars, the same for the same seed, no seam where it repeats."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from daemon.studio.music import LOOP_BARS, RATE, fit, write_bed


def samples(path: Path) -> NDArray[np.float64]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768


@given(st.floats(2.5, 20_000))
def test_whole_bars_fill_every_length_at_a_calm_tempo(duration_s: float) -> None:
    measure = fit(duration_s)
    assert measure.bars * measure.bar_s == pytest.approx(duration_s)
    assert 49 <= measure.bpm <= 99
    if duration_s >= 12:
        assert 60 <= measure.bpm <= 82


def test_the_same_seed_makes_the_same_bytes_and_another_another_piece(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_bed(tmp_path / name, 6.0, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_bed_for_an_hour_is_made_no_longer_than_its_loop(tmp_path: Path) -> None:
    measure = write_bed(tmp_path / "bed.wav", 3600.0, 1)
    assert measure.loop == LOOP_BARS
    assert len(samples(tmp_path / "bed.wav")) / RATE == pytest.approx(LOOP_BARS * measure.bar_s, abs=0.01)


def test_it_repeats_without_a_seam(tmp_path: Path) -> None:
    write_bed(tmp_path / "bed.wav", 12.0, 2)
    sound = samples(tmp_path / "bed.wav")
    steps = np.abs(np.diff(np.concatenate([sound, sound[:RATE]]), axis=0))
    assert steps[len(sound) - 1].max() <= steps[: len(sound) - 1].max()


@pytest.mark.parametrize("seed", range(4))
def test_it_is_steady_and_calm(tmp_path: Path, seed: int) -> None:
    """No second much louder than another, nothing shrill, nothing clipped."""
    write_bed(tmp_path / "bed.wav", 14.0, seed)
    sound = samples(tmp_path / "bed.wav")
    assert np.abs(sound).max() <= 0.51
    seconds = sound[: len(sound) // RATE * RATE].reshape(-1, RATE * 2)
    levels = 10 * np.log10((seconds**2).mean(axis=1))
    assert levels.max() - levels.min() < 9
    power = np.abs(np.fft.rfft(sound.mean(axis=1))) ** 2
    pitch = np.fft.rfftfreq(len(sound), 1 / RATE)
    assert power[pitch > 3000].sum() < 0.01 * power.sum()
