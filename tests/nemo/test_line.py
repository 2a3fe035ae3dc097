"""One transfer's connection against raw servers: answers that come early, in the clear, in TLS, behind a proxy."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import ApiError, Refused, Unanswered, Unreachable
from daemon.nemo.line import Line, Reply, refuses

REFUSAL = (
    b'HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"code":4002}'
)
TAKEN = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
BIG = 64 << 20
"""More than the sockets of a machine hold between two of its programs."""

KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUc+EBZ2WUTyHlUvG
VSpbz6fVJaTCDQa9P/PbqKVpkUehRANCAAQl6D5Tdx/Bc457XUR6NON0/DvcwG0w
2CJCH//+nPj7r/MYu3mnlgCO3/wCcWmmJveQmL/OrPApha69AqE4F/E0
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBZzCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAkxMjcuMC4w
LjEwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CTEyNy4wLjAuMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCXoPlN3H8Fzjntd
RHo043T8O9zAbTDYIkIf//6c+Puv8xi7eaeWAI7f/AJxaaYm95CYv86s8CmFrr0C
oTgX8TSjTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcEfwAAAYIJbG9j
YWxob3N0MB0GA1UdDgQWBBQO8eL/aNjiZrQIlIexe3DC9kqzfDAKBggqhkjOPQQD
AgNIADBFAiAUeQkJK1eWVHMllYn2h0m1hwIBQ9SDH4sHUqZ8K3fmXgIhAKcMJQE9
kLX2tWjBct3gnHKRA2K7Omxa+4/60As317Mx
-----END CERTIFICATE-----
"""
"""For 127.0.0.1 and localhost, until 2120; they guard nothing."""

Handler = Callable[[socket.socket], object]


@contextmanager
def serving(handle: Handler, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server whose every connection `handle` gets in a thread; a client that went away is no failure."""
    listening = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            # As servers do; else an answer waits for an acknowledgement, and goes under with the close.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            spoken = tls.wrap_socket(connection, server_side=True) if tls else connection
            with spoken:
                handle(spoken)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threads.append(threading.Thread(target=one, args=(connection,), daemon=True))
                threads[-1].start()

    threads = [threading.Thread(target=accept, daemon=True)]
    threads[0].start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in threads:
            thread.join(10)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS of a server and of a client that trusts it."""
    (tmp_path / "pair.pem").write_text(KEY + CERTIFICATE)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "pair.pem")
    return server, ssl.create_default_context(cadata=CERTIFICATE)


def head_of(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        got = connection.recv(1)
        if not got:
            raise ConnectionError
        head += got
    return head


def drain(connection: socket.socket, most: int = 1 << 40) -> int:
    got = 0
    while got < most and (piece := connection.recv(min(1 << 16, most - got))):
        got += len(piece)
    return got


def body(size: int) -> Iterator[bytes]:
    block = bytes(1 << 20)
    for at in range(0, size, len(block)):
        yield block[: size - at]


def post(url: str, size: int = BIG, tls: ssl.SSLContext | None = None) -> Reply:
    line = Line("upload", lambda: tls or ssl.create_default_context())
    answer = line.ask("POST", url, {"Content-Length": str(size)}, body(size), silence=20)
    try:
        return answer.reply(1 << 20)
    finally:
        answer.close()


@dataclass
class Early:
    """Answers after the first 64 KiB of a body, and then closes, reads on, or does neither until `told`."""

    manner: str
    answer: bytes
    told: threading.Event = field(default_factory=threading.Event)
    heard: list[bool] = field(default_factory=list)
    """Whether each client heard the answer before it had sent everything, or before it was given up on."""

    def __call__(self, connection: socket.socket) -> None:
        head_of(connection)
        drain(connection, 1 << 16)
        connection.sendall(self.answer)
        if self.manner == "reads on":
            try:
                self.heard.append(drain(connection) < BIG - (1 << 16))
            except ConnectionError:
                self.heard.append(True)
        elif self.manner == "is deaf":
            self.heard.append(self.told.wait(20))


@pytest.mark.parametrize("manner", ["closes", "reads on", "is deaf"])
@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
def test_an_answer_that_comes_while_we_send_is_the_answer(
    manner: str, secure: bool, pair: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    early = Early(manner, REFUSAL)
    with serving(early, pair[0] if secure else None) as port:
        for _ in range(5):
            reply = post(f"http{'s' if secure else ''}://127.0.0.1:{port}/", tls=pair[1])
            assert (reply.status, reply.body) == (413, b'{"code":4002}')
            assert reply.headers["content-type"] == "application/json"
        early.told.set()
    assert all(early.heard)
    assert len(early.heard) == (0 if manner == "closes" else 5)


def test_a_server_that_says_yes_too_early_and_closes_has_still_answered() -> None:
    with serving(Early("closes", TAKEN)) as port:
        assert post(f"http://127.0.0.1:{port}/").status == 200


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
        TAKEN,
    ],
    ids=["100", "102 and 103", "an early yes"],
)
@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
def test_what_is_no_refusal_does_not_stop_the_sending(
    interim: bytes, secure: bool, pair: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    got: list[int] = []

    def handle(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(interim)
        got.append(drain(connection, BIG))
        if interim != TAKEN:
            connection.sendall(TAKEN)

    with serving(handle, pair[0] if secure else None) as port:
        assert post(f"http{'s' if secure else ''}://127.0.0.1:{port}/", tls=pair[1]).body == b"{}"
    assert got == [BIG]


def test_a_reset_without_an_answer_is_nobodys_answer() -> None:
    def handle(connection: socket.socket) -> None:
        head_of(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(handle) as port, pytest.raises(Unanswered):
        post(f"http://127.0.0.1:{port}/")


HEADS = st.from_regex(
    r"HTTP/1\.[01] 1[0-9]{2} [A-Za-z ]{0,9}\r\n(x-[a-z]: [a-z]{0,9}\r\n){0,2}\r\n", fullmatch=True
)


@given(st.lists(HEADS, max_size=3), st.sampled_from(["200 OK", "413 No", "301 There", "500 Oh"]), st.data())
def test_only_a_final_no_is_a_refusal_wherever_it_is_cut(
    heads: list[str], status: str, data: st.DataObject
) -> None:
    interim = "".join(heads).encode()
    whole = interim + f"HTTP/1.1 {status}\r\n\r\n".encode()
    assert refuses(whole) == (status[0] != "2")
    cut = data.draw(st.integers(0, len(interim) + 9))
    assert not refuses(whole[:cut])


def test_what_is_no_http_at_all_ends_the_sending() -> None:
    assert refuses(b"<html>go away</html>")
    assert not refuses(b"HTTP/1.")


def test_a_cut_line_ends_at_once_whatever_it_waits_for() -> None:
    arrived, told = threading.Event(), threading.Event()

    def handle(connection: socket.socket) -> None:
        head_of(connection)
        arrived.set()
        told.wait(20)

    with serving(handle) as port:
        for size in (BIG, 0):
            arrived.clear()
            line = Line("upload", ssl.create_default_context)
            failed: list[ApiError] = []

            def work(line: Line = line, size: int = size, failed: list[ApiError] = failed) -> None:
                try:
                    headers = {"Content-Length": str(size)}
                    line.ask("POST", f"http://127.0.0.1:{port}/", headers, body(size), silence=600)
                except ApiError as error:
                    failed.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            assert arrived.wait(20)
            line.cut()
            thread.join(20)
            assert not thread.is_alive()
            assert line.stopped
            assert failed
            with pytest.raises(Unreachable):
                line.ask("GET", f"http://127.0.0.1:{port}/", {}, silence=600)
        told.set()


def test_a_host_is_judged_before_it_is_connected_to_and_only_judged_addresses_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heads: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        connection.sendall(TAKEN)

    def judge(host: str, found: tuple[str, ...]) -> None:
        assert host == "media.example.com"
        if verdicts.pop(0) == "no":
            raise Refused("download", f"not {found}")

    def look_up(host: str, port: int, *_: object, **__: object) -> Any:
        # A name that means this machine from its second look on gains nothing: there is only one.
        if host == "media.example.com":
            looked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{len(looked)}", port))]
        return real(host, port)

    real, verdicts = socket.getaddrinfo, ["yes", "no"]
    looked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with serving(handle) as port:
        url = f"http://media.example.com:{port}/a%20b?c=é"
        answer = Line("download", ssl.create_default_context).ask("GET", url, {}, silence=20, judge=judge)
        assert answer.reply(100).body == b"{}"
        answer.close()
        assert len(looked) == 1
        with pytest.raises(Refused, match=r"127\.0\.0\.2"):
            Line("download", ssl.create_default_context).ask("GET", url, {}, silence=20, judge=judge)
    (head,) = heads
    assert head.startswith(b"GET /a%20b?c=%C3%A9 HTTP/1.1\r\n")
    assert f"\r\nHost: media.example.com:{port}\r\n".encode() in head


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
def test_a_proxy_of_the_environment_carries_a_transfer_and_its_early_answer(
    secure: bool, pair: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[bytes] = []

    def proxy(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        if heads[-1].startswith(b"CONNECT"):
            connection.sendall(b"HTTP/1.1 200 Go\r\n\r\n")
            with pair[0].wrap_socket(connection, server_side=True) as inner:
                Early("closes", REFUSAL)(inner)
        else:
            drain(connection, 1 << 16)
            connection.sendall(REFUSAL)

    with serving(proxy) as port:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://ann:secret@127.0.0.1:{port}")
        reply = post(f"http{'s' if secure else ''}://localhost:9/upload", tls=pair[1])
    assert reply.status == 413
    asked = b"CONNECT localhost:9" if secure else b"POST http://localhost:9/upload"
    assert heads[0].startswith(asked)
    assert re.search(rb"(?i)proxy-authorization: Basic YW5uOnNlY3JldA==", heads[0])


def test_a_certificate_that_nobody_vouches_for_is_no_connection(
    pair: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    with serving(drain, pair[0]) as port, pytest.raises(Unreachable, match="certificate"):
        post(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://[::1", "http://127.0.0.1:99999/"])
def test_what_is_no_address_was_not_asked(url: str) -> None:
    with pytest.raises(Unreachable):
        post(url)
