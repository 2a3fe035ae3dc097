"""A real studio on a port of its own, clips made on the spot, and a client that speaks the protocol."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon.cli.faults import FaultsFile
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.studio.process import QuietServer
from daemon.studio.studio import Studio
from tests.studio.bench import Bench

DEADLINE_S = 30.0


def run_ffmpeg(*args: str) -> None:
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-y", *args], check=True)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s, 64x36, 10 fps, with sound."""
    path = tmp_path_factory.mktemp("media") / "talk.mp4"
    picture = "testsrc=size=64x36:rate=10:duration=2"
    run_ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=duration=2", "-shortest", str(path))
    return path


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 s of sound."""
    path = tmp_path_factory.mktemp("media") / "voice.wav"
    run_ffmpeg("-f", "lavfi", "-i", "sine=duration=1", str(path))
    return path


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of odd size, 61x81."""
    path = tmp_path_factory.mktemp("media") / "photo.png"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=size=61x81:duration=0.1", "-frames:v", "1", str(path))
    return path


@dataclass
class Client:
    """The protocol's calls, with the answers as they came."""

    url: str
    token: str
    http: httpx.Client = field(init=False)
    errors: type[Exception] = httpx.TransportError

    def __post_init__(self) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=DEADLINE_S, trust_env=False)

    def session(self) -> str:
        answer = self.http.post("/api/tasks/me/with-session/nemo_agent", json={"task_name": "project"})
        return str(answer.json()["data"]["session_id"])

    def upload(self, session: str, *files: Path) -> Any:
        parts = [("files", (one.name, one.read_bytes())) for one in files]
        return self.http.post(f"/api/upload-video/nemo_agent/me/{session}", files=parts).json()

    def state(self, session: str) -> Any:
        return self.http.get(f"/api/state/nemo_agent/me/{session}/latest").json()["data"]["state"]

    def say(self, session: str, text: str) -> list[Any]:
        answer = self.http.post("/run_sse", json=self.message(session, text))
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]

    def render(self, session: str, render: str, draft: Any = None, form: str = "auto") -> httpx.Response:
        draft = self.state(session)["draft"] if draft is None else draft
        body = {
            "id": render,
            "sessionId": session,
            "draft": draft,
            "output": {"format": form, "quality": "low"},
        }
        return self.http.post("/api/render/proxy/lambda", json=body)

    def poll(self, render: str) -> Any:
        return self.http.get(f"/api/render/proxy/lambda/{render}").json()["data"]

    def finished(self, render: str) -> Any:
        """The render once it has ended."""
        self.until(lambda: self.poll(render)["status"] in ("completed", "failed"))
        return self.poll(render)

    @staticmethod
    def message(session: str, text: str) -> dict[str, Any]:
        parts = {"parts": [{"text": text}]}
        return {"app_name": "nemo_agent", "user_id": "me", "session_id": session, "new_message": parts}

    @staticmethod
    def until(condition: Callable[[], bool]) -> None:
        """Asks again and again until it holds; the test fails after 30 s."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, "it did not come to pass"

    def edited(self, clip: Path, text: str) -> str:
        """A session with a clip and one message carried out."""
        session = self.session()
        self.upload(session, clip)
        self.say(session, text)
        return session


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Client]:
    """A studio served from a thread of this process. `options`: Studio's own."""
    folder.mkdir(exist_ok=True)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ready = threading.Event()
    ends: list[Callable[[], object]] = []

    async def serve() -> None:
        studio = Studio(folder, Ffmpeg(find_ffmpeg()), "token-of-the-test", **options)
        await studio.start()
        server = QuietServer(studio)
        loop = asyncio.get_running_loop()
        ends.append(partial(loop.call_soon_threadsafe, server.end))
        ready.set()
        await server.serve(sockets=[listener])
        await studio.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(DEADLINE_S)
    client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", "token-of-the-test")
    try:
        yield client
    finally:
        client.http.close()
        ends[0]()
        thread.join(DEADLINE_S)


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("studio")
    with running(folder) as served:
        yield served


@pytest.fixture
def studio_in() -> Callable[..., AbstractContextManager[Client]]:
    """Serves a folder of the test's own: `studio_in(folder, **options)`."""
    return running


@dataclass
class Rehearsed:
    """A studio with a faults file that the test may write again."""

    client: Client
    folder: Path
    file: Path

    def write(self, text: str) -> None:
        self.file.write_text(text, "utf-8")

    def ledger(self, *what: str) -> list[dict[str, Any]]:
        """The ledger's lines, of these kinds where any are named."""
        lines = (self.folder / "ledger.jsonl").read_text("utf-8").splitlines()
        return [one for one in map(json.loads, lines) if not what or one["what"] in what]

    def credits(self) -> tuple[int, int]:
        """(available, frozen)"""
        data = self.client.http.get("/api/credits/balance/simple").json()["data"]
        assert data["total"] == data["available"] + data["frozen"]
        return data["available"], data["frozen"]


@pytest.fixture
def rehearse(tmp_path: Path) -> Iterator[Callable[[str], Rehearsed]]:
    """Starts a studio with this faults file; again: ends it and starts it anew in the same folder."""
    with ExitStack() as stack:

        def start(text: str) -> Rehearsed:
            stack.close()
            file = tmp_path / "faults.yaml"
            file.write_text(text, "utf-8")
            folder = tmp_path / "rehearsed"
            client = stack.enter_context(running(folder, faults=FaultsFile(file)))
            return Rehearsed(client, folder, file)

        yield start


@pytest.fixture
def client_of() -> type[Client]:
    """For a studio that the test started itself: `client_of(url, token)`."""
    return Client


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))
