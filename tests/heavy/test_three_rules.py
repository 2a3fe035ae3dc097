"""The main job as people do it: three rules, many ways of dropping, a daemon that is killed in between."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg
import pytest

pytestmark = pytest.mark.heavy

DEADLINE = 240.0
RULES = """\
state: state
timing: {poll: 200ms, stream_limit: 5s}
defaults: {settle: 2s}
rules:
  - {name: music, watch: in/music, instruction: add calm background music, output: out/music}
  - {name: trim, watch: in/trim, instruction: trim to 3 s, output: out/trim}
  - {name: title, watch: in/title, instruction: add a title "Hello 世界", output: out/title}
"""


@contextmanager
def daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "daemon.log").open("ab") as log:
        command = [sys.executable, "-m", "daemon", "run", "--config", str(folder / "rules.yaml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def jobs(folder: Path) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "daemon", "jobs", "--json", "--config", str(folder / "rules.yaml")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in said.stdout.splitlines()]


def until(what: str, condition: object) -> None:
    """Waits for a condition of another process; the pause is only how often it is asked."""
    assert callable(condition)
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE} s: {what}"
        time.sleep(0.1)


def clip(path: Path, number: int) -> Path:
    picture = f"testsrc2=size=160x90:rate=12:duration=4,hue=h={number * 30}"
    sound = f"sine=frequency={200 + 40 * number}:duration=4"
    sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-pix_fmt", "yuv420p", "-shortest"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *sources, str(path)], check=True)
    return path


def write_slowly(source: Path, target: Path) -> subprocess.Popen[bytes]:
    """Half, a pause longer than `settle` with the file held open, the other half."""
    program = (
        "import sys, time; data = open(sys.argv[1], 'rb').read(); file = open(sys.argv[2], 'wb', 0);"
        "file.write(data[:len(data) // 2]); time.sleep(5); file.write(data[len(data) // 2:])"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(source), str(target)])


def drop(source: Path, inbox: Path, number: int) -> subprocess.Popen[bytes] | None:
    match number % 4:
        case 0:
            shutil.copy(source, inbox)
        case 1:
            source.rename(inbox / source.name)
        case 2:
            subprocess.run(["rsync", str(source), str(inbox)], check=True)
        case _:
            return write_slowly(source, inbox / source.name)
    return None


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_eleven_of_twelve_are_delivered_once_and_the_random_bytes_fail(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    made = tmp_path / "made"
    made.mkdir()
    for rule in ("music", "trim", "title"):
        (tmp_path / "in" / rule).mkdir(parents=True)
    clips = [clip(made / f"clip{number:02}.mp4", number) for number in range(11)]
    noise = made / "noise.mp4"
    noise.write_bytes(random.Random(7).randbytes(600_000))
    inboxes = [tmp_path / "in" / rule for rule in ("music", "trim", "title")]
    with daemon(tmp_path) as first:
        until("the daemon listens", (tmp_path / "state" / "control.sock").exists)
        slow = [drop(source, inboxes[number % 3], number) for number, source in enumerate([*clips, noise])]
        until("some are delivered", lambda: len(list(tmp_path.glob("out/*/*.mp4"))) >= 2)
        first.send_signal(signal.SIGKILL)
    for writer in slow:
        assert writer is None or writer.wait() == 0
    with daemon(tmp_path) as second:
        ended = {"succeeded", "failed", "held", "cancelled"}
        until(
            "all have ended", lambda: Counter(job["state"] in ended for job in jobs(tmp_path)) == {True: 12}
        )
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    log = (tmp_path / "daemon.log").read_text()
    states = Counter(str(job["state"]) for job in jobs(tmp_path))
    assert states == {"succeeded": 11, "failed": 1}, log
    assert len(list(tmp_path.glob("out/*/*.mp4"))) == 11
    assert not list(tmp_path.glob("out/*/.*"))
    (note,) = tmp_path.glob("out/*/*.FAILED.txt")
    assert "noise.mp4 could not be edited" in note.read_text()
    assert max(Counter(line["source"] for line in jobs(tmp_path)).values()) == 1
