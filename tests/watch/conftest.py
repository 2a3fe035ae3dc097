"""Small real media files of every accepted kind, made once by ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import imageio_ffmpeg
import pytest

PICTURES = ("jpg", "png", "gif", "webp")
SOUNDS = ("mp3", "wav", "m4a", "aac")
CLIPS = ("mp4", "mov", "avi", "webm", "mkv")


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A whole file for each extension; `faststart` is an mp4 with its index in front."""
    folder = tmp_path_factory.mktemp("media")
    made = {ending: folder / f"whole.{ending}" for ending in (*CLIPS, *SOUNDS, *PICTURES)}
    made["faststart"] = folder / "faststart.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=10:duration=0.4"]
    command += ["-f", "lavfi", "-i", "sine=frequency=440:duration=0.4"]
    for ending in CLIPS:
        codec = ["-c:v", "libvpx", "-c:a", "libopus"] if ending == "webm" else []
        command += ["-map", "0:v", "-map", "1:a", *codec, str(made[ending])]
    command += ["-map", "0:v", "-map", "1:a", "-movflags", "+faststart", str(made["faststart"])]
    for ending in SOUNDS:
        command += ["-map", "1:a", str(made[ending])]
    for ending in PICTURES:
        command += ["-map", "0:v", "-frames:v", "1", "-update", "1", str(made[ending])]
    subprocess.run(command, check=True)
    return made


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in box"
    folder.mkdir()
    return folder
