"""Draft narration: heard, in step with its rate, and a clear word where there is none."""

from __future__ import annotations

import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from daemon.errors import RenderError
from daemon.studio.voice import has_voice, language_of, speak

needs_voice = pytest.mark.skipif(
    find_spec("espeakng_loader") is None, reason="the extra voice is not installed"
)


@needs_voice
@pytest.mark.parametrize("text", ["Meet Lumen, the desk lamp.", "云雾还没有散去。"])
def test_a_text_is_read_aloud_into_a_mono_file(text: str, tmp_path: Path) -> None:
    length = speak(text, tmp_path / "a.wav")
    assert 0.8 < length < 5
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnchannels() == 1
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(int)
    assert np.abs(samples).max() > 3000


@needs_voice
def test_a_higher_rate_is_shorter(tmp_path: Path) -> None:
    text = "It follows the sun all day long, so that your eyes can rest."
    assert speak(text, tmp_path / "fast.wav", rate=260) < 0.8 * speak(text, tmp_path / "slow.wav", rate=140)


@needs_voice
def test_a_voice_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="klingon-x"):
        speak("Hello", tmp_path / "a.wav", "klingon-x")


@pytest.mark.skipif(has_voice(), reason="the extra voice is installed")
def test_without_the_extra_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(RenderError) as caught:
        speak("Hello", tmp_path / "a.wav")
    assert "reeldrop[voice]" in caught.value.hint


def test_the_language_is_that_of_the_letters() -> None:
    assert [language_of(text) for text in ("Hi 4", "你好", "こんにちは世界", "안녕")] == [
        "en",
        "zh",
        "ja",
        "ko",
    ]
