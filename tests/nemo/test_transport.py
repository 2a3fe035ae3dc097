"""Bytes over HTTP against raw servers: what is sent, what comes, what it is called when it fails."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import xxhash

from daemon import errors
from daemon.nemo.account import TokenAccount
from daemon.nemo.client import Attribution, Client, StreamLimits
from daemon.nemo.transport import Downloaded, Reply, Transport

Answer = Callable[[bytes, bytes], bytes | None]


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """A raw server; at the end it waits for its connections, which end once their clients have hung up."""
    serving: list[asyncio.Task[None] | None] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    bound = await asyncio.start_server(one, "127.0.0.1", 0, limit=1 << 26)
    try:
        yield f"http://127.0.0.1:{bound.sockets[0].getsockname()[1]}"
    finally:
        bound.close()
        await asyncio.gather(*filter(None, serving))


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """Answers each request with what `answer(head, body)` gives; None closes without a word."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        writer.write(answer(head, body) or b"")

    async with listening(serve) as url:
        yield url


def ok(body: bytes, extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%sconnection: close\r\n\r\n%s" % (
        len(body),
        extra,
        body,
    )


@asynccontextmanager
async def transport() -> AsyncIterator[Transport]:
    made = Transport()
    try:
        yield made
    finally:
        await made.close()


def file_of(tmp_path: Path, name: str, data: bytes) -> tuple[Path, str]:
    path = tmp_path / name
    path.write_bytes(data)
    return path, xxhash.xxh3_128_hexdigest(data)


async def upload(sent: Transport, url: str, path: Path, content: str) -> Reply:
    return await sent.upload("upload", url, {}, path, content, lambda _: None)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_an_upload_is_one_multipart_field_with_the_very_bytes(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path, content = file_of(tmp_path, 'my "clip" – 剪辑.mp4', data)
    seen: list[bytes] = []

    def keep(head: bytes, body: bytes) -> bytes:
        seen.append(body)
        return ok(b"{}")

    async def go() -> None:
        async with server(keep) as url, transport() as sent:
            assert (await upload(sent, url, path, content)).status == 200

    asyncio.run(go())
    head, _, rest = seen[0].partition(b"\r\n\r\n")
    assert b'name="files"; filename="my %22clip%22 \xe2\x80\x93 ' + "剪辑".encode() + b'.mp4"' in head
    assert rest.rpartition(b"\r\n--")[0] == data


def test_what_is_no_utf_8_in_a_text_or_a_file_name_is_sent_as_a_question_mark(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    path, content = file_of(tmp_path, f"{odd}.mp4", b"a clip")
    seen: list[bytes] = []

    def keep(head: bytes, body: bytes) -> bytes:
        seen.append(body)
        if b"/run_sse" in head:
            return ok(b"data:\n\n", b"content-type: text/event-stream\r\n")
        return ok(b'{"code": 0, "data": {"files": [{"filename": "caf?.mp4"}]}}')

    async def go() -> None:
        async with server(keep) as url, transport() as sent:
            client = Client(sent, TokenAccount(url, lambda: "nmv_usr_token"), Attribution("reeldrop", "1"))
            await client.upload("7", path, content, lambda _: None)
            await client.run("7", f"name it {odd}", StreamLimits(30.0, 60.0), lambda _: None)
            await client.submit_render("render_1", "7", {"title": "\ud83c cut"}, "mp4", "high")

    asyncio.run(go())
    uploaded, said, rendered = seen
    assert b'filename="caf?.mp4"' in uploaded
    assert json.loads(said)["new_message"]["parts"] == [{"text": "name it caf?"}]
    assert json.loads(rendered)["draft"] == {"title": "? cut"}


@asynccontextmanager
async def early(answer: bytes, *, reads: bool) -> AsyncIterator[str]:
    """Answers with the first bytes of a body; then reads on, or closes on what comes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read(1 << 16)
        writer.write(answer)
        await writer.drain()
        while reads and await reader.read(1 << 20):
            pass

    async with listening(serve) as url:
        yield url


@pytest.fixture
def large(tmp_path: Path) -> tuple[Path, str]:
    """More than sockets hold, without a block on the disk."""
    path = tmp_path / "large.mp4"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    return path, xxhash.xxh3_128_hexdigest(bytes(64 << 20))


@pytest.mark.parametrize("reads", [True, False])
def test_a_file_that_is_refused_while_it_is_sent_is_told_as_refused(
    large: tuple[Path, str], reads: bool
) -> None:
    told = b'{"code": 4002}'
    no = ok(told).replace(b"200 OK", b"413 Too Large")

    async def go() -> None:
        async with early(no, reads=reads) as url, transport() as sent:
            for _ in range(5):
                reply = await upload(sent, url, *large)
                assert (reply.status, reply.body) == (413, told)
                assert reply.headers["connection"] == "close"

    asyncio.run(go())


def test_a_yes_to_half_a_file_is_no_answer(large: tuple[Path, str]) -> None:
    async def go() -> None:
        async with early(ok(b"{}"), reads=False) as url, transport() as sent:
            with pytest.raises(errors.Unanswered, match="before it had the whole file"):
                await upload(sent, url, *large)

    asyncio.run(go())


def test_a_cancelled_upload_hangs_up_at_once(large: tuple[Path, str]) -> None:
    async def go() -> None:
        arrived, cancelled = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            arrived.set()
            await cancelled.wait()
            while await reader.read(1 << 20):
                pass

        async with asyncio.timeout(20), listening(serve) as url, transport() as sent:
            sending = asyncio.create_task(upload(sent, url, *large))
            await arrived.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            cancelled.set()

    asyncio.run(go())


def test_a_source_that_becomes_shorter_while_it_is_sent_is_noticed(large: tuple[Path, str]) -> None:
    path, content = large

    def shorten(done: float) -> None:
        os.truncate(path, 1 << 20)

    async def go() -> None:
        async with server(lambda head, body: ok(b"{}")) as url, transport() as sent:
            with pytest.raises(errors.SourceGone, match="became shorter"):
                await sent.upload("upload", url, {}, path, content, shorten)

    asyncio.run(go())


def test_a_source_that_is_another_by_now_is_noticed(tmp_path: Path) -> None:
    path, _ = file_of(tmp_path, "clip.mp4", b"other bytes than those that settled")

    async def go() -> None:
        async with server(lambda head, body: ok(b"{}")) as url, transport() as sent:
            with pytest.raises(errors.SourceGone, match="changed while it was uploaded"):
                await upload(sent, url, path, "0" * 32)
            path.unlink()
            with pytest.raises(errors.SourceGone, match="no longer there"):
                await upload(sent, url, path, "0" * 32)

    asyncio.run(go())


def test_no_connection_means_nothing_was_sent_and_a_broken_one_that_nobody_knows() -> None:
    async def go() -> None:
        async with transport() as sent:
            with pytest.raises(errors.Unreachable):
                await sent.ask("ask", "GET", "http://127.0.0.1:9/", {})
            with pytest.raises(errors.Unreachable):
                await sent.ask("ask", "GET", "nonsense", {})
            async with server(lambda head, body: None) as url:
                with pytest.raises(errors.Unanswered):
                    await sent.ask("ask", "GET", url, {})

    asyncio.run(go())


@pytest.mark.parametrize("length", [b"content-length: 1073741824\r\n", b""])
def test_an_answer_without_an_end_is_not_read_to_it(length: bytes) -> None:
    sent_out = []

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status = b"400 Bad" if b"/bad" in head else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\ncontent-type: application/json\r\n%s\r\n" % (status, length))
        for _ in range(1024):
            writer.write(b"[" * (1 << 20))
            await writer.drain()
            sent_out.append(1 << 20)

    async def go() -> None:
        async with listening(endless) as url, transport() as sent:
            with pytest.raises(errors.Unanswered, match="larger than 16 MiB"):
                await sent.ask("ask", "GET", url, {})
            with pytest.raises(errors.Unanswered, match="larger than 16 MiB"):
                async with sent.stream("send", url, {}, b"{}", 5.0):
                    pass
            # A no is a no, whatever else it says.
            assert (await sent.ask("ask", "GET", f"{url}/bad", {})).status == 400
            async with sent.stream("send", f"{url}/bad", {}, b"{}", 5.0) as (reply, _):
                assert reply.status == 400

    asyncio.run(asyncio.wait_for(go(), 60.0))
    assert sum(sent_out) < 4 * (64 << 20)


def test_an_answer_as_large_as_the_state_of_a_long_timeline_is_read_whole() -> None:
    body = b'{"data": "%s"}' % (b"x" * (15 << 20))

    async def go() -> None:
        async with server(lambda head, _: ok(body)) as url, transport() as sent:
            assert (await sent.ask("ask", "GET", url, {})).body == body

    asyncio.run(go())


def test_a_download_is_whole_or_an_error(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    short = ok(data).replace(b"content-length: %d" % len(data), b"content-length: %d" % (len(data) + 1))

    async def fetch(answer: bytes) -> Downloaded | Reply:
        async with server(lambda head, body: answer) as url, transport() as sent:
            return await sent.download("download", url, {}, tmp_path / "got", lambda _: None)

    got = asyncio.run(fetch(ok(data, b"content-type: video/mp4\r\n")))
    assert got == Downloaded(len(data), xxhash.xxh3_128_hexdigest(data), "video/mp4")
    assert (tmp_path / "got").read_bytes() == data
    with pytest.raises(errors.Unanswered):
        asyncio.run(fetch(short))
    refused = asyncio.run(
        fetch(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
    )
    assert isinstance(refused, Reply) and refused.status == 404


def test_an_output_folder_that_takes_no_file_is_a_delivery_error(tmp_path: Path) -> None:
    async def go() -> None:
        async with server(lambda head, body: ok(b"data")) as url, transport() as sent:
            with pytest.raises(errors.DeliveryError):
                await sent.download("download", url, {}, tmp_path / "gone" / "got", lambda _: None)

    asyncio.run(go())


def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def go() -> None:
        async with server(lambda head, body: ok(b"{}")) as url, transport() as sent:
            assert (await sent.ask("ask", "GET", url, {})).body == b"{}"

    asyncio.run(go())


_GROWTH = """
import asyncio, resource, sys
from pathlib import Path
from daemon.nemo.transport import Transport

SIZE = 300 << 20

async def serve(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    if head.startswith(b"POST"):
        length = int(next(line for line in head.lower().split(b"\\r\\n") if b"content-length" in line).split(b":")[1])
        while length > 0:
            length -= len(await reader.read(1 << 16))
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\n{}")
    else:
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\nconnection: close\\r\\n\\r\\n" % SIZE)
        for _ in range(SIZE >> 20):
            writer.write(bytes(1 << 20))
            await writer.drain()
    await writer.drain()
    writer.close()

async def main():
    folder = Path(sys.argv[1])
    with (folder / "big").open("wb") as file:
        file.truncate(SIZE)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    transport = Transport()
    await transport.ask("warm", "POST", url, {}, b"{}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        await transport.upload("upload", url, {}, folder / "big", "", lambda _: None)
    except Exception as error:
        assert "changed while it was uploaded" in str(error), error
    await transport.download("download", url, {}, folder / "got", lambda _: None)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_a_large_file_is_never_held_in_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _GROWTH, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 16 << 10, "kB of growth for 300 MiB up and 300 MiB down"
