"""Bytes over HTTP: the only place that knows httpx. Nothing of httpx's leaves it; errors become ours.

One transport for each worker slot: a pool shared by 16 jobs ran at 0.6 times the speed of one job alone.
Files go over a `Line` in a thread; small calls and streams are asynchronous.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache, partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import BinaryIO, Final, TypeVar
from uuid import uuid4

import httpx
import xxhash

from daemon import __version__
from daemon.errors import SourceError, SourceGone, Unanswered, Unreachable
from daemon.nemo.addresses import Allowed, origin
from daemon.nemo.download import Download, Downloaded, Partial
from daemon.nemo.line import Line, Reply, failure

__all__ = ["Began", "Downloaded", "Partial", "Progress", "Reply", "Transport", "unkept"]

Progress = Callable[[float], None]
Began = Callable[[Partial | None], Awaitable[None]]
T = TypeVar("T")

_READ: Final = 1 << 20
"""Upload reads: 1 MiB gave 1.0-1.2 times curl's speed, read, hashed and sent in one thread; 64 KiB gave 0.31."""
_PROCESSED: Final = 600.0
"""Seconds that the service may take over a file that it has whole, before it answers."""
_REPLY: Final = 1 << 20
_ANSWER: Final = 16 << 20
"""Bytes of an answer at the most: the state of a timeline of 50,000 segments, at 300 bytes each."""
_LARGEST: Final = 4_000_000_000
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
_KEPT: Final = httpx.Limits()
# A kept connection that the server closes as we send leaves a paid request unanswered for nothing.
_FRESH: Final = httpx.Limits(max_keepalive_connections=0)

_ANEW: Final = "It is taken anew once it has settled."
# HTTPS_PROXY and its like are honoured, but the embedded studio on loopback is nobody's to relay.
_DIRECT: Final[Mapping[str, None]] = {"all://127.0.0.1": None, "all://[::1]": None}


@cache
def _tls() -> ssl.SSLContext:
    """One for all connections: each of its own cost 20 ms."""
    return httpx.create_ssl_context()


async def unkept(partial: Partial | None) -> None:
    """For `began`, where nobody goes on with a partial file another day."""


class Transport:
    """The connections of one worker slot."""

    def __init__(self) -> None:
        self._kept = _client(_KEPT)
        self._fresh = _client(_FRESH)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="transfer")

    async def close(self) -> None:
        await self._kept.aclose()
        await self._fresh.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(
        self, operation: str, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Reply:
        """One request and its whole answer, 16 MiB at the most. Raises Unreachable or Unanswered."""
        request = _request(operation, self._kept, method, url, headers, content, _TIMEOUT)
        answer = await _sent(operation, self._kept, request)
        try:
            body = await _whole(operation, answer)
        except httpx.HTTPError as error:
            raise failure(operation, error) from None
        finally:
            await answer.aclose()
        return _reply(answer, body)

    @asynccontextmanager
    async def stream(
        self, operation: str, url: str, headers: Mapping[str, str], content: bytes, quiet: float
    ) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """A request over a connection of its own whose answer comes piece by piece; an error's comes whole.

        `quiet`: seconds without a byte after which the stream counts as lost.
        """
        timeout = httpx.Timeout(60.0, connect=10.0, read=quiet)
        request = _request(operation, self._fresh, "POST", url, headers, content, timeout)
        answer = await _sent(operation, self._fresh, request)
        try:
            streamed = answer.headers.get("content-type", "").startswith("text/event-stream")
            body = b"" if streamed and answer.status_code < 400 else await _whole(operation, answer)
            yield _reply(answer, body), answer.aiter_raw()
        except httpx.HTTPError as error:
            raise failure(operation, error) from None
        finally:
            await answer.aclose()

    async def upload(
        self,
        operation: str,
        url: str,
        headers: Mapping[str, str],
        source: Path,
        content: str,
        progress: Progress,
    ) -> Reply:
        """Sends a file as the multipart field `files`, never more than one read of it in memory.

        An answer that comes before the file was sent is the answer. `content` is what the file's xxh3-128 must
        be; raises SourceGone if it is another by now or the file is no longer there, SourceError if it cannot
        be read, Unreachable or Unanswered.
        """
        line = Line(operation, _tls)
        told = self._on_loop(line, progress)
        return await self._in_thread(line, partial(_send, line, url, headers, source, content, told))

    async def download(
        self,
        operation: str,
        url: str,
        headers: Mapping[str, str],
        target: Path,
        progress: Progress,
        *,
        allowed: Allowed | None = None,
        limit: int = _LARGEST,
        resume: Partial | None = None,
        began: Began = unkept,
    ) -> Downloaded | Reply:
        """Fetches a file to `target`, synced to the disk; a Reply where the API itself refused.

        `headers` go to the API's own origin alone; `allowed` says which that is and which addresses may be asked
        besides (None: the origin of `url`). More than `limit` bytes are refused.

        A broken download leaves its bytes at `target`. `began` is awaited before the first byte of a file is
        stored, with what to give as `resume` the next time (None: nothing, it will begin anew); what is stored
        then is what `target` holds. In one call it is taken up again as long as each try brings 64 KiB.

        Raises Unreachable, Unanswered (also for fewer bytes than announced, and for words instead of media),
        Refused (address, size, redirect, a foreign server's no) and DeliveryError (the disk).
        """
        line = Line(operation, _tls)
        told = self._on_loop(line, progress)
        fetch = Download(line, url, headers, target, allowed or Allowed(url), limit, told)
        try:
            while True:
                begun = await self._in_thread(line, partial(fetch.open, resume))
                if isinstance(begun, Reply):
                    return begun
                if begun.partial is None or begun.partial != resume:
                    await began(begun.partial)
                resume = begun.partial
                try:
                    return await self._in_thread(line, partial(fetch.save, begun))
                except Unanswered:
                    if resume is None or not fetch.worthwhile:
                        raise
        finally:
            fetch.close()

    async def _in_thread(self, line: Line, work: Callable[[], T]) -> T:
        """Runs `work` beside the loop. Cancelled, it cuts the line and waits a moment for the thread to end.

        A thread that went on would write into the file of the next try.
        """
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            line.cut()
            running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            await asyncio.wait({running}, timeout=1.0)
            raise

    def _on_loop(self, line: Line, progress: Progress) -> Progress:
        """`progress`, to be called in a thread."""
        loop = asyncio.get_running_loop()

        def told(done: float) -> None:
            if not line.stopped:
                loop.call_soon_threadsafe(progress, done)

        return told


def _request(
    operation: str,
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    timeout: httpx.Timeout,
) -> httpx.Request:
    """Raises Unreachable for an address or a header that cannot be sent."""
    try:
        origin(url)
        return client.build_request(method, url, headers=headers, content=content, timeout=timeout)
    except UnicodeEncodeError as error:
        # Its text would quote the header, which may hold the token.
        cause = f"the address or a header has letters that cannot be sent ({error.reason})"
        raise Unreachable(operation, cause, "Check `api.url` and the token.") from None
    except (httpx.InvalidURL, ValueError) as error:
        raise Unreachable(
            operation, f"not an address that can be asked ({error})", "Check `api.url`."
        ) from None


async def _sent(operation: str, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """The head of the answer."""
    try:
        return await client.send(request, stream=True)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        # UnicodeError: httpx reads where a redirect leads though it is not followed, and knows no host `xn--`.
        raise failure(operation, error) from None


async def _whole(operation: str, answer: httpx.Response) -> bytes:
    """An answer's body; of an error's the beginning is enough. Raises Unanswered where another is too large."""
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > _ANSWER:
            if answer.status_code < 400:
                cause = f"the answer is larger than {_ANSWER >> 20} MiB, and so none of the service's"
                raise Unanswered(operation, cause, "Check `api.url`.")
            break
    return bytes(body)


def _reply(answer: httpx.Response, body: bytes) -> Reply:
    return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)


def _client(limits: httpx.Limits) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        # What a server sets is not sent back: it would go to every account of the slot, and a letter in it that
        # no header can carry would break every later request.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        verify=_tls(),
        timeout=_TIMEOUT,
        limits=limits,
        mounts=_DIRECT,
        headers={"User-Agent": f"reeldrop/{__version__}"},
    )


def _send(
    line: Line, url: str, headers: Mapping[str, str], source: Path, content: str, progress: Progress
) -> Reply:
    operation = line.operation
    try:
        file = source.open("rb", buffering=0)
    except FileNotFoundError:
        raise SourceGone(operation, f"{source} is no longer there") from None
    except OSError as error:
        raise SourceError(operation, f"{source} cannot be read ({error.strerror})") from None
    with file:
        body = _Multipart(operation, file, source.name, progress)
        answer = line.ask("POST", url, {**headers, **body.headers}, body, silence=_PROCESSED)
        try:
            reply = answer.reply(_REPLY)
        finally:
            answer.close()
    if answer.is_success and body.whole is None:
        raise Unanswered(operation, "the service answered before it had the whole file")
    if answer.is_success and body.whole != content:
        raise SourceGone(operation, f"{source} changed while it was uploaded", _ANEW)
    return reply


class _Multipart:
    """A multipart body with one file, as it is sent: read, hashed, told."""

    def __init__(self, operation: str, file: BinaryIO, name: str, progress: Progress) -> None:
        boundary = uuid4().hex
        # Quotes and line breaks as browsers write them; what is no UTF-8 in a name has no letter to send.
        shown = name.encode("utf-8", "replace").decode().translate({34: "%22", 13: "%0D", 10: "%0A"})
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{shown}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._operation = operation
        self._file = file
        self._name = name
        self._size = file.seek(0, 2)
        self._progress = progress
        self.whole: str | None = None
        """The file's xxh3-128, once all of it was sent."""
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self._head) + self._size + len(self._tail)),
        }

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Raises SourceGone for a file that became shorter, SourceError for one that can no longer be read."""
        hasher = xxhash.xxh3_128()
        block = memoryview(bytearray(min(_READ, self._size) or 1))
        self._file.seek(0)
        yield self._head
        sent = 0
        while sent < self._size:
            read = self._read(block[: self._size - sent])
            hasher.update(block[:read])
            yield block[:read]
            sent += read
            self._progress(sent / self._size)
        yield self._tail
        self.whole = hasher.hexdigest()

    def _read(self, block: memoryview) -> int:
        try:
            read: int = self._file.readinto(block)  # type: ignore[attr-defined]
        except OSError as error:
            raise SourceError(self._operation, f"{self._name} cannot be read ({error.strerror})") from None
        if not read:
            raise SourceGone(self._operation, f"{self._name} became shorter while it was uploaded", _ANEW)
        return read
