"""The studio as a process: killed, locked out, fed 60 MB, and left by its parent."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import StateError, UsageError
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.media.probe import probe
from daemon.studio.disk import FolderLock
from daemon.studio.process import serve

SERVE = """
import os, signal, sys
from pathlib import Path
import daemon.studio.edits as edits
from daemon.studio.process import serve
if sys.argv[2] == "dies at the edit":
    edits.carried_out = lambda *edit: os.kill(os.getpid(), signal.SIGKILL)
serve(state=Path(sys.argv[1]), host="127.0.0.1", port=0, ffmpeg="auto", token=None,
      announce=lambda url, token: print(url, token, flush=True), end_with_stdin=True)
"""


@dataclass
class Started:
    """Processes of the test, with a client for each; all ended after it."""

    client_of: Any
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    clients: list[Any] = field(default_factory=list)

    def __call__(self, folder: Path, how: str = "") -> tuple[Any, subprocess.Popen[str]]:
        command = [sys.executable, "-c", SERVE, str(folder), how]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout is not None
        url, token = process.stdout.readline().split()
        self.clients.append(self.client_of(url, token))
        return self.clients[-1], process


@pytest.fixture
def start(client_of: Any) -> Iterator[Started]:
    started = Started(client_of)
    yield started
    for client in started.clients:
        client.http.close()
    for process in started.processes:
        process.kill()
        process.wait(30)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """A clip whose slow-down takes a while to render."""
    path = tmp_path / "long.mp4"
    picture = "testsrc2=size=640x360:rate=30:duration=20"
    command = [str(find_ffmpeg()), "-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "libx264"]
    subprocess.run([*command, "-preset", "ultrafast", str(path)], check=True)
    return path


def _rss_mib(pid: int, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def test_a_message_accepted_before_a_kill_is_carried_out_once_after_it(
    start: Started, clip: Path, tmp_path: Path
) -> None:
    client, process = start(tmp_path / "s", "dies at the edit")
    session = client.session()
    client.upload(session, clip)
    with pytest.raises(client.errors):
        client.say(session, "2x")
    assert process.wait(30) == -signal.SIGKILL
    client, _ = start(tmp_path / "s")
    client.until(lambda: client.state(session)["draft"]["d"] == 1000)
    client, _ = _restarted(start, tmp_path / "s")
    assert client.state(session)["draft"]["d"] == 1000


def _restarted(start: Started, folder: Path) -> tuple[Any, subprocess.Popen[str]]:
    start.processes[-1].kill()
    start.processes[-1].wait(30)
    return start(folder)


def test_a_render_under_way_at_a_kill_finishes_under_its_id_after_it(
    start: Started, long_clip: Path, tmp_path: Path
) -> None:
    client, process = start(tmp_path / "s")
    session = client.edited(long_clip, "slow down to 0.5x")
    client.render(session, "render_killed")
    client.until(lambda: client.poll("render_killed")["progress"] > 0)
    process.kill()
    process.wait(30)
    client, _ = start(tmp_path / "s")
    assert client.poll("render_killed")["status"] in ("pending", "processing")
    assert client.render(session, "render_killed").status_code == 409
    assert client.finished("render_killed")["status"] == "completed"
    result = tmp_path / "result.mp4"
    result.write_bytes(client.http.get("/api/render/proxy/render_killed/download").content)
    assert probe(result, Ffmpeg(find_ffmpeg())).duration_s == pytest.approx(40, abs=0.2)
    client, _ = _restarted(start, tmp_path / "s")
    assert client.poll("render_killed")["status"] == "completed"


def test_a_studio_ended_in_a_render_takes_ffmpeg_with_it_and_goes_on_later(
    start: Started, long_clip: Path, tmp_path: Path
) -> None:
    client, process = start(tmp_path / "s")
    session = client.edited(long_clip, "slow down to 0.5x")
    client.render(session, "render_ended")
    client.until(lambda: client.poll("render_ended")["progress"] > 0)
    process.terminate()
    assert process.wait(30) == 0
    running = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline") if one.exists()]
    assert not [line for line in running if b"ffmpeg" in line and str(tmp_path).encode() in line]
    client, _ = start(tmp_path / "s")
    assert client.finished("render_ended")["status"] == "completed"


def test_the_studio_ends_when_its_parent_lets_go_of_stdin(start: Started, tmp_path: Path) -> None:
    _, process = start(tmp_path / "s")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 0


def test_an_anonymous_token_outlives_the_process(start: Started, tmp_path: Path) -> None:
    client, process = start(tmp_path / "s")
    asked = client.http.post("/api/auth/anonymous-token", headers={"X-Client-Id": "me"}).json()
    process.terminate()
    process.wait(30)
    client, _ = start(tmp_path / "s")
    client.http.headers["authorization"] = f"Bearer {asked['data']['token']}"
    assert client.http.get("/api/credits/balance/simple").status_code == 200


def test_60_mb_go_to_disk_and_not_into_memory(start: Started, tmp_path: Path) -> None:
    sound = tmp_path / "long.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(random.Random(1).randbytes(60_000_000))
    client, process = start(tmp_path / "s")
    session = client.session()
    before = _rss_mib(process.pid, "VmRSS")
    with sound.open("rb") as file:
        path = f"/api/upload-video/nemo_agent/me/{session}"
        answer = client.http.post(path, files={"files": ("long.wav", file)}).json()
    assert answer["data"]["files"][0]["duration"] == pytest.approx(312.5, abs=0.1)
    assert _rss_mib(process.pid, "VmHWM") - before < 20
    stored = [one for one in (tmp_path / "s").rglob("*") if one.is_file() and one.stat().st_size > 1_000_000]
    assert [one.read_bytes() == sound.read_bytes() for one in stored] == [True]


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"listen on 127.0.0.1:{port}: it is in use"):
            _serve(tmp_path, "127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_one_clear_line(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match=f"listen on {host}:0"):
        _serve(tmp_path, host, 0)


def test_a_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="open the studio's folder"):
        _serve(tmp_path / "file", "127.0.0.1", 0)


def _serve(folder: Path, host: str, port: int) -> None:
    def announce(url: str, token: str) -> None:
        raise AssertionError("it must not get that far")

    serve(
        state=folder, host=host, port=port, ffmpeg="auto", token=None, announce=announce, end_with_stdin=False
    )


def test_two_studios_never_share_a_folder(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path, wait_s=0.1)
    first.take()
    with pytest.raises(StateError, match="another studio has been using"):
        second.take()
    first.release()


def test_a_studio_waits_for_the_one_before_it_to_end(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path, wait_s=30)
    first.take()
    waiting = threading.Thread(target=second.take)
    waiting.start()
    first.release()
    waiting.join(30)
    assert not waiting.is_alive()
    second.release()


def test_an_idle_studio_is_small_and_holds_no_numpy(start: Started, tmp_path: Path) -> None:
    client, process = start(tmp_path / "s")
    client.session()
    assert _rss_mib(process.pid, "VmRSS") < 50
    assert "numpy" not in Path(f"/proc/{process.pid}/maps").read_text()


def test_the_files_of_sessions_that_nobody_needs_any_more_are_dropped_and_no_others(
    start: Started, clip: Path, tmp_path: Path
) -> None:
    client, process = start(tmp_path / "s")
    old, needed, new = (client.edited(clip, "trim to 1 s") for _ in range(3))
    client.render(old, "render_old")
    assert client.finished("render_old")["status"] == "completed"
    folders = tmp_path / "s" / "sessions"
    for session in (old, needed):
        for record in (folders / session).rglob("*.json"):
            os.utime(record, (1000, 1000))
    assert process.stdin is not None
    process.stdin.write(json.dumps({"before": 2000, "keep": [needed]}) + "\n")
    process.stdin.flush()
    client.until(lambda: not (folders / old).exists())
    gone = client.http.get(f"/api/state/nemo_agent/me/{old}/latest").json()
    assert gone["code"] == 1002
    assert client.http.get("/api/render/proxy/lambda/render_old").status_code == 404
    assert [client.state(one)["draft"]["d"] for one in (needed, new)] == [1000, 1000]
    client, _ = _restarted(start, tmp_path / "s")
    assert {one.name for one in folders.iterdir()} == {needed, new}
