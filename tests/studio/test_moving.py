"""Backdrops: they move, never jump, differ, and leave what is written on them legible."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.studio.moving import (
    PALETTES,
    PERIOD_S,
    STYLES,
    Backdrop,
    Played,
    drawn_size,
    enlarged,
    luminance,
    picture,
    write,
)

WIDE, HIGH, FPS = 160, 90, 10


def played(folder: Path, backdrop: Backdrop, what: Played, frames: int) -> NDArray[np.int64]:
    """The luma of the first frames as ffmpeg enlarges them."""
    args = write(folder / "backdrop.raw", backdrop, WIDE, HIGH, FPS, what)
    target = folder / "luma.raw"
    filters = ["-vf", f"{enlarged(WIDE, HIGH, 'bt709')},format=gray", "-frames:v", str(frames)]
    Ffmpeg(find_ffmpeg()).run([*args, *filters, "-f", "rawvideo", "-y", source(target)])
    return np.fromfile(target, np.uint8).reshape(-1, HIGH, WIDE).astype(np.int64)


@pytest.mark.parametrize("style", STYLES)
def test_every_frame_differs_a_little_from_the_one_before(style: str, tmp_path: Path) -> None:
    luma = played(tmp_path, Backdrop(style, "plum", 3), Played(2.0), 20)
    steps = np.abs(np.diff(luma, axis=0))
    assert steps.any(axis=(1, 2)).all()
    assert steps.mean(axis=(1, 2)).max() < 4
    assert np.abs(luma[-1] - luma[0]).max() > 4


def test_frames_in_between_lie_in_between() -> None:
    """A crop that goes in whole pixels stands and jumps; what is drawn anew does neither."""
    frames = [picture(Backdrop("beams", "ocean", 5), WIDE, HIGH, at / 30) for at in range(12)]
    steps = [float(np.abs(after - before).mean()) for before, after in itertools.pairwise(frames)]
    assert min(steps) > 0.8 * max(steps)


@pytest.mark.parametrize("style", STYLES)
def test_the_loop_has_no_seam(style: str) -> None:
    backdrop = Backdrop(style, "midnight", 1)
    assert np.allclose(picture(backdrop, WIDE, HIGH, 0.0), picture(backdrop, WIDE, HIGH, PERIOD_S), atol=2e-3)


def test_a_backdrop_longer_than_its_loop_goes_on(tmp_path: Path) -> None:
    backdrop = Backdrop("mesh", "plum", 1)
    luma = played(tmp_path, backdrop, Played(30.0, speed=12.0), 50)
    assert (tmp_path / "backdrop.raw").stat().st_size == 20 * 6 * np.prod(drawn_size(WIDE, HIGH))
    assert np.abs(luma[20] - luma[0]).max() <= 1
    assert np.abs(luma[10] - luma[0]).max() > 4


def test_a_cut_backdrop_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    backdrop = Backdrop("aurora", "ember", 4)
    whole = played(tmp_path, backdrop, Played(2.0), 15)
    rest = played(tmp_path, backdrop, Played(1.0, from_s=1.0), 5)
    assert np.abs(whole[10:] - rest).max() <= 1


def test_seeds_styles_and_palettes_differ() -> None:
    looks = [Backdrop("mesh", "plum", 1), Backdrop("mesh", "plum", 2), Backdrop("waves", "plum", 1)]
    looks.append(Backdrop("mesh", "ocean", 1))
    frames = [picture(one, WIDE, HIGH, 1.0) for one in looks]
    for at, one in enumerate(frames):
        assert all(np.abs(one - other).max() > 0.05 for other in frames[at + 1 :])
    assert np.array_equal(frames[0], picture(looks[0], WIDE, HIGH, 1.0))


def test_a_look_that_is_not_known_is_one_of_those_there_are() -> None:
    frame = picture(Backdrop("tinsel", "puce", 2), WIDE, HIGH, 0.0)
    named = picture(Backdrop(list(STYLES)[2], list(PALETTES)[2], 2), WIDE, HIGH, 0.0)
    assert np.array_equal(frame, named)


@settings(max_examples=60)
@given(
    st.sampled_from(list(STYLES)),
    st.sampled_from(list(PALETTES)),
    st.integers(0, 10**6),
    st.floats(0, 30),
    st.sampled_from([(192, 108), (108, 192), (108, 108), (2, 2), (640, 40)]),
)
def test_ink_reads_on_every_backdrop(
    style: str, palette: str, seed: int, at_s: float, size: tuple[int, int]
) -> None:
    frame = picture(Backdrop(style, palette, seed), *size, at_s)
    assert frame.shape == (*reversed(drawn_size(*size)), 3)
    assert frame.min() >= 0
    assert frame.max() <= 1
    linear = np.where(frame <= 0.04045, frame / 12.92, ((frame + 0.055) / 1.055) ** 2.4)
    bright = linear @ np.array([0.2126, 0.7152, 0.0722])
    ink = luminance(PALETTES[palette].ink)
    contrast = (np.maximum(bright, ink) + 0.05) / (np.minimum(bright, ink) + 0.05)
    assert contrast.min() >= 4.5


def test_stresses_are_seen_on_their_ground() -> None:
    for palette in PALETTES.values():
        ground, accent = sorted((luminance(palette.ground), luminance(palette.accent)))
        assert (accent + 0.05) / (ground + 0.05) >= 3
