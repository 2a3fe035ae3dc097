"""Running ffmpeg: progress, failures told in its own words, and no process left behind."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daemon.errors import MediaError
from daemon.media.clip import make_demo_clip
from daemon.media.ffmpeg import Ffmpeg, cause_in, find_ffmpeg, source
from daemon.media.probe import probe

ENDLESS = ["-re", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=10", "-f", "null", "-"]
SHORT = ["-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=4", "-f", "null", "-"]


@pytest.fixture(scope="module")
def ffmpeg() -> Ffmpeg:
    return Ffmpeg(find_ffmpeg())


def recorded(ffmpeg: Ffmpeg, folder: Path) -> tuple[Ffmpeg, Path]:
    """An ffmpeg that writes its process id to a file first."""
    pid = folder / "pid"
    script = folder / "ffmpeg"
    script.write_text(
        f'#!/bin/sh\necho $$ > {shlex.quote(str(pid))}\nexec {shlex.quote(str(ffmpeg.binary))} "$@"\n'
    )
    script.chmod(0o755)
    return Ffmpeg(script), pid


def ended(pid: int, within_s: float = 10.0) -> bool:
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], within_s)[0])
    finally:
        os.close(watched)


def test_progress_rises_and_ends_at_one(ffmpeg: Ffmpeg) -> None:
    shares: list[float] = []
    ran = ffmpeg.run(SHORT, duration_s=4.0, progress=shares.append)
    assert shares == sorted(set(shares))
    assert shares[-1] == pytest.approx(1.0)
    assert ran.written_s == pytest.approx(4.0, abs=0.1)


def test_a_failure_says_what_ffmpeg_said_in_one_line(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="Unknown encoder 'nosuch'") as caught:
        ffmpeg.run([*SHORT[:4], "-c:v", "nosuch", "-y", source(tmp_path / "x.mp4")])
    assert "\n" not in caught.value.cause


@pytest.mark.parametrize(
    ("args", "cause"),
    [
        (["-i", "file:/nowhere/at all.mp4", "-f", "null", "-"], "No such file or directory"),
        ([*SHORT[:4], "-y", "file:/nowhere/x.mp4"], "No such file or directory"),
        (["-i", "http://127.0.0.1:9/x.mp4", "-f", "null", "-"], "not on whitelist"),
    ],
)
def test_a_file_that_cannot_be_opened_is_told_by_its_cause(
    ffmpeg: Ffmpeg, args: list[str], cause: str
) -> None:
    with pytest.raises(MediaError, match=cause):
        ffmpeg.run(args)


def test_a_cause_is_the_exact_line_and_not_the_general_one_after_it() -> None:
    log = (
        "[in#0 @ 0x55] moov atom not found\n"
        "[in#0 @ 0x55] Error opening input: Invalid data found when processing input\n"
        "Error opening input files: Invalid data found when processing input"
    )
    assert cause_in(log) == "moov atom not found"
    assert cause_in("frame=1\n") == ""


def test_a_run_out_of_time_is_killed(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    slow, pid = recorded(ffmpeg, tmp_path)
    with pytest.raises(MediaError, match="not done"):
        slow.run(ENDLESS, timeout_s=0.5)
    assert ended(int(pid.read_text()))


def test_a_cancelled_run_is_killed(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    slow, pid = recorded(ffmpeg, tmp_path)
    cancelled = threading.Event()
    with pytest.raises(MediaError, match="cancelled"):
        slow.run(
            ENDLESS, duration_s=60, progress=lambda _: cancelled.set(), cancelled=cancelled, timeout_s=60
        )
    assert ended(int(pid.read_text()))


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's"
)
def test_ffmpeg_dies_with_a_killed_parent(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    slow, pid = recorded(ffmpeg, tmp_path)
    program = (
        "import sys; from pathlib import Path; from daemon.media.ffmpeg import Ffmpeg\n"
        "tell = lambda share: print('runs', flush=True)\n"
        f"Ffmpeg(Path({str(slow.binary)!r})).run({ENDLESS!r}, duration_s=60, progress=tell)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "runs\n"
        parent.kill()
    assert ended(int(pid.read_text()))


def test_a_setting_that_names_no_program_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match="no program") as caught:
        find_ffmpeg("/nowhere/ffmpeg")
    assert "studio.ffmpeg" in caught.value.hint
    monkeypatch.setenv("FFMPEG", "/nowhere/either")
    with pytest.raises(MediaError, match="either"):
        find_ffmpeg()


def test_the_environment_names_the_ffmpeg_to_use(
    ffmpeg: Ffmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, _ = recorded(ffmpeg, tmp_path)
    monkeypatch.setenv("FFMPEG", str(other.binary))
    assert find_ffmpeg() == other.binary


def test_a_program_that_cannot_be_started_is_a_media_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="starting ffmpeg"):
        Ffmpeg(tmp_path / "none").run(["-version"])


def test_the_demo_clip_has_a_moving_picture_and_a_voice_that_pauses(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    clip = tmp_path / "demo.mp4"
    make_demo_clip(clip, ffmpeg, 3.0)
    found = probe(clip, ffmpeg)
    assert (found.width, found.height, found.fps) == (640, 360, 24.0)
    assert (found.video_codec, found.audio_codec) == ("h264", "aac")
    assert found.duration_s == pytest.approx(3.0, abs=0.1)
    frozen = ffmpeg.run(["-i", source(clip), "-vf", "freezedetect=d=0.5", "-an", "-f", "null", "-"]).log
    assert "freeze_start" not in frozen
    pauses = ffmpeg.run(
        ["-i", source(clip), "-vn", "-af", "silencedetect=n=-50dB:d=0.5", "-f", "null", "-"]
    ).log
    assert pauses.count("silence_start") == 1
