"""`why` and `plan` tell what a file belongs to, and which bound leaves it out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

RULES = """\
state: state
defaults: {by: embedded, instruction: trim to 1 s, output: out}
rules:
  - {name: long, watch: in, where: {duration: "5s..", size: "..1MB"}}
  - {name: clips, watch: in, match: media, with: ["{stem}.png"], pairs: obs}
  - {name: trips, watch: trips, match: media, bundle: folder}
"""


@pytest.fixture
def say(tmp_path: Path) -> Callable[..., str]:
    (tmp_path / "rules.yaml").write_text(RULES)
    for name in (
        "in/a.mp4",
        "in/a.png",
        "in/a.mkv",
        "in/a.mp4.reeldrop.yaml",
        "trips/t/10.png",
        "trips/t/2.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=1.5"]
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([ffmpeg, "-v", "error", "-y", *picture, str(tmp_path / "in" / "a.mp4")], check=True)

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "daemon", *words, "--config", str(tmp_path / "rules.yaml")]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    return run


def test_why_names_the_bound_that_leaves_a_file_out(say: Callable[..., str], tmp_path: Path) -> None:
    told = say("why", str(tmp_path / "in" / "a.mp4"))
    assert "rule long: left out by where.duration `5s..`: it lasts 1.5 s" in told
    assert "rule clips: taken" in told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("in/a.png", "it goes up with a.mp4 (rule clips, `with`)"),
        ("in/a.mkv", "it is the same clip as a.mp4, which is taken"),
        ("in/a.mp4.reeldrop.yaml", "it says how a.mp4 alone is edited"),
        ("trips/t/10.png", "it goes up with the folder t (`bundle: folder`)"),
    ],
)
def test_why_and_plan_tell_what_a_file_belongs_to(
    say: Callable[..., str], tmp_path: Path, name: str, words: str
) -> None:
    assert f"It is no job of its own: {words}" in say("why", str(tmp_path / name))
    assert json.loads(say("why", "--json", str(tmp_path / name)))["belongs"].startswith(words)
    assert f"{tmp_path / name}: nothing: {words}" in say("plan")


def test_plan_shows_a_dropped_folder_as_one_result(say: Callable[..., str], tmp_path: Path) -> None:
    told = say("plan", str(tmp_path / "trips"))
    assert f"trips  {tmp_path}/trips/t/2.png → {tmp_path}/out/t-trips.mp4" in told
    assert "10.png: nothing: it goes up with the folder t (`bundle: folder`)" in told


def test_a_file_that_a_bound_keeps_out_of_a_dropped_folder_does_not_go_up_with_it(
    say: Callable[..., str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace("bundle: folder}", 'bundle: folder, where: {size: "1kB.."}}'))
    small = tmp_path / "trips" / "t" / "10.png"
    assert "goes up with" not in say("why", str(small))
    assert "left out by where.size" in say("plan", str(tmp_path / "trips"))
