"""A real studio over HTTP, a proxy that loses what it is told to lose, and a daemon between them."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import imageio_ffmpeg
import pytest

from daemon.app import App
from daemon.config.loading import parse
from daemon.jobs import record
from daemon.jobs.model import Job, Step
from daemon.jobs.states import State
from daemon.pipeline.arrivals import Arrival
from daemon.pipeline.hooks import Happening, JobChanged, StepBegun
from daemon.rules.match import RuleBook
from daemon.watching import Daemon

Loss = Literal["none", "request", "answer", "words", "error"]
MakeClip = Callable[[str], Path]


@dataclass(frozen=True)
class Service:
    """A studio that runs alone, as the paid editor would."""

    url: str
    token: str
    folder: Path


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    command = [sys.executable, "-m", "daemon", "studio", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        url, token = re.findall(r"NEMO_API_URL=(\S+) NEMO_TOKEN=(\S+)", said)[0]
        yield Service(url, token, folder)
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


FINISH_LIMIT = 120.0

FAULTY_RULES = """\
state: {state}
api: {{url: "{url}", {token}}}
limits: {{jobs: {jobs}{limits}}}
timing: {{poll: 20ms, confirm: 5ms, recheck: [20ms, 50ms, 100ms], quiet_limit: 2s, stream_limit: {stream_limit}}}
rules:
  - name: rule
    watch: {inbox}
    instructions: {instructions}
    answer: "{answer}"
    output: {output}
    retry: {{attempts: 3, first: 50ms, longest: 100ms}}
"""


@dataclass
class Workplace:
    app: App
    inbox: Path
    output: Path
    told: list[Happening]

    async def drop(self, clip: Path) -> Job:
        path = self.inbox / clip.name
        shutil.copy(clip, path)
        found = path.stat()
        match = RuleBook(self.app.config.rules).match(path)
        assert match is not None
        stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        job = await self.app.intake.take(Arrival(match, path, stat))
        assert job is not None
        return job

    async def ended(self, job: Job) -> Job:
        return await asyncio.wait_for(self.app.finished(job), FINISH_LIMIT)

    async def told_of(self, job: Job, state: State) -> None:
        """Returns once the job has been in this state."""
        await self._told(
            lambda happening: (
                isinstance(happening, JobChanged)
                and (happening.job.id, happening.job.state) == (job.id, state)
            )
        )

    async def step_begun(self, job: Job, step: Step) -> None:
        """Returns once the job has begun this step."""
        await self._told(
            lambda happening: (
                isinstance(happening, StepBegun) and (happening.job.id, happening.step) == (job.id, step)
            )
        )

    async def _told(self, awaited: Callable[[Happening], bool]) -> None:
        seen = asyncio.Event()

        def look(happening: Happening) -> None:
            if awaited(happening):
                seen.set()

        forget = self.app.listen(look)
        for happening in self.told:
            look(happening)
        await asyncio.wait_for(seen.wait(), FINISH_LIMIT)
        forget()


@pytest.fixture
def open_desk(tmp_path: Path) -> Callable[..., object]:
    """`async with open_desk(url, token, instructions) as d`: a daemon's parts at work against that address."""

    @asynccontextmanager
    async def work(
        url: str,
        token: str,
        instructions: list[str],
        *,
        answer: str = "you decide",
        jobs: int = 4,
        limits: str = "",
        private: bool = False,
        stream_limit: str = "5s",
    ) -> AsyncIterator[Workplace]:
        inbox, output = tmp_path / "in", tmp_path / "out"
        inbox.mkdir(exist_ok=True)
        text = FAULTY_RULES.format(
            state=tmp_path / "state",
            url=url,
            token=", ".join([f"private_urls: {private}", *([f'token: "{token}"'] if token else [])]),
            inbox=inbox,
            output=output,
            instructions=json.dumps(instructions),
            answer=answer,
            jobs=jobs,
            limits=limits and f", {limits}",
            stream_limit=stream_limit,
        )
        told: list[Happening] = []
        app = App(parse(text, tmp_path / "rules.yaml", {}), [told.append], {"NEMO_CLIENT_ID": "test-client"})
        try:
            async with app.working():
                yield Workplace(app, inbox, output, told)
        finally:
            app.close()

    return work


@pytest.fixture
def studio(tmp_path: Path) -> Callable[[str], AbstractContextManager[Service]]:
    """`with studio(faults) as service`: a studio of its own whose faults file can be written again."""

    @contextmanager
    def run(faults: str, *more: str) -> Iterator[Service]:
        folder = tmp_path / "studio"
        (tmp_path / "faults.yaml").write_text(faults)
        command = [
            *(sys.executable, "-m", "daemon", "studio", "--folder", str(folder)),
            *("--faults", str(tmp_path / "faults.yaml"), *more),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = process.stdout.readline() + process.stdout.readline()
            url, token = re.findall(r"NEMO_API_URL=(\S+) NEMO_TOKEN=(\S+)", said)[0]
            try:
                yield Service(url, token, folder)
            finally:
                process.terminate()

    return run


@dataclass
class Life:
    """A whole daemon at work, with its watcher; `told`: everything that it told."""

    app: App
    daemon: Daemon
    told: list[Happening]

    async def rest(self, *inboxes: Path) -> None:
        """Returns once all that happened in these watch folders was heard of, and everything has come to rest.

        What the system tells of a folder comes in order and late: a file of noise, written last, comes last.
        """
        for inbox in inboxes:
            noise = inbox / "noise.mp4"
            noise.unlink(missing_ok=True)
            heard = asyncio.Event()

            def look(happening: Happening, noise: Path = noise, heard: asyncio.Event = heard) -> None:
                if isinstance(happening, JobChanged) and happening.job.source.path == noise:
                    heard.set()

            forget = self.app.listen(look)
            noise.write_bytes(b"noise of %d" % time.monotonic_ns())
            await asyncio.wait_for(heard.wait(), FINISH_LIMIT)
            forget()
        await self.daemon._rescan()
        await asyncio.wait_for(self.daemon._all_done(), FINISH_LIMIT)

    def jobs(self) -> list[Job]:
        """All jobs but those of noise, newest first."""
        jobs = self.app.store.read(record.list_jobs)
        return [job for job in jobs if job.source.path.name != "noise.mp4"]


@pytest.fixture(scope="session")
def live() -> Callable[..., object]:
    """`async with live(folder, rules) as life`: a daemon over the folder in which these rules lie."""

    @asynccontextmanager
    async def run(folder: Path, rules: str) -> AsyncIterator[Life]:
        told: list[Happening] = []
        environ = {"NEMO_CLIENT_ID": "test-client"}
        app = App(parse(rules, folder / "rules.yaml", environ), [told.append], environ)
        daemon, stop, ready = Daemon(app), asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(daemon.run(stop, ready.set))
        started = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait((running, started), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                yield Life(app, daemon, told)
        finally:
            started.cancel()
            stop.set()
            await running
            app.close()

    return run


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """The watch folder `in`."""
    (tmp_path / "in").mkdir()
    return tmp_path / "in"
