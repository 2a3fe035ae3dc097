"""Nothing of the HTTP libraries leaves daemon/nemo: not in imports, values or errors.

Raw servers that break off, talk nonsense or lie are asked by every public method that makes a request; what
comes out is a value, or an error of ours.
"""

from __future__ import annotations

import ast
import asyncio
import re
import socket
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import xxhash

from daemon import errors
from daemon.nemo.account import TokenAccount
from daemon.nemo.client import Attribution, Client, StreamLimits, ask_anonymous_token
from daemon.nemo.transport import Reply, Transport

DAEMON = Path(errors.__file__).parent
LIBRARIES = {"httpx", "httpcore", "h11", "h2", "anyio"}
FOREIGN = re.compile(rf"^({'|'.join(sorted(LIBRARIES))})\.\w", re.MULTILINE)
TOKEN = "nmv_usr_5ecretOfTheAccount"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def test_only_what_moves_bytes_knows_the_http_libraries() -> None:
    knowing = {
        path.relative_to(DAEMON).as_posix()
        for path in DAEMON.rglob("*.py")
        if LIBRARIES & {name.partition(".")[0] for name in imported(path)}
    }
    assert "nemo/transport.py" in knowing
    assert knowing <= {"nemo/transport.py", "nemo/line.py"}


async def whole(reader: asyncio.StreamReader) -> None:
    """Reads a request to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(length[1]) if length else 0)


Tell = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def says(told: bytes) -> Tell:
    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole(reader)
        writer.write(told)
        await writer.drain()

    return tell


def ok(body: bytes, *more: bytes) -> bytes:
    """A whole answer in JSON, unless its headers say another thing."""
    lines = [b"HTTP/1.1 200 OK", *more, b"connection: close"]
    named = {line.partition(b":")[0].lower() for line in more}
    if b"content-type" not in named:
        lines.append(b"content-type: application/json")
    if not named & {b"content-length", b"transfer-encoding"}:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    return ok(body, b"transfer-encoding: chunked")


def moved(to: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nlocation: %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % to


def streamed(body: bytes) -> bytes:
    return ok(body, b"content-type: text/event-stream")


def reset(writer: asyncio.StreamWriter) -> None:
    held = writer.get_extra_info("socket")
    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset(writer)


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def speak_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


async def refuse_unread(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(ok(b"{}").replace(b"200 OK", b"413 Too Large"))
    await writer.drain()


def resets_after(told: bytes) -> Tell:
    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole(reader)
        writer.write(told)
        await writer.drain()
        reset(writer)

    return tell


SERVERS: Mapping[str, Tell] = {
    "resets at once": reset_at_once,
    "closes at once": close_at_once,
    "speaks first": speak_first,
    "refuses what it has not read": refuse_unread,
    "closes after the request": says(b""),
    **{
        f"resets {where}": resets_after(told)
        for where, told in {
            "after the request": b"",
            "in the status line": b"HTTP/1.1 20",
            "in a header": b"HTTP/1.1 200 OK\r\ncontent-le",
            "in the body": ok(b"{}  ")[:-3],
            "in a chunk": chunked(b"8\r\n{}"),
            "after the answer": ok(b"{}"),
        }.items()
    },
    **{
        f"closes {where}": says(told)
        for where, told in {
            "in the status line": b"HTTP/1.1 20",
            "in a header": b"HTTP/1.1 200 OK\r\ncontent-le",
            "in the body": ok(b"{}  ")[:-3],
            "in a chunk": chunked(b"8\r\n{}"),
            "between chunks": chunked(b"2\r\n{}\r\n"),
            "in a trailer": chunked(b"2\r\n{}\r\n0\r\nx: y"),
            "in an event": streamed(b'data: {"type":')[:-3],
        }.items()
    },
    **{
        f"begins with {line[:20]!r}": says(line + b"\r\ncontent-length: 2\r\n\r\n{}")
        for line in (
            b"SSH-2.0-OpenSSH_9.2",
            b"\x16\x03\x01\x00\xff\xfe",
            b"HTTP/9.9 200 OK",
            b"HTTP/1.1 abc OK",
            b"HTTP/1.1 20",
            b"HTTP/1.1 99999 No",
            b"HTTP/1.1 000 No",
            b"HTTP/1.1 100 Continue",
            b"HTTP/1.1 101 Switching Protocols",
            b"HTTP/1.1 204 No Content",
            b"HTTP/1.1 304 Not Modified",
            b"HTTP/1.1 200 \xff\xfe\x00",
            b"HTTP/1.1 200",
            b"PRI * HTTP/2.0",
            b" " * 200_000,
            b"A" * 200_000,
            b"",
        )
    },
    "sends interim answers without end": says(b"HTTP/1.1 100 Continue\r\n\r\n" * 300),
    **{
        f"has a header {line[:50]!r}": says(ok(b"{}", line))
        for line in (
            b"no colon",
            b": no name",
            b"na me: x",
            b"x: \x00",
            b"x: \xff\xfe\xf0",
            b"x: y\r\n folded",
            b"x: y\rz: w",
            b"x: " + b"y" * 200_000,
            b"content-type: text/html; charset=no-such",
            b"content-type: \xff/\xfe",
            b"content-length: abc",
            b"content-length: -1",
            b"content-length: 2\r\ncontent-length: 7",
            b"content-length: 99999999999999999999999",
            b"content-length: 2\r\ntransfer-encoding: chunked",
            b"transfer-encoding: bogus",
            b"transfer-encoding: gzip, chunked",
            b"content-encoding: gzip",
            b"content-encoding: deflate",
            b"content-encoding: br",
            b"content-encoding: zstd",
            b"content-encoding: no-such",
            b"content-range: bytes x-y/z",
            b"retry-after: \xff",
            b"set-cookie: \xff=;;;=",
            b"date: no\r\nlast-modified: no\r\netag: no",
            b"link: <",
        )
    },
    **{
        f"chunks as {body[:20]!r}": says(chunked(body))
        for body in (
            b"zz\r\n{}\r\n0\r\n\r\n",
            b"-2\r\n{}\r\n0\r\n\r\n",
            b"2{}\r\n",
            b"2\r\n{}xx0\r\n\r\n",
            b"f" * 30 + b"\r\n{}",
            b"2;" + b"x" * 200_000 + b"\r\n{}\r\n0\r\n\r\n",
            b"0\r\nno trailer\r\n\r\n",
        )
    },
    **{
        f"leads to {to[:30]!r}": says(moved(to))
        for to in (
            b"/again",
            b"//127.0.0.1:9/",
            b"http://127.0.0.1:9/",
            b"ftp://127.0.0.1/",
            b"file:///etc/passwd",
            b"http://[::1",
            b"http://127.0.0.1:99999/",
            b"http://127.0.0.1:port/",
            b"http://a b/",
            b"http://a..b/",
            b"http://" + b"a" * 100 + b"/",
            b"http://\xff\xfe/",
            b"http://xn--/",
            b"http:///",
            b"?" + b"a" * 200_000,
            b"",
        )
    },
    **{
        f"answers {body[:50]!r}": says(ok(body))
        for body in (
            b"",
            b"[]",
            b"null",
            b'"\\ud83d"',
            b"[" * 100_000,
            b'{"data":' * 100_000,
            b'{"data": {"state": {"draft": ' + b"[" * 990 + b"]" * 990 + b"}}}",
            b'{"data": {"state": {"draft": {"m": "\\ud83d"}, "video_infos": [1, {"filename": "\\udc00"}]}}}',
            b'{"data": {"session_id": "\\ud83d", "task_id": {}, "token": [], "claim_token": 7}}',
            b'{"data": {"available": 1e999, "frozen": NaN, "total": "x"}}',
            b'{"data": {"available": ' + b"9" * 4000 + b'}, "status": "x"}',
            b'{"data": {"token": "t", "expires_at": ' + b"9" * 400 + b"}}",
            b'{"data": {"token": "t", "expires_at": "0001-01-01T00:00:00+14:00"}}',
            b'{"data": {"claim_token": "t", "expires_in": ' + b"9" * 400 + b"}}",
            b'{"data": {"status": "x", "progress": ' + b"9" * 400 + b', "output": [], "outputUrl": {}}}',
            b'{"data": {"files": [null, {"filename": [], "hash": {}}]}}',
            b'{"code": ' + b"9" * 5000 + b"}",
            b'{"code": 1e999, "message": {"a": []}, "detail": [[[[[[[[]]]]]]]]}',
            b"\xff\xfe{\x00}\x00",
            b"\x00" * 10_000,
        )
    },
}

STREAMS: Mapping[str, Tell] = {
    f"streams {body[:50]!r}": says(streamed(body))
    for body in (
        b"",
        b"data\n\n",
        b"data: \xff\xfe\n\n",
        b"data: " + b"x" * 3_000_000,
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'data: {"content":' * 50_000 + b"\n\n",
        b'data: {"type": {"a": []}, "content": {"parts": [null, {"text": 7}]}}\n\n',
        b'data: {"type": "text", "content": ' + b"9" * 5000 + b"}\n\n",
        b'data: {"content": {"parts": [{"functionCall": {"name": {}}}]}, "partial": []}\n\n',
        b'data: {"type": "error", "code": {}, "message": []}\n\n',
        b"\xef\xbb\xbf:\r\r\n\x00\n\n",
    )
}

ADDRESSES = (
    "",
    "nonsense",
    "http:",
    "http://",
    "http:///path",
    "http://[::1",
    "http://[::g]/",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:port",
    "http://127.0.0.1:-1",
    "http://127.0.0.1:0",
    "http://127.0.0.1:9",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "//127.0.0.1:9",
    "http://a b",
    "http://a\x00b",
    "http://a\nb",
    "http://a..b",
    "http://.",
    "http://-",
    "http://xn--",
    "http://xn--\xff",
    "http://" + "a" * 64 + ".invalid",
    "http://" + "a." * 200 + "invalid",
    "http://user:pa@ss@127.0.0.1:9",
    "http://\u200b.invalid",
    "http://\udcff.invalid",
    "http://127.0.0.1:9/\udcff",
    "http://127.0.0.1:9/" + "a" * 100_000,
    "http://127.0.0.1:9/?\r\nx: y",
)

OURS = Attribution("reeldrop", "1")
LIMITS = StreamLimits(30.0, 60.0)
DRAFT = {"t": [{"tt": 0, "sg": [{"d": 1}]}]}


class Asked:
    """Every public method that makes a request, at one address."""

    def __init__(self, transport: Transport, folder: Path, token: str = TOKEN) -> None:
        self._transport = transport
        self._target = folder / "got"
        self._clip = folder / "clip.mp4"
        self._clip.write_bytes(b"a clip" * 50_000)
        self._content = xxhash.xxh3_128_hexdigest(self._clip.read_bytes())
        self._headers = {"Authorization": f"Bearer {token}"}
        self._token = token

    def by_name(self, url: str) -> dict[str, Callable[[], Awaitable[object]]]:
        def client() -> Client:
            return Client(self._transport, TokenAccount(url, lambda: self._token), OURS)

        sent, headers, clip = self._transport, self._headers, self._clip
        here = url if "://" not in url else f"{url}/file"
        links = [f"{url}/clip.mp4".encode(errors="replace").decode()]
        return {
            "transport.ask": lambda: sent.ask("ask", "GET", url, headers),
            "transport.stream": lambda: self._stream(url),
            "transport.upload": lambda: sent.upload("send", url, headers, clip, self._content, nothing),
            "transport.download": lambda: sent.download("fetch", url, headers, self._target, nothing),
            "client.create_session": lambda: client().create_session("en"),
            "client.claim_token": lambda: client().claim_token("1", "7"),
            "client.upload": lambda: client().upload("7", clip, self._content, nothing),
            "client.upload_links": lambda: client().upload_links("7", "a.url", links),
            "client.look": lambda: client().look("7"),
            "client.balance": lambda: client().balance(),
            "client.run": lambda: client().run("7", "trim it", LIMITS, nothing),
            "client.submit_render": lambda: client().submit_render("r", "7", DRAFT, "mp4", "high"),
            "client.render": lambda: client().render("r"),
            "client.download": lambda: client().download("r", None, self._target, nothing),
            "client.download, by its URL": lambda: client().download("r", here, self._target, nothing),
            "ask_anonymous_token": lambda: ask_anonymous_token(url, "an-id", attribution=OURS),
        }

    async def _stream(self, url: str) -> Reply:
        async with self._transport.stream("listen", url, self._headers, b"{}", 30.0) as (reply, pieces):
            if reply.status < 400 and reply.headers.get("content-type") == "text/event-stream":
                async for _ in pieces:
                    pass
        return reply


def nothing(_: object) -> None:
    """Hears of progress."""


async def leak(ask: Callable[[], Awaitable[object]]) -> str | None:
    """What of other libraries came out of it, as a value or an error; None for what is ours."""
    try:
        got = await ask()
    except errors.ReeldropError as error:
        told = "".join(traceback.format_exception(error))
        if TOKEN in told:
            return "the token in a traceback"
        return "an error in a traceback" if FOREIGN.search(told) else None
    except Exception as error:
        return f"{type(error).__module__}.{type(error).__name__}: {str(error)[:100]}"
    parts = [got, *(vars(got).values() if hasattr(got, "__dict__") else ())]
    parts += [getattr(got, name) for name in getattr(got, "__slots__", ())]
    foreign = {type(one).__module__.partition(".")[0] for one in parts} & LIBRARIES
    return f"a value of {foreign.pop()}" if foreign else None


@asynccontextmanager
async def server(tell: Tell) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):  # a client that has heard enough
            await tell(reader, writer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


@asynccontextmanager
async def asked(folder: Path, token: str = TOKEN) -> AsyncIterator[Asked]:
    transport = Transport()
    try:
        yield Asked(transport, folder, token)
    finally:
        await transport.close()


async def leaks(asking: Asked, url: str, only: str = "") -> dict[str, str]:
    asks = ((name, ask) for name, ask in asking.by_name(url).items() if re.search(only, name))
    return {name: found for name, ask in asks if (found := await leak(ask)) is not None}


async def leaks_at(servers: Mapping[str, Tell], folder: Path, only: str = "") -> dict[str, dict[str, str]]:
    found = {}
    async with asked(folder) as asking:
        for name, tell in servers.items():
            async with server(tell) as url:
                found[name] = await leaks(asking, url, only)
    return {name: one for name, one in found.items() if one}


def test_a_server_that_breaks_off_or_talks_nonsense_is_an_error_of_ours(tmp_path: Path) -> None:
    assert asyncio.run(leaks_at(SERVERS, tmp_path)) == {}


def test_a_stream_of_nonsense_is_an_answer_or_an_error_of_ours(tmp_path: Path) -> None:
    assert asyncio.run(leaks_at(STREAMS, tmp_path, only="stream|run")) == {}


def test_an_address_that_cannot_be_asked_is_an_error_of_ours(tmp_path: Path) -> None:
    async def go() -> dict[str, dict[str, str]]:
        async with asked(tmp_path) as asking:
            return {url: await leaks(asking, url) for url in ADDRESSES}

    assert not {url: one for url, one in asyncio.run(go()).items() if one}


def test_tls_with_a_server_that_speaks_none_is_an_error_of_ours(tmp_path: Path) -> None:
    async def go() -> dict[str, str]:
        async with server(speak_first) as url, asked(tmp_path) as asking:
            return await leaks(asking, url.replace("http:", "https:"))

    assert asyncio.run(go()) == {}


@pytest.mark.parametrize("token", ["nmv_usr_with\nline", "nmv_usr_mit–Strich", "nmv_usr_\x00zero", ""])
def test_a_token_that_no_header_can_carry_is_an_error_of_ours(token: str, tmp_path: Path) -> None:
    async def go() -> dict[str, str]:
        async with server(says(ok(b"{}"))) as url, asked(tmp_path, token) as asking:
            return await leaks(asking, url)

    assert asyncio.run(go()) == {}
