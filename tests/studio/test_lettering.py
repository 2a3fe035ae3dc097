"""Titles as pictures: every character drawn or named, everything inside the frame."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from daemon.errors import RenderError
from daemon.studio.fonts import Font, fonts, language_of
from daemon.studio.lettering import Lettering, letter

carried_font = pytest.mark.skipif(
    find_spec("manimgx_fonts_cjk") is None, reason="the font package is not installed"
)


def white(drawn: Lettering) -> NDArray[np.bool_]:
    """Where the letters themselves are, without outline and shadow."""
    pixels = np.asarray(drawn.image).astype(int)
    shown: NDArray[np.bool_] = (pixels[..., :3].min(axis=2) > 200) & (pixels[..., 3] > 200)
    return shown


def shape(drawn: Lettering) -> bytes:
    return np.packbits(white(drawn)).tobytes() + repr(drawn.image.size).encode()


@carried_font
def test_chinese_japanese_and_korean_are_drawn_each_in_its_own_shapes() -> None:
    texts = ["世", "界", "ひ", "ラ", "한", "국", "，"]
    assert len({shape(letter(text, "center", 1280, 720)) for text in texts}) == len(texts)
    assert [language_of(text) for text in ("直", "直す", "직")] == ["zh", "ja", "ko"]
    chinese, japanese = next(fonts("zh")), next(fonts("ja"))
    assert bytes(chinese.at(60).getmask("直")) != bytes(japanese.at(60).getmask("直"))


@carried_font
def test_latin_and_chinese_stand_in_one_line() -> None:
    mixed = white(letter("Hi 世界", "center", 1280, 720))
    rows = np.flatnonzero(mixed.any(axis=1))
    assert rows[-1] - rows[0] < 1.3 * 0.075 * 720


def test_the_font_inside_pillow_draws_latin_and_says_that_it_has_no_chinese() -> None:
    last = Font(None)
    assert last.draws("A")
    assert not last.draws("世")
    assert list(fonts("zh"))[-1] == last


def test_a_character_that_no_font_has_is_named_and_not_drawn_as_a_box() -> None:
    with pytest.raises(RenderError, match=r"U\+0378") as caught:
        letter("ok \u0378", "top", 640, 360)
    assert "Install a font" in caught.value.hint


def test_positions_keep_the_safe_margins() -> None:
    tops = {}
    for position in ("top", "center", "bottom"):
        drawn = letter("Title", position, 1280, 720)
        rows = np.flatnonzero(white(drawn).any(axis=1)) + drawn.y
        assert rows[0] > 0.05 * 720
        assert rows[-1] < 0.95 * 720
        tops[position] = rows[0]
    assert tops["top"] < 0.2 * 720 < tops["center"] < 0.8 * 720 < tops["bottom"]


def test_a_long_line_is_wrapped_and_no_word_is_torn() -> None:
    one = letter("word", "center", 640, 360)
    many = letter(" ".join(["word"] * 20), "center", 640, 360)
    assert many.image.width <= 640
    assert many.image.height > 2 * one.image.height


def test_line_breaks_are_kept() -> None:
    assert letter("a\nb", "center", 640, 360).image.height > letter("ab", "center", 640, 360).image.height


def test_the_letters_read_on_white_and_on_black() -> None:
    pixels = np.asarray(letter("Title", "center", 640, 360).image).astype(int)
    opaque = pixels[pixels[..., 3] > 200]
    assert (opaque[:, :3].min(axis=1) > 200).sum() > 100
    assert (opaque[:, :3].max(axis=1) < 60).sum() > 100


@pytest.mark.parametrize("text", ["", " \n ", "\u200b\ufe0f"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(RenderError, match="empty"):
        letter(text, "top", 640, 360)


def test_a_text_too_long_for_the_frame_is_refused() -> None:
    with pytest.raises(RenderError, match="too long"):
        letter("word " * 2000, "top", 320, 180)


@settings(max_examples=25)
@given(
    text=st.text(alphabet="abc defg HIJ.,!?\n", min_size=1, max_size=60).filter(
        lambda text: bool(text.strip())
    ),
    size=st.sampled_from([(1920, 1080), (360, 640), (160, 90), (90, 160)]),
    position=st.sampled_from(["top", "center", "bottom", "elsewhere"]),
)
def test_letters_never_leave_the_frame(text: str, size: tuple[int, int], position: str) -> None:
    width, height = size
    drawn = letter(text, position, width, height)
    rows, columns = np.nonzero(np.asarray(drawn.image)[..., 3] > 250)
    if len(rows):
        assert columns.min() + drawn.x >= 0
        assert columns.max() + drawn.x < width
        assert rows.min() + drawn.y >= 0
        assert rows.max() + drawn.y < height
