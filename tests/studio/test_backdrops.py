"""Drawn scenes: every name in every size, calm where the person stands, smooth without bands."""

from __future__ import annotations

from functools import cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from daemon.errors import RenderError
from daemon.studio.backdrops import draw
from daemon.studio.operations import BackdropName

NAMES: tuple[str, ...] = get_args(BackdropName)
WIDE, TALL = (1280, 720), (180, 320)
SHAPES = (WIDE, TALL)


@cache
def drawn(name: str, width: int, height: int) -> Image.Image:
    return draw(name, width, height)


def grey(image: Image.Image, blur: float) -> NDArray[np.float64]:
    """Brightness without the dither."""
    return np.asarray(image.convert("L").filter(ImageFilter.GaussianBlur(blur)), np.float64)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_scene_has_something_to_see_and_nothing_burnt_out_or_black(
    name: str, shape: tuple[int, int]
) -> None:
    image = drawn(name, *shape)
    assert (image.size, image.mode) == (shape, "RGB")
    seen = grey(image, 2)
    assert np.percentile(seen, 98) - np.percentile(seen, 2) > 40
    assert (np.asarray(image) >= 254).mean() < 0.001
    assert (np.asarray(image).max(axis=2) <= 1).mean() < 0.01


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_middle_where_the_person_stands_is_calmer_than_the_sides(
    name: str, shape: tuple[int, int]
) -> None:
    image = drawn(name, *shape)
    image = image.resize((shape[0] * 180 // min(shape), shape[1] * 180 // min(shape)))
    detail = np.hypot(*np.gradient(grey(image, 1.2) - grey(image, 8)))
    third = image.width // 3
    middle = detail[:, third:-third].mean()
    assert middle < 0.85 * np.concatenate([detail[:, :third], detail[:, -third:]], axis=1).mean()


@pytest.mark.parametrize("name", NAMES)
def test_a_tall_frame_is_composed_anew_and_neither_cropped_nor_stretched(name: str) -> None:
    tall = grey(drawn(name, *TALL), 3)
    wide = drawn(name, *WIDE).resize((320, 180))
    cropped = wide.crop((110, 0, 211, 180)).resize((180, 320))
    for other in (cropped, wide.resize((180, 320))):
        assert np.abs(tall - grey(other, 3)).mean() > 4


@pytest.mark.parametrize("name", NAMES)
def test_no_edge_is_hard(name: str) -> None:
    """At the size of a video nothing changes from one pixel to the next by more than stars and noise do."""
    part = np.asarray(drawn(name, *WIDE).convert("L"), np.float64)
    assert np.percentile(np.abs(np.diff(part, axis=1)), 99.5) < 20


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_has_no_bands(name: str) -> None:
    """Dithered, hardly any run of equal neighbours is long; without dither those of a sky are dozens."""
    rows = np.asarray(drawn(name, *WIDE))[::40, :, 1].astype(int)
    runs = np.concatenate([np.diff(np.flatnonzero(np.diff(row, prepend=-1, append=-1))) for row in rows])
    assert np.percentile(runs, 99.9) <= 8


@settings(max_examples=5)
@given(st.sampled_from(NAMES), st.integers(1, 160), st.integers(1, 160))
def test_any_size_is_drawn_and_the_same_each_time(name: str, width: int, height: int) -> None:
    image = draw(name, width, height)
    assert (image.size, image.mode) == ((width, height), "RGB")
    assert image.tobytes() == draw(name, width, height).tobytes()


def test_a_larger_size_shows_the_same_scene() -> None:
    small, large = draw("home-office", 320, 180), drawn("home-office", *WIDE)
    assert np.abs(grey(small, 2) - grey(large.resize((320, 180)), 2)).max() < 8


def test_a_name_that_is_no_scene_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(RenderError, match="no scene moon") as caught:
        draw("moon", 64, 64)
    assert all(name in caught.value.hint for name in NAMES)
