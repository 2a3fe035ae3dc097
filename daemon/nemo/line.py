"""One transfer's connection: httpcore over sockets that hear an answer while they still send.

A server may refuse a file before it has read it, and close. httpx's asynchronous stack then loses the answer
with the connection; a socket that listens between its sends does not. Everything here blocks and is called in
a thread; `Line.cut` ends it from another one.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

import httpcore

from daemon import __version__
from daemon.errors import ApiError, Unanswered, Unreachable
from daemon.nemo.addresses import look_up, origin, proxy_for

Judge = Callable[[str, tuple[str, ...]], None]
"""Given a host and its addresses before one of them is connected to; raises what it has against them."""

_READ: Final = 256 << 10
"""Bytes asked of a socket at once, as pieces of a body come."""
_CONNECT: Final = 10.0
_WRITE: Final = 60.0
"""Seconds: for a connection; without a byte that the server takes."""

_INTERIM: Final = re.compile(rb"HTTP/1\.[01] 1\d\d[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5])")
_STATUS_BYTES: Final = len(b"HTTP/1.1 2")

_BROKEN: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. The names in `headers` are asked for in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def failure(operation: str, error: Exception) -> ApiError:
    """Our error for one of httpcore's or httpx's (their classes have the same names): not sent, or nobody knows."""
    kind = type(error).__name__
    said = str(error) or kind
    if kind in ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"):
        return Unreachable(operation, f"no connection to the service ({said})")
    if kind in ("InvalidURL", "UnsupportedProtocol", "LocalProtocolError"):
        return Unreachable(operation, f"not an address that can be asked ({said})", "Check `api.url`.")
    if kind in ("ReadTimeout", "WriteTimeout"):
        return Unanswered(operation, "the service did not answer in time")
    return Unanswered(operation, f"the connection broke ({said})")


def refuses(heard: bytes) -> bool:
    """Whether what a server says while it is still being sent to ends the request. Pure.

    Any final answer but a 2xx does; interim ones (100, 103) do not, nor does a beginning that may become one.
    """
    left = heard
    while found := _INTERIM.match(left):
        left = left[found.end() :]
    status = _STATUS.match(left)
    return status[1] not in b"12" if status else len(left) >= _STATUS_BYTES


class Line:
    """The connections of one transfer, one after the other."""

    def __init__(self, operation: str, tls: Callable[[], ssl.SSLContext]) -> None:
        self.operation = operation
        self._tls = tls
        self._stop = threading.Event()
        self._socket: socket.socket | None = None

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def cut(self) -> None:
        """Ends what waits for the network now, and whatever would later. From any thread."""
        self._stop.set()
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which would make it a plain socket under the other thread's hands.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def hold(self, held: socket.socket) -> None:
        """Makes `held` the socket that `cut` ends."""
        self._socket = held
        if self.stopped:
            self.cut()

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: Iterable[bytes | memoryview] = (),
        *,
        silence: float,
        judge: Judge | None = None,
    ) -> Answer:
        """Sends a request over a connection of its own and waits for the head of the answer.

        `silence`: seconds without a byte of the answer after which it counts as lost. Where a proxy of the
        environment connects, `judge` is not asked. Raises Unreachable, Unanswered, and what `judge`, the
        content's iterator or `look_up` raise.
        """
        try:
            scheme, host, port = origin(url)
            asked = httpcore.URL(scheme=scheme, host=host, port=port, target=_target(url))
        except (ValueError, TypeError) as error:
            raise failure(self.operation, httpcore.UnsupportedProtocol(str(error))) from None
        own = {"Host": _shown(url), "User-Agent": f"reeldrop/{__version__}", "Connection": "close"}
        request = httpcore.Request(
            method,
            asked,
            headers=[(name.encode(), value.encode()) for name, value in {**own, **headers}.items()],
            content=cast("Iterable[bytes]", content),
            extensions={"timeout": {"connect": _CONNECT, "write": _WRITE, "read": silence}},
        )
        pool = self._pool(url, judge)
        try:
            return Answer(self.operation, pool, pool.handle_request(request))
        except BaseException as error:
            pool.close()
            if isinstance(error, _BROKEN):
                raise failure(self.operation, error) from None
            raise

    def _pool(self, url: str, judge: Judge | None) -> httpcore.ConnectionPool:
        tls = self._tls() if url.lower().startswith("https:") else None
        proxy = proxy_for(url)
        if proxy is None:
            return httpcore.ConnectionPool(ssl_context=tls, network_backend=_Sockets(self, judge))
        return httpcore.HTTPProxy(
            proxy.url, proxy_auth=proxy.auth, ssl_context=tls, network_backend=_Sockets(self, None)
        )


class Answer:
    """The head of an answer, and its body piece by piece. To be closed."""

    def __init__(self, operation: str, pool: httpcore.ConnectionPool, response: httpcore.Response) -> None:
        self._operation = operation
        self._pool = pool
        self._response = response
        self.status = response.status
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
        }

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes. Raises Unanswered where it breaks off."""
        try:
            yield from self._response.iter_stream()
        except _BROKEN as error:
            raise failure(self._operation, error) from None

    def reply(self, most: int) -> Reply:
        """The answer with (at most so many bytes of) its body."""
        body = bytearray()
        for piece in self.pieces():
            body += piece
            if len(body) >= most:
                break
        return Reply(self.status, self.headers, bytes(body[:most]))

    def close(self) -> None:
        self._response.close()
        self._pool.close()


class _Sockets(httpcore.NetworkBackend):
    """Connects to the very addresses that were judged: a name that changes its mind in between gains nothing."""

    def __init__(self, line: Line, judge: Judge | None) -> None:
        self._line = line
        self._judge = judge
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = look_up(self._line.operation, host, port)
        if self._judge is not None:
            self._judge(host, found)
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in found:
            if self._line.stopped:
                raise httpcore.ConnectError("it was cancelled")
            try:
                return _Stream(self._line, self._plain.connect_tcp(address, port, timeout))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class _Stream(httpcore.NetworkStream):
    """A connection that listens while it sends; TLS inside TLS, to an https proxy, only sends."""

    def __init__(self, line: Line, under: httpcore.NetworkStream, *, listens: bool = True) -> None:
        self._line = line
        self._under = under
        self._listens = listens
        self._socket: socket.socket = under.get_extra_info("socket")
        self._heard = b""
        self._ended = False
        if listens:
            self._socket.setblocking(False)
        line.hold(self._socket)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self._listens:
            return self._under.read(max_bytes, timeout)
        if self._heard or self._ended:
            heard, self._heard = self._heard, b""
            return heard
        while True:
            try:
                return self._socket.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(select.POLLIN, timeout, httpcore.ReadTimeout)
            except OSError as error:
                raise httpcore.ReadError(str(error)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._listens:
            self._under.write(buffer, timeout)
            return
        left = memoryview(buffer)
        while left:
            if self._hears():
                # The one error that httpcore takes as "now read the answer".
                raise httpcore.WriteError("the service answered before everything was sent")
            try:
                left = left[self._socket.send(left) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self._wait(select.POLLIN | select.POLLOUT, timeout, httpcore.WriteTimeout)
            except OSError as error:
                raise httpcore.WriteError(str(error)) from None

    def close(self) -> None:
        self._under.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = isinstance(self._socket, ssl.SSLSocket)
        return _Stream(
            self._line, self._under.start_tls(ssl_context, server_hostname, timeout), listens=not inner
        )

    def get_extra_info(self, info: str) -> Any:
        return self._under.get_extra_info(info)

    def _hears(self) -> bool:
        """Reads what is there without waiting: whether the server has answered, or has nothing more to say."""
        while not self._ended and self._poll(select.POLLIN, 0.0):
            try:
                heard = self._socket.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError:
                break  # the next send says the same, and the answer may lie in `_heard`
            self._heard += heard
            self._ended = not heard
        return self._ended or refuses(self._heard)

    def _wait(self, events: int, timeout: float | None, late: type[Exception]) -> None:
        if not self._poll(events, timeout):
            raise late("no byte in time")

    def _poll(self, events: int, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._socket, events)
        return bool(poll.poll(None if timeout is None else timeout * 1000))


def _shown(url: str) -> str:
    """The host as the Host header has it, with the port that was written."""
    host, port = origin(url)[1], urlsplit(url).port
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


def _target(url: str) -> bytes:
    """The path and query of a URL as they go over the wire, with what is no ASCII percent-encoded."""
    parts = urlsplit(url)
    path = parts.path or "/"
    whole = f"{path}?{parts.query}" if parts.query else path
    return quote(whole, safe="%/:=&?~#+!$,;'@()*[]").encode()
