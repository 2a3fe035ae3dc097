"""Bytes over HTTP: the only place that knows httpx. Nothing of httpx's leaves it; errors become ours.

One transport for each worker slot: a pool shared by 16 jobs ran at 0.6 times the speed of one job alone.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NoReturn
from uuid import uuid4

import httpx
import xxhash

from daemon.errors import ApiError, DeliveryError, SourceError, SourceGone, Unanswered, Unreachable

Progress = Callable[[float], None]

_READ: Final = 1 << 20
"""Upload reads: 1 MiB in a thread, one ahead, gave 0.8-1.4 times curl's speed; 64 KiB gave 0.31."""
_CHUNK: Final = 256 << 10
"""Download reads: the synchronous client in a thread gave 0.8-1.06 times curl's, the asynchronous 0.2-0.5."""
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
# A kept connection that the server closes as we send leaves a paid request unanswered for nothing.
_FRESH: Final = httpx.Limits(max_keepalive_connections=0)

_ANEW: Final = "It is taken anew once it has settled."
# HTTPS_PROXY and its like are honoured, but the embedded studio on loopback is nobody's to relay.
_DIRECT: Final[Mapping[str, None]] = {"all://127.0.0.1": None, "all://[::1]": None}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download brought: bytes, xxh3-128 of them, and the type the server named."""

    size: int
    hash: str
    content_type: str


class Transport:
    """The connections of one worker slot."""

    def __init__(self) -> None:
        self._kept = httpx.AsyncClient(timeout=_TIMEOUT, mounts=_DIRECT)
        self._fresh = httpx.AsyncClient(timeout=_TIMEOUT, limits=_FRESH, mounts=_DIRECT)
        self._files = httpx.Client(timeout=_TIMEOUT, follow_redirects=True, mounts=_DIRECT)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="transfer")

    async def close(self) -> None:
        await self._kept.aclose()
        await self._fresh.aclose()
        self._files.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(
        self, operation: str, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Reply:
        """One request and its whole answer. Raises Unreachable or Unanswered."""
        try:
            answer = await self._kept.request(method, url, headers=headers, content=content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _raise(operation, error)
        return Reply(answer.status_code, answer.headers, answer.content)

    @asynccontextmanager
    async def stream(
        self, operation: str, url: str, headers: Mapping[str, str], content: bytes, quiet: float
    ) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """A request over a connection of its own whose answer comes piece by piece; an error's comes whole.

        `quiet`: seconds without a byte after which the stream counts as lost.
        """
        timeout = httpx.Timeout(60.0, connect=10.0, read=quiet)
        try:
            async with self._fresh.stream(
                "POST", url, headers=headers, content=content, timeout=timeout
            ) as answer:
                streamed = answer.headers.get("content-type", "").startswith("text/event-stream")
                body = b"" if streamed and answer.status_code < 400 else await answer.aread()
                yield Reply(answer.status_code, answer.headers, body), answer.aiter_raw()
        except httpx.HTTPError as error:
            _raise(operation, error)

    async def upload(
        self,
        operation: str,
        url: str,
        headers: Mapping[str, str],
        source: Path,
        content: str,
        progress: Progress,
    ) -> Reply:
        """Sends a file as the multipart field `files`, never more than two reads of it in memory.

        `content` is what the file's xxh3-128 must be; raises SourceGone if it is another by now or the
        file is no longer there, SourceError if it cannot be read.
        """
        try:
            file = source.open("rb")
        except FileNotFoundError:
            raise SourceGone(operation, f"{source} is no longer there") from None
        except OSError as error:
            raise SourceError(operation, f"{source} cannot be read ({error.strerror})") from None
        with file:
            body = _Multipart(file, source.name, self._threads, progress)
            try:
                answer = await self._kept.post(
                    url,
                    headers={**headers, **body.headers},
                    content=body,
                    timeout=httpx.Timeout(600, connect=10),
                )
            except httpx.HTTPError as error:
                _raise(operation, error)
        if answer.is_success and body.hash != content:
            raise SourceGone(operation, f"{source} changed while it was uploaded", _ANEW)
        return Reply(answer.status_code, answer.headers, answer.content)

    async def download(
        self, operation: str, url: str, headers: Mapping[str, str], target: Path, progress: Progress
    ) -> Downloaded | Reply:
        """Fetches a file to `target`, synced to the disk; a Reply where the server refused.

        Raises Unreachable, Unanswered (also for fewer bytes than announced) and DeliveryError (the disk).
        """
        stop = threading.Event()
        loop = asyncio.get_running_loop()

        def told(done: float) -> None:
            loop.call_soon_threadsafe(progress, done)

        work = loop.run_in_executor(self._threads, self._fetch, operation, url, headers, target, told, stop)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _fetch(
        self,
        operation: str,
        url: str,
        headers: Mapping[str, str],
        target: Path,
        progress: Progress,
        stop: threading.Event,
    ) -> Downloaded | Reply:
        plain = {**headers, "Accept-Encoding": "identity"}
        try:
            with self._files.stream("GET", url, headers=plain) as answer:
                if not answer.is_success:
                    return Reply(answer.status_code, answer.headers, answer.read())
                expected = int(answer.headers.get("content-length") or 0)
                size, found = _save(answer, target, expected, progress, stop)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _raise(operation, error)
        except OSError as error:
            raise DeliveryError(
                operation, f"{target.parent} takes no file ({error.strerror})", "It is tried again by itself."
            ) from None
        if expected and size != expected:
            raise Unanswered(operation, f"{size} of {expected} bytes came")
        return Downloaded(size, found, answer.headers.get("content-type", ""))


def _save(
    answer: httpx.Response, target: Path, expected: int, progress: Progress, stop: threading.Event
) -> tuple[int, str]:
    hasher = xxhash.xxh3_128()
    size = 0
    with target.open("wb") as file:
        for chunk in answer.iter_raw(_CHUNK):
            if stop.is_set():
                break
            file.write(chunk)
            hasher.update(chunk)
            size += len(chunk)
            if expected:
                progress(min(1.0, size / expected))
        file.flush()
        os.fsync(file.fileno())
    return size, hasher.hexdigest()


class _Multipart(httpx.AsyncByteStream):
    """A multipart body with one file, read in a thread one piece ahead of the network."""

    def __init__(self, file: BinaryIO, name: str, threads: ThreadPoolExecutor, progress: Progress) -> None:
        boundary = uuid4().hex
        # Quotes and line breaks as browsers write them; what is no UTF-8 in a name has no letter to send.
        shown = name.encode("utf-8", "replace").decode().translate({34: "%22", 13: "%0D", 10: "%0A"})
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{shown}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        self._name = name
        self._size = file.seek(0, 2)
        self._threads = threads
        self._progress = progress
        self._hasher = xxhash.xxh3_128()
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self._head) + self._size + len(self._tail)),
        }

    @property
    def hash(self) -> str:
        return self._hasher.hexdigest()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        self._file.seek(0)
        self._hasher.reset()
        yield self._head
        sent = 0
        ahead = loop.run_in_executor(self._threads, self._read, self._size)
        while chunk := await ahead:
            sent += len(chunk)
            ahead = loop.run_in_executor(self._threads, self._read, self._size - sent)
            yield chunk
            self._progress(sent / self._size)
        if sent < self._size:
            raise SourceGone("upload", f"{self._name} became shorter while it was uploaded", _ANEW)
        yield self._tail

    def _read(self, left: int) -> bytes:
        chunk = self._file.read(min(_READ, left))
        self._hasher.update(chunk)
        return chunk


def _raise(operation: str, error: Exception) -> NoReturn:
    """Ours for httpx's: nothing was sent, or nobody knows."""
    said = str(error) or type(error).__name__
    failed: ApiError
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
        failed = Unreachable(operation, f"no connection to the service ({said})")
    elif isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        failed = Unreachable(operation, f"not an address that can be asked ({said})", "Check `api.url`.")
    elif isinstance(error, httpx.TimeoutException):
        failed = Unanswered(operation, "the service did not answer in time")
    else:
        failed = Unanswered(operation, f"the connection broke ({said})")
    raise failed from None
