"""A narration speaks every text at its time, and none into the next."""

from __future__ import annotations

import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from daemon.studio.narration import write_narration
from daemon.studio.scene import Spoken
from tests.studio.bench import Bench, level

pytestmark = pytest.mark.skipif(
    find_spec("espeakng_loader") is None, reason="the extra voice is not installed"
)


def test_each_text_is_heard_in_its_time_alone(tmp_path: Path) -> None:
    spoken = (Spoken("One, two, three, four.", 1.0, 2.5), Spoken("And a very long text " * 8, 4.0, 1.5))
    write_narration(tmp_path / "all.wav", spoken, 7.0, tmp_path)
    with wave.open(str(tmp_path / "all.wav")) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    assert len(sound) == 7 * rate
    heard = [level(sound[round(start * rate) : round(end * rate)]) for start, end in ((1.2, 2.2), (4.1, 5.3))]
    still = [
        level(sound[round(start * rate) : round(end * rate)]) for start, end in ((0, 0.9), (3.6, 4), (5.6, 7))
    ]
    assert min(heard) > -40 and max(still) < -60


def test_what_is_cut_off_ends_without_a_click(tmp_path: Path) -> None:
    write_narration(tmp_path / "all.wav", (Spoken("And a very long text " * 8, 0.0, 1.5),), 2.0, tmp_path)
    with wave.open(str(tmp_path / "all.wav")) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    end = round(1.5 * rate)
    loudest = [np.abs(sound[end - round(s * rate) : end]).max() for s in (0.005, 0.3)]
    assert loudest[0] < 0.1 * loudest[1]
    assert abs(sound[end - 1]) < 1e-3


def test_a_narration_is_mixed_over_music_that_gives_way(bench: Bench) -> None:
    bed = {"d": 6000, "m": {"kind": "bgm", "mood": "calm", "start": 0, "volume": 0.35, "seed": 1}}
    said = {"d": 3000, "m": {"kind": "narration", "text": "Drop a clip into a folder.", "start": 2000}}
    backdrop = {"d": 6000, "m": {"kind": "backdrop", "backdrop": "mesh", "seed": 1, "start": 0, "from": 0}}
    tracks = [{"tt": 0, "sg": [backdrop]}, {"tt": 1, "sg": [bed]}, {"tt": 1, "sg": [said]}]
    draft = {"d": 6000, "m": {"width": 160, "height": 90, "fps": 12}, "t": tracks}
    result = bench.render(draft)
    assert bench.probe(result).duration_s == pytest.approx(6, abs=0.1)
    sound = bench.sound(result)
    assert level(sound[48000 * 2 + 9600 : 48000 * 3]) > level(sound[24000 : 48000 * 2]) + 3
    assert bench.loudness(result)[0] == pytest.approx(-14, abs=0.7)


def test_a_narration_alone_is_as_loud_as_one_over_music(bench: Bench) -> None:
    said = {"d": 3000, "m": {"kind": "narration", "text": "Drop a clip into a folder.", "start": 0}}
    backdrop = {"d": 3000, "m": {"kind": "backdrop", "backdrop": "mesh", "seed": 1, "start": 0, "from": 0}}
    tracks = [{"tt": 0, "sg": [backdrop]}, {"tt": 1, "sg": [said]}]
    result = bench.render({"d": 3000, "m": {"width": 160, "height": 90, "fps": 12}, "t": tracks})
    lufs, peak = bench.loudness(result)
    assert lufs == pytest.approx(-14, abs=0.7)
    assert peak <= -1
