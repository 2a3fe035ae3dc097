"""Commands while a daemon runs: they ask it, and see what it does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from daemon.jobs.lock import is_locked
from tests.cli.waiting import DEADLINE, until

RULES = """\
state: state
rules:
  - {name: r, watch: in, instruction: make me look younger, output: out, settle: 200ms}
"""


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", *words, "--config", str(folder / "rules.yaml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "in").mkdir()
    (tmp_path / "rules.yaml").write_text(RULES)
    command = [sys.executable, "-m", "daemon", "run", "--config", str(tmp_path / "rules.yaml")]
    with (tmp_path / "daemon.err").open("w") as errors:
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        until((tmp_path / "state" / "control.sock").exists)
        yield tmp_path
    finally:
        daemon.terminate()
        assert daemon.wait(DEADLINE) == 0, (tmp_path / "daemon.err").read_text()
    assert not is_locked(tmp_path / "state")


def clip(path: Path) -> Path:
    source = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=2"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(path)], check=True)
    return path


def test_do_is_done_by_the_daemon_that_runs(running: Path) -> None:
    done = command(running, "do", str(clip(running / "one.mp4")), "trim to 1 s")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == str(running / "one-do.mp4")
    assert "one.mp4: rendering" in done.stdout


def test_retry_wakes_the_daemon_at_once_and_a_resent_instruction_is_asked_for(running: Path) -> None:
    clip(running / "in" / "two.mp4")

    def jobs() -> list[dict[str, object]]:
        return [json.loads(line) for line in command(running, "jobs", "--json").stdout.splitlines()]

    until(lambda: [job["state"] for job in jobs()] == ["failed"])
    failed_at = jobs()[0]["updated_at"]
    done = command(running, "retry", str(jobs()[0]["id"]), "--resend")
    assert done.returncode == 0, done.stderr
    until(lambda: jobs()[0]["state"] == "failed" and jobs()[0]["updated_at"] != failed_at)
    told = command(running, "job", str(jobs()[0]["id"])).stdout
    assert told.count("the editor: ") == 2
    assert command(running, "retry", "zzz").returncode == 2


def test_status_and_why_tell_what_a_file_waits_for(running: Path) -> None:
    whole = clip(running / "whole.mp4").read_bytes()
    (running / "in" / "half.mp4").write_bytes(whole[: len(whole) // 2])
    until(lambda: "half.mp4" in command(running, "status").stdout)
    told = command(running, "why", str(running / "in" / "half.mp4"))
    assert told.returncode == 0
    assert "has not settled yet" in told.stdout
