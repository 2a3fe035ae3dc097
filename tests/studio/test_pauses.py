"""Pauses are where nobody speaks: by the clip's own levels, whatever the room and the microphone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.studio.pauses import find_pauses, pauses
from tests.studio.bench import Bench


@pytest.mark.parametrize(("speech", "room"), [(-12, -80), (-14, -38), (-38, -70), (-20, -90)])
def test_speech_and_the_room_are_told_apart_however_loud_they_are(speech: float, room: float) -> None:
    heard = np.array([speech] * 50 + [room] * 40 + [speech] * 50 + [room] * 5 + [speech] * 30, np.float32)
    assert pauses(heard) == ((1000, 1800),)


def test_a_click_within_a_pause_is_no_word() -> None:
    heard = np.array([-15] * 50 + [-60] * 20 + [-10] * 2 + [-60] * 20 + [-15] * 50, np.float32)
    assert pauses(heard) == ((1000, 1840),)


def test_music_without_a_break_and_silence_alone_have_no_pause_to_cut() -> None:
    assert pauses(np.full(200, -20, np.float32)) == ()
    assert pauses(np.full(200, -90, np.float32)) == ()
    assert pauses(np.zeros(0, np.float32)) == ()


@given(st.lists(st.floats(-90, 0, width=32), max_size=400))
def test_pauses_follow_one_another_within_the_sound(levels: list[float]) -> None:
    found = pauses(np.array(levels, np.float32))
    times = [time for pause in found for time in pause]
    assert times == sorted(times) and all(0 <= time <= 20 * len(levels) for time in times)
    assert all(end - start >= 200 for start, end in found)


def test_the_pauses_of_a_file_are_found_where_they_are(bench: Bench, tmp_path: Path) -> None:
    found = find_pauses(bench.bursts(), bench.ffmpeg, tmp_path)
    assert len(found) == 3
    for number, (start, end) in enumerate(found):
        assert start == pytest.approx(1000 + 2000 * number, abs=40)
        assert end == pytest.approx(2000 + 2000 * number, abs=40)
    assert list(tmp_path.iterdir()) == []
