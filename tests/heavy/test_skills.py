"""The five skills as people use them: a file dropped, one run, and what came out, without account or network."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from daemon.media.ffmpeg import source
from tests.studio.bench import H264, Bench, level
from tests.studio.figures import over, person

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("mediapipe", "espeakng_loader")),
        reason="reeldrop[matte,voice] is not installed",
    ),
]

RULES = """\
state: state
limits: {jobs: 1}
studio: {pictures: pictures, music: music}
defaults: {output: out, match: [video, text]}
rules:
  - {watch: in/office, skill: ai-video-editor-background-changer}
  - {watch: in/virtual, skill: tomoviee-video-background}
  - {watch: in/transparent, instruction: cut out the background and make it transparent}
  - {watch: in/prores, instruction: cut out the background and make it transparent, format: mov}
  - {watch: in/colour, skill: video-background-remover-ai, instruction: "replace the background with #2040c0"}
  - {watch: in/own, instruction: replace the background with my picture kitchen}
  - {watch: in/screen, instruction: "replace the green screen with #2040c0"}
  - {watch: in/music, skill: background-music}
  - {watch: in/promo, skill: generator-video}
  - {watch: in/captions, instruction: burn in the subtitles, with: ["{stem}.srt"]}
  - {watch: in/cover, instruction: make a thumbnail at 2 s}
  - {watch: in/sound, instruction: fade out the last 1 second, match: audio}
"""
SCRIPT = """\
Meet Reeldrop.

Your videos edit themselves. Drop a clip into a folder and get it back finished.

One line says what happens. 一句话就够了。

Drop it. Done.
"""
SRT = "1\n00:00:01,000 --> 00:00:02,000\nOne moment\n\n2\n00:00:03,000 --> 00:00:04,000\nAnd another\n"
WIDE, HIGH, FPS, LENGTH = 640, 360, 12, 6
WALL, SCREEN = (150, 140, 130), (20, 180, 70)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def talking_head(bench: Bench, name: str, wall: tuple[int, int, int]) -> Path:
    """A drawn person who sways, and speaks every other second: 3 kHz, so that it can be told from music."""
    colours, alpha = person(WIDE, HIGH)
    raw = bench.folder / f"{name}.rgb"
    random = np.random.default_rng(1)
    ground = np.full((HIGH, WIDE, 3), wall, float)
    with raw.open("wb") as file:
        for step in range(FPS * LENGTH):
            sway = round(12 * np.sin(step / 6))
            noise = random.normal(0, 1.5, colours.shape)
            file.write(over(np.roll(colours, sway, 1), np.roll(alpha, sway, 1), ground, noise).tobytes())
    shape = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{WIDE}x{HIGH}", "-framerate", str(FPS)]
    speech = f"sine=3000:d={LENGTH},volume='if(lt(mod(t,2),1),1,0)':eval=frame"
    sound = ["-f", "lavfi", "-i", speech, "-shortest"]
    return bench.make(f"{name}.mp4", *shape, "-i", source(raw), *sound, *H264)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, bench: Bench) -> Path:
    """What one run made of everything."""
    folder = tmp_path_factory.mktemp("skills")
    talk, screen = talking_head(bench, "talk", WALL), talking_head(bench, "screen", SCREEN)
    for rule in ("office", "virtual", "transparent", "prores", "colour", "own", "music", "captions", "cover"):
        (folder / "in" / rule).mkdir(parents=True)
        (folder / "in" / rule / "talk.mp4").write_bytes(talk.read_bytes())
    for rule, name, content in (
        ("screen", "talk.mp4", screen.read_bytes()),
        ("promo", "script.txt", SCRIPT.encode()),
        ("captions", "talk.srt", SRT.encode()),
    ):
        (folder / "in" / rule).mkdir(parents=True, exist_ok=True)
        (folder / "in" / rule / name).write_bytes(content)
    (folder / "in" / "sound").mkdir()
    (folder / "in" / "sound" / "voice.wav").write_bytes(bench.bursts().read_bytes())
    for own in ("pictures", "music"):
        (folder / own).mkdir()
    Image.new("RGB", (900, 500), (32, 64, 192)).save(folder / "pictures" / "Our_Kitchen.png")
    Image.new("RGB", (900, 500), (200, 40, 160)).save(folder / "pictures" / "kitchen.png")
    (folder / "rules.yaml").write_text(RULES)
    command = [sys.executable, "-m", "daemon", "run", "--once", "--config", str(folder / "rules.yaml")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / "out"


def corner(bench: Bench, path: Path, at_s: float = 3.0) -> NDArray[np.float64]:
    """The colour at the upper left, where nobody stands."""
    return np.asarray(bench.frame(path, at_s)[20:60, 20:60].reshape(-1, 3).mean(axis=0))


def face(bench: Bench, path: Path, at_s: float = 3.0) -> NDArray[np.float64]:
    return np.asarray(bench.frame(path, at_s)[150:170, 300:340].reshape(-1, 3).mean(axis=0))


def as_dropped(bench: Bench, path: Path) -> None:
    """The clip's own size and length, with its sound."""
    found = bench.probe(path)
    assert (found.width, found.height, found.has_audio) == (WIDE, HIGH, True)
    assert found.duration_s == pytest.approx(LENGTH, abs=0.1)


@pytest.mark.parametrize("rule", ["office", "virtual", "colour", "own", "screen"])
def test_a_person_stands_before_another_background(bench: Bench, out: Path, rule: str) -> None:
    path = out / f"talk-{rule}.mp4"
    as_dropped(bench, path)
    assert np.abs(face(bench, path) - face(bench, bench.folder / "talk.mp4")).max() < 14
    seen = corner(bench, path)
    assert np.abs(seen - np.array(SCREEN if rule == "screen" else WALL)).max() > 25
    expected = {"colour": (32, 64, 192), "screen": (32, 64, 192), "own": (200, 40, 160)}.get(rule)
    if expected:
        assert np.abs(seen - np.array(expected)).max() < 10


@pytest.mark.parametrize(("name", "codec", "pixels"), [
    ("talk-transparent.webm", "libvpx-vp9", "yuva420p"),
    ("talk-prores.mov", "prores", "yuva444p"),
])  # fmt: skip
def test_a_person_is_cut_out_with_transparency(
    bench: Bench, out: Path, name: str, codec: str, pixels: str
) -> None:
    path = out / name
    as_dropped(bench, path)
    log = bench.ffmpeg.inspect(path).lower()
    assert "alpha_mode" in log if name.endswith("webm") else pixels in log
    picture = bench.folder / "alpha.png"
    seek = ["-c:v", codec, "-ss", "3", "-i", source(path), "-frames:v", "1", "-pix_fmt", "rgba"]
    bench.ffmpeg.run([*seek, "-y", source(picture)])
    with Image.open(picture) as opened:
        alpha = np.asarray(opened.convert("RGBA"))[..., 3]
    assert alpha[20:60, 20:60].mean() < 8 and alpha[150:170, 300:340].mean() > 247


def test_music_fits_the_clip_and_gives_way_to_speech(bench: Bench, out: Path) -> None:
    path = out / "talk-music.mp4"
    as_dropped(bench, path)
    assert bench.packets(path) == bench.packets(bench.folder / "talk.mp4")
    lufs, peak = bench.loudness(path)
    assert lufs == pytest.approx(-14, abs=0.7)
    assert peak <= -1
    sound = bench.sound(path)
    spectrum, pitch = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / 48000)
    music = np.fft.irfft(np.where(pitch < 2000, spectrum, 0), len(sound))
    spoken = np.concatenate([music[48000 * s + 19200 : 48000 * s + 43200] for s in (2, 4)])
    paused = np.concatenate([music[48000 * s + 33600 : 48000 * s + 46000] for s in (1, 3)])
    assert level(paused) - level(spoken) >= 6


def test_a_script_becomes_a_video_of_thirty_seconds_with_titles_and_music(bench: Bench, out: Path) -> None:
    path = out / "script-promo.mp4"
    found = bench.probe(path)
    assert (found.width, found.height, found.has_audio) == (1920, 1080, True)
    assert found.duration_s == pytest.approx(30, abs=0.1)
    lufs, peak = bench.loudness(path)
    assert lufs == pytest.approx(-14, abs=0.7)
    assert peak <= -1
    sidecar = json.loads((out / "script-promo.json").read_text())
    assert sidecar["rule"] == "promo"
    moments = [bench.frame(path, at)[::4, ::4] for at in (1.0, 8.0, 15.0, 28.5)]
    for seen in moments:
        assert np.ptp(seen) > 60
    assert all(np.abs(one - other).mean() > 1 for one, other in pairwise(moments))


def test_captions_beside_the_clip_are_burned_in_at_their_times(bench: Bench, out: Path) -> None:
    path = out / "talk-captions.mp4"
    as_dropped(bench, path)
    shown = [(bench.frame(path, at)[250:].min(axis=2) > 200).sum() for at in (0.5, 1.5, 2.5, 3.5)]
    assert shown[0] < 20 < 60 < shown[1] and shown[2] < 20 < 60 < shown[3]


def test_a_thumbnail_is_delivered_as_a_picture(out: Path) -> None:
    with Image.open(out / "talk-cover.jpg") as opened:
        assert (opened.format, opened.size) == ("JPEG", (WIDE, HIGH))


def test_sound_alone_comes_out_as_sound(bench: Bench, out: Path) -> None:
    found = bench.probe(out / "voice-sound.m4a")
    assert (found.has_audio, found.has_video) == (True, False)
    assert found.duration_s == pytest.approx(LENGTH, abs=0.1)
