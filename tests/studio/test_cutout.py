"""Green and blue screens: found where there is one, and keyed in the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.media.probe import probe
from daemon.nemo import wire
from daemon.studio.render import render
from daemon.studio.screen import screen_in, screen_of
from tests.studio.figures import over, person

W, H = 320, 180
GREEN, BLUE = (16, 165, 69), (20, 60, 190)


def lit(colour: tuple[int, int, int], noise: float = 3, seed: int = 1) -> npt.NDArray[np.float64]:
    """A wall of a colour, brighter in the middle, as a lamp lights it."""
    columns = np.linspace(-1, 1, W)[None, :, None]
    random = np.random.default_rng(seed)
    return np.array(colour) * (1.05 - 0.1 * columns**2) + random.normal(0, noise, (H, W, 1))


def shot(ground: npt.NDArray[np.float64], tint: tuple[int, int, int] | None = None) -> npt.NDArray[np.uint8]:
    colours, alpha = person(W, H)
    if tint is not None:
        colours = np.broadcast_to(np.array(tint, float), colours.shape)
    return over(colours, alpha, ground, np.zeros((H, W, 3)))


def test_a_green_and_a_blue_screen_are_found_with_their_colour() -> None:
    for colour in (GREEN, BLUE):
        found = screen_in([shot(lit(colour, seed=seed)) for seed in range(3)])
        assert found is not None
        assert np.abs(np.array([int(found[at : at + 2], 16) for at in (1, 3, 5)]) - colour).max() < 12


def _leaves() -> npt.NDArray[np.float64]:
    blades = np.random.default_rng(2).normal(0, 25, (H, W, 1))
    return np.array((80.0, 125.0, 45.0)) + blades


def test_lawns_textured_walls_skies_and_green_clothes_are_no_screens() -> None:
    sky = np.linspace((95, 160, 230), (190, 215, 245), H)[:, None, :] * np.ones((H, W, 1))
    bricks = lit(GREEN, noise=0)
    bricks[::6] *= 0.6
    bricks[:, ::12] *= 0.6
    for ground in (_leaves(), bricks, sky, lit((150, 190, 150)), lit((128, 128, 128))):
        assert screen_in([shot(ground)] * 3) is None
    assert screen_in([shot(lit((128, 128, 128)), tint=GREEN)] * 3) is None


def test_a_screen_that_is_not_there_all_the_time_is_none() -> None:
    assert screen_in([shot(lit(GREEN)), shot(lit(GREEN)), shot(lit((128, 128, 128)))]) is None
    assert screen_in([]) is None


@pytest.fixture(scope="module", params=["smpte170m", "bt709"])
def studio_shot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 s before a green screen, 10 fps, in SD's colours and in HD's."""
    folder = tmp_path_factory.mktemp("screen")
    with (folder / "raw").open("wb") as raw:
        for seed in range(10):
            raw.write(shot(lit(GREEN, seed=seed)).tobytes())
    matrix = request.param
    shape = f"-f rawvideo -pix_fmt rgb24 -video_size {W}x{H} -framerate 10".split()
    tags = f"setparams=colorspace={matrix}:color_primaries={matrix}:color_trc={matrix}:range=tv"
    colours = f"scale=out_color_matrix={'bt709' if matrix == 'bt709' else 'bt601'}:out_range=tv"
    path = folder / "shot.mp4"
    filters = ["-vf", f"{colours},format=yuv420p,{tags}", "-crf", "16", source(path)]
    Ffmpeg(find_ffmpeg()).run([*shape, "-i", source(folder / "raw"), *filters])
    return path


def test_the_screen_is_keyed_and_the_person_is_left_whole(studio_shot: Path, tmp_path: Path) -> None:
    ffmpeg = Ffmpeg(find_ffmpeg())
    screen = screen_of(studio_shot, probe(studio_shot, ffmpeg), ffmpeg)
    assert screen is not None
    background = {"kind": "colour", "what": "#c8b4a0", "screen": screen}
    m = {"asset": "shot", "background": background}
    draft = {"d": 1000, "t": [{"tt": wire.VIDEO_TRACK, "sg": [{"d": 1000, "m": m}]}]}
    target, raw = tmp_path / "made.mp4", tmp_path / "raw"
    render(
        draft,
        asset=lambda _: studio_shot,
        target=target,
        form="auto",
        quality="high",
        ffmpeg=ffmpeg,
        progress=lambda _: None,
        work=tmp_path,
    )
    ffmpeg.run(["-i", source(target), "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", source(raw)])
    made = np.fromfile(raw, np.uint8).reshape(H, W, 3).astype(float)
    colours, alpha = person(W, H)
    assert np.abs(made[alpha < 0.01] - (200, 180, 160)).mean() < 4
    assert np.abs(made - colours)[alpha > 0.999].mean() < 8
    excess = made[:, :, 1] - made[:, :, [0, 2]].max(axis=2)
    assert excess[alpha > 0.5].max() < 40
