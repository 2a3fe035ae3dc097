"""The network on a drawn person with known edges, and renders through it. Needs the extra: reeldrop[matte]."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from daemon.errors import MediaError, RenderError
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.media.probe import probe
from daemon.nemo import wire
from daemon.studio.matte.carried import can_matte, find_model
from daemon.studio.matte.matter import Matter
from daemon.studio.matte.model import read_model
from daemon.studio.matte.network import Network
from daemon.studio.render import extension, render
from tests.studio.figures import Array, over, person

MODEL = find_model(os.environ.get("REELDROP_MATTE_MODEL", "auto"))
needs_model = pytest.mark.skipif(MODEL is None, reason="reeldrop[matte] is not installed")
SIZE = (512, 288)


def matter(*, steady: bool = True) -> Matter:
    assert MODEL is not None
    return Matter(Network(read_model(MODEL)), steady=steady)


def wall(seed: int) -> Array:
    blocks = np.random.default_rng(seed).integers(90, 190, (6, 10, 3), np.uint8)
    return np.asarray(Image.fromarray(blocks).resize(SIZE, Image.Resampling.BICUBIC), float)


@needs_model
def test_a_person_before_a_known_wall_is_cut_out_along_the_true_edge() -> None:
    colours, alpha = person(*SIZE)
    cut, ground, random = matter(), wall(3), np.random.default_rng(1)
    errors = []
    for step in range(6):
        moved, true = np.roll(colours, 4 * step, 1), np.roll(alpha, 4 * step, 1)
        frame = over(moved, true, ground, random.normal(0, 3, colours.shape))
        errors.append(float(np.abs(cut.mask(frame) / 255 - true).mean()))
    assert max(errors) < 0.02, errors


@needs_model
def test_a_still_person_does_not_flicker() -> None:
    colours, alpha = person(*SIZE)
    ground, random = wall(3), np.random.default_rng(1)
    frames = [over(colours, alpha, ground, random.normal(0, 4, colours.shape)) for _ in range(12)]
    flicker = {}
    for steady in (True, False):
        cut = matter(steady=steady)
        masks = np.stack([cut.mask(frame) / 255 for frame in frames])
        flicker[steady] = float(np.abs(np.diff(masks[4:], axis=0)).mean())
    assert flicker[True] <= 0.7 * flicker[False], flicker


@needs_model
def test_an_empty_room_has_no_figure() -> None:
    noise = np.random.default_rng(1).normal(0, 3, (SIZE[1], SIZE[0], 3))
    frame = np.clip(wall(3) + noise, 0, 255).astype(np.uint8)
    assert (matter().mask(frame) > 127).mean() < 0.02


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn person who moves, 2 s, 320x180, 12 fps, with sound."""
    folder = tmp_path_factory.mktemp("talk")
    colours, alpha = person(320, 180)
    ground = np.asarray(Image.fromarray(wall(3).astype(np.uint8)).resize((320, 180)), float)
    random = np.random.default_rng(1)
    with (folder / "talk.rgb").open("wb") as raw:
        for step in range(24):
            noise = random.normal(0, 2, colours.shape)
            raw.write(over(np.roll(colours, step, 1), np.roll(alpha, step, 1), ground, noise).tobytes())
    path = folder / "talk.mp4"
    shape = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", "320x180", "-framerate", "12"]
    picture = [*shape, "-i", source(folder / "talk.rgb"), "-f", "lavfi", "-i", "sine=duration=2"]
    Ffmpeg(find_ffmpeg()).run([*picture, "-pix_fmt", "yuv420p", "-shortest", source(path)])
    return path


def draft(background: dict[str, str], d_s: float = 2.0, **more: Any) -> wire.JsonObject:
    m = {"asset": "talk", "title": "talk", "background": background, **more}
    return {"d": d_s * 1000, "t": [{"tt": wire.VIDEO_TRACK, "sg": [{"d": d_s * 1000, "m": m}]}]}


def rendered(
    asked: wire.JsonObject, talk: Path, tmp_path: Path, form: str = "auto", **more: Any
) -> tuple[Path, list[float]]:
    work, told = tmp_path / "work", list[float]()
    work.mkdir()
    target = tmp_path / f"made.{extension(asked, form)}"
    options: dict[str, Any] = {"matte_model": str(MODEL), "progress": told.append, **more}
    render(
        asked,
        asset=lambda _: talk,
        target=target,
        form=form,
        quality="high",
        ffmpeg=Ffmpeg(find_ffmpeg()),
        work=work,
        **options,
    )
    return target, told


def frames_of(path: Path, tmp_path: Path, pixels: str = "rgb24", depth: int = 3, *args: str) -> Array:
    found, raw = probe(path, Ffmpeg(find_ffmpeg())), tmp_path / "frames"
    outputs = ["-an", "-pix_fmt", pixels, "-f", "rawvideo", "-y", source(raw)]
    Ffmpeg(find_ffmpeg()).run([*args, "-i", source(path), *outputs])
    return np.fromfile(raw, np.uint8).reshape(-1, found.height, found.width, depth).astype(float)


@needs_model
def test_the_person_stands_before_the_colour_and_moves_with_its_own_mask(talk: Path, tmp_path: Path) -> None:
    made, told = rendered(draft({"kind": "colour", "what": "#c02020"}), talk, tmp_path)
    before, after = frames_of(talk, tmp_path), frames_of(made, tmp_path)
    assert len(after) == len(before) == 24
    _, alpha = person(320, 180)
    for number in (0, 12, 23):
        true = np.roll(alpha, number, 1)
        assert np.abs(after[number][true < 0.01] - (192, 32, 32)).mean() < 12
        assert np.abs(after[number] - before[number])[true > 0.99].mean() < 8
    assert told == sorted(told) and told[-1] == 1
    assert probe(made, Ffmpeg(find_ffmpeg())).has_audio


@needs_model
@pytest.mark.parametrize(("form", "codec"), [("auto", "vp9"), ("mov", "prores")])
def test_a_transparent_background_is_an_alpha_plane(
    talk: Path, tmp_path: Path, form: str, codec: str
) -> None:
    made, _ = rendered(draft({"kind": "transparent"}, 0.5), talk, tmp_path, form)
    found = Ffmpeg(find_ffmpeg()).inspect(made)
    assert probe(made, Ffmpeg(find_ffmpeg())).video_codec == codec
    assert codec != "vp9" or "alpha_mode" in found.lower()
    decoder = ["-c:v", "libvpx-vp9"] if codec == "vp9" else []
    alpha = frames_of(made, tmp_path, "rgba", 4, *decoder)[0, :, :, 3]
    _, true = person(320, 180)
    assert np.abs(alpha / 255 - true).mean() < 0.03


def test_mp4_cannot_hold_transparency_and_says_so() -> None:
    with pytest.raises(RenderError, match="mp4 cannot hold a transparent background"):
        extension(draft({"kind": "transparent"}), "mp4")
    assert extension(draft({"kind": "transparent"}), "auto") == "webm"


@needs_model
def test_a_cancelled_render_leaves_no_process(talk: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    told: Callable[[float], None] = lambda _: stop.set()  # noqa: E731
    with pytest.raises(RenderError, match="cancelled"):
        rendered(draft({"kind": "blur"}, 60.0), talk, tmp_path, cancelled=stop, progress=told)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_model_that_is_none_fails_the_render(talk: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "model.tflite"
    wrong.write_bytes(b"no model")
    with pytest.raises(RenderError, match=r"model\.tflite: it is no TFLite file"):
        rendered(draft({"kind": "blur"}), talk, tmp_path, matte_model=str(wrong))


def test_without_a_model_the_refusal_names_the_install_line(talk: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.tflite")
    assert not can_matte(missing)
    with pytest.raises(RenderError, match=r"pip install 'reeldrop\[matte\]'"):
        rendered(draft({"kind": "blur"}), talk, tmp_path, matte_model=missing)


@needs_model
def test_a_segmenter_that_dies_fails_the_render_with_its_own_words(
    talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    startup = tmp_path / "startup"
    startup.mkdir()
    (startup / "sitecustomize.py").write_text("import sys\nsys.exit('the segmenter fell over')\n")
    monkeypatch.setenv("PYTHONPATH", str(startup), prepend=os.pathsep)
    with pytest.raises(RenderError, match=r"cutting out the figure: .*the segmenter fell over"):
        rendered(draft({"kind": "blur"}), talk, tmp_path)


@needs_model
def test_footage_that_is_no_footage_fails_with_ffmpegs_cause(talk: Path, tmp_path: Path) -> None:
    gone = tmp_path / "cut.mp4"
    gone.write_bytes(talk.read_bytes()[:600])
    with pytest.raises(MediaError):
        rendered(draft({"kind": "blur"}), gone, tmp_path)
