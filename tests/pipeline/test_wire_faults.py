"""Whole jobs over a line that fails in the middle of a byte stream; the studio's own ledger is the judge."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs import record
from daemon.jobs.model import Job
from daemon.jobs.states import State

MakeClip = Callable[[str], Path]

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Fault = Callable[["Line", bytes, Streams, Streams], Awaitable[None]]


@dataclass
class Line:
    """A TCP proxy in front of a studio. The next connections whose request names `call` meet its faults in turn."""

    target: str
    port: int = 0
    latency: float = 0.0
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    met: Counter[str] = field(default_factory=Counter)
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """From now on nobody listens at its port."""
        assert self._server is not None
        self._server.close()

    async def close(self) -> None:
        self.refuse()
        for one in self._serving:
            one.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self.target.removeprefix("http://").split(":")
        mine = asyncio.current_task()
        assert mine is not None
        self._serving.add(mine)
        mine.add_done_callback(self._serving.discard)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(self.latency)
            there = await asyncio.open_connection(host, int(port))
            # One request a connection, so that a fault meets the call that it is meant for.
            head = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head)[:-2] + b"Connection: close\r\n\r\n"
            line = head.split(b"\r\n")[0].decode()
            call = next((name for name, left in self.faults.items() if name in line and left), None)
            there[1].write(head)
            try:
                if call is None:
                    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer, end=True))
                else:
                    self.met[call] += 1
                    await self.faults[call].pop(0)(self, head, (reader, writer), there)
            finally:
                there[1].close()
        writer.close()


async def pump(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, most: int | None = None, end: bool = False
) -> None:
    """Passes bytes on, `most` of them; closes the target at the source's end where `end` says so."""
    passed = 0
    with suppress(ConnectionError):
        while most is None or passed < most:
            block = await source.read(1 << 16 if most is None else min(1 << 16, most - passed))
            if not block:
                break
            passed += len(block)
            target.write(block)
            await target.drain()
        if end:
            target.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST, as a machine does that has forgotten the connection."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def length_in(head: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    assert found is not None
    return int(found[1])


async def cut_upload(line: Line, head: bytes, client: Streams, there: Streams) -> None:
    """60 % of the request's body reach the server, then both ends are reset."""
    await pump(client[0], there[1], most=length_in(head) * 6 // 10)
    reset(there[1])
    reset(client[1])


async def stall_stream(line: Line, head: bytes, client: Streams, there: Streams) -> None:
    """Three events of the answer come, then nothing any more, though the connection stays open."""
    asked = asyncio.ensure_future(pump(client[0], there[1]))
    answer = await there[0].readuntil(b"\r\n\r\n")
    for _ in range(3):
        answer += await there[0].readuntil(b"\n\n")
    client[1].write(answer)
    await client[1].drain()
    await asked  # until the client hangs up


async def reset_download(line: Line, head: bytes, client: Streams, there: Streams) -> None:
    """Half of the file comes, then the client's end is reset."""
    answer = await there[0].readuntil(b"\r\n\r\n")
    client[1].write(answer)
    await pump(there[0], client[1], most=length_in(answer) // 2)
    reset(client[1])


LineDesk = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture
def line_desk(service: Any, open_desk: Any) -> LineDesk:
    """A desk whose daemon reaches the studio over a line."""

    @asynccontextmanager
    async def work(line: Line, instruction: str = "trim to 1 s") -> AsyncIterator[Any]:
        await line.open()
        try:
            async with open_desk(line.url, service.token, [instruction]) as desk:
                yield desk
        finally:
            await line.close()

    return work


def counted(service: Any, job: Job) -> Counter[str]:
    """What the server wrote down of the job's session, by kind of line."""
    lines = (service.folder / "ledger.jsonl").read_text().splitlines()
    return Counter(one["what"] for one in map(json.loads, lines) if one.get("session") == job.session_id)


def delivered(desk: Any, job: Job) -> None:
    assert job.state is State.SUCCEEDED, job.reason
    assert sorted(path.suffix for path in desk.output.iterdir()) == [".json", ".log", ".mp4"]
    assert job.attempt == 1


def test_an_upload_that_was_cut_is_sent_again_and_edited_once(
    service: Any, make_clip: MakeClip, line_desk: LineDesk
) -> None:
    line = Line(service.url, faults={"POST /api/upload-video": [cut_upload, cut_upload]})

    async def go() -> None:
        async with line_desk(line) as desk:
            job = await desk.ended(await desk.drop(make_clip("cut.mp4")))
            delivered(desk, job)
            assert line.met.total() == 2
            assert counted(service, job) >= Counter(upload=1, message=1, render=1)
            assert counted(service, job)["message"] == 1

    asyncio.run(go())


def test_a_stream_that_falls_silent_is_looked_into_and_not_sent_again(
    service: Any, make_clip: MakeClip, line_desk: LineDesk
) -> None:
    line = Line(service.url, faults={"POST /run_sse": [stall_stream]})
    wish = "trim to 1 s and add a title 'Hello' and add calm music"

    async def go() -> None:
        async with line_desk(line, wish) as desk:
            job = await desk.ended(await desk.drop(make_clip("stall.mp4")))
            delivered(desk, job)
            assert line.met.total() == 1
            assert counted(service, job)["message"] == 1
            assert "carried out though its answer was lost" in (desk.output / "stall-rule.log").read_text()

    asyncio.run(go())


def test_a_download_that_was_reset_goes_on_and_is_whole(
    service: Any, make_clip: MakeClip, line_desk: LineDesk
) -> None:
    line = Line(service.url, faults={"GET /files/": [reset_download, reset_download]})

    async def go() -> None:
        async with line_desk(line) as desk:
            job = await desk.ended(await desk.drop(make_clip("half.mp4")))
            delivered(desk, job)
            assert line.met.total() == 2
            assert counted(service, job)["render"] == 1
            kept = json.loads((desk.output / "half-rule.json").read_text())["result"]
            assert kept["size"] == job.outputs[0].stat().st_size

    asyncio.run(go())


def test_a_server_that_refuses_connections_holds_up_all_jobs_and_costs_none_an_attempt(
    service: Any, make_clip: MakeClip, line_desk: LineDesk
) -> None:
    line = Line(service.url)

    async def go() -> None:
        async with line_desk(line) as desk:
            line.refuse()
            jobs = [await desk.drop(make_clip(name)) for name in ("r1.mp4", "r2.mp4", "r3.mp4")]
            await desk.told_of(jobs[0], State.WAITING)
            waiting = desk.app.job(jobs[0].id)
            assert waiting.reason_code == "gate"
            await line.open()
            for job in [await desk.ended(job) for job in jobs]:
                assert (job.state, job.attempt) == (State.SUCCEEDED, 1), job.reason
                assert counted(service, job)["message"] == 1

    asyncio.run(go())


@pytest.mark.heavy
def test_a_line_of_four_seconds_latency_delivers(
    service: Any, make_clip: MakeClip, line_desk: LineDesk
) -> None:
    line = Line(service.url, latency=4.0)

    async def go() -> None:
        async with line_desk(line) as desk:
            job = await desk.ended(await desk.drop(make_clip("slow.mp4")))
            delivered(desk, job)
            assert counted(service, job)["message"] == 1

    asyncio.run(go())


def test_faults_at_every_call_of_many_jobs_send_no_edit_twice(
    service: Any, make_clip: MakeClip, line_desk: LineDesk
) -> None:
    line = Line(
        service.url,
        faults={
            "POST /api/upload-video": [cut_upload] * 3,
            "POST /run_sse": [stall_stream] * 3,
            "GET /files/": [reset_download] * 3,
        },
    )
    wish = "trim to 1 s and add a title 'Hello' and add calm music"

    async def go() -> None:
        async with line_desk(line, wish) as desk:
            dropped = [await desk.drop(make_clip(f"many-{number}.mp4")) for number in range(6)]
            jobs = [await desk.ended(job) for job in dropped]
            assert {job.state for job in jobs} == {State.SUCCEEDED}, [job.reason for job in jobs]
            assert [counted(service, job)["message"] for job in jobs] == [1] * 6
            assert [counted(service, job)["render"] for job in jobs] == [1] * 6
            steps = [desk.app.store.read(lambda c, job=job: record.steps_of(c, job.id)) for job in jobs]
            assert all(len([step for step in some if step.step == "edit"]) == 1 for some in steps)

    asyncio.run(go())
