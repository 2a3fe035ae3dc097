"""A real studio over HTTP, a proxy that loses what it is told to lose, and a daemon between them."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import imageio_ffmpeg
import pytest

from daemon.app import App
from daemon.config.loading import parse
from daemon.pipeline.hooks import Happening

Loss = Literal["none", "request", "answer", "words", "error"]
MakeClip = Callable[[str], Path]


@dataclass(frozen=True)
class Service:
    """A studio that runs alone, as the paid editor would."""

    url: str
    token: str


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    command = [sys.executable, "-m", "daemon", "studio", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        url, token = re.findall(r"NEMO_API_URL=(\S+) NEMO_TOKEN=(\S+)", said)[0]
        yield Service(url, token)
        process.terminate()


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """A tiny clip of 1.5 s with sound; another content for every name."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str) -> Path:
        path = folder / name
        if not path.exists():
            picture = (
                f"testsrc=size=64x64:rate=10:duration=1.5,drawbox=w={2 + sum(name.encode()) % 60}:h=9:t=fill"
            )
            sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=duration=1.5"]
            tags = ["-metadata", f"title={name}", "-shortest"]
            subprocess.run(
                [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *sources, *tags, str(path)], check=True
            )
        return path

    return make


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


@dataclass
class Proxy:
    """Passes bytes to `service`, and loses things: the next `losses[call]` calls lose what is named there.

    `request`: the server never gets it. `answer`: the server does it, the client hears nothing.
    `words`: the server does it, the client gets a stream that closes without a word.
    `error`: the server never gets it, the client gets an error event, and `charge` is taken off the balance.
    `seen` counts what reached the server, by method and path.
    """

    service: Service
    url: str = ""
    port: int = 0
    charge: int = 0
    asked: int = 0
    seen: list[str] = field(default_factory=list)
    losses: dict[str, list[Loss]] = field(default_factory=dict)

    def count(self, call: str) -> int:
        return sum(call in line for line in self.seen)

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1])) if length else b""
                line = head.split(b"\r\n")[0].decode()
                call = next((name for name, left in self.losses.items() if name in line and left), None)
                loss = self.losses[call].pop(0) if call else None
                if loss == "request":
                    break
                self.asked += "POST /run_sse" in line
                if loss == "error":
                    event = b'data: {"type":"error","code":"9999","message":"it broke"}\n\n'
                    writer.write(STREAM + event)
                    await writer.drain()
                    break
                self.seen.append(line)
                answer = await self._answer(re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head), body)
                if loss == "words":
                    answer = STREAM + b"data:\n\n"
                if self.asked and self.charge and "GET /api/credits" in line:
                    answer = answer.replace(b"1000000", b" %d" % (1_000_000 - self.charge))
                if loss != "answer":
                    writer.write(answer)
                    await writer.drain()
                break
        writer.close()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        host, port = self.service.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = re.sub(rb"(?i)\r\nhost: [^\r]*", f"\r\nHost: {host}:{port}".encode(), head)
        writer.write(head[:-2] + b"Connection: close\r\n\r\n" + body)
        answer = await reader.read(-1)
        writer.close()
        return answer


@pytest.fixture
def proxy(service: Service) -> Proxy:
    return Proxy(service)


RULES = """\
version: 1
state: {state}
api: {{url: "{url}", token: "{token}"}}
timing: {{poll: 20ms, confirm: 5ms, recheck: [20ms, 50ms, 100ms], stream_limit: {stream_limit}}}
rules:
  - name: rule
    watch: {inbox}
    instructions: {instructions}
    output: {output}
    match: {match}
    output_name: "{name}"
    on_conflict: {conflict}
    settle: 100ms
    retry: {{attempts: 3, first: 50ms, longest: 100ms}}
"""


@dataclass
class Desk:
    """A daemon's folders and its app, with everything that it told."""

    inbox: Path
    output: Path
    app: App
    told: list[Happening]


@pytest.fixture
def desk(tmp_path: Path, proxy: Proxy) -> Callable[..., object]:
    """`async with desk(...) as d`: a daemon's parts at work against the proxy."""

    @asynccontextmanager
    async def work(
        instructions: str = '["trim to 1 s"]',
        stream_limit: str = "10s",
        output: str = "out",
        match: str = "video",
        name: str = "{stem}-{rule}",
        conflict: str = "rename",
    ) -> AsyncIterator[Desk]:
        inbox, target = tmp_path / "in", tmp_path / output
        inbox.mkdir(exist_ok=True)
        server = await asyncio.start_server(proxy.pass_on, "127.0.0.1", proxy.port, limit=1 << 26)
        proxy.port = server.sockets[0].getsockname()[1]  # kept: another address is another account
        proxy.url = f"http://127.0.0.1:{proxy.port}"
        text = RULES.format(
            state=tmp_path / "state",
            match=match,
            name=name,
            conflict=conflict,
            url=proxy.url,
            token=proxy.service.token,
            inbox=inbox,
            output=target,
            instructions=instructions,
            stream_limit=stream_limit,
        )
        told: list[Happening] = []
        app = App(parse(text, tmp_path / "rules.yaml", {}), [told.append], {})
        try:
            async with app.working():
                yield Desk(inbox, target, app, told)
        finally:
            app.close()
            server.close()

    return work
