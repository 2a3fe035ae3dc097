"""A server that costs next to nothing: the protocol's calls with canned answers, in a process of its own.

It shares the machine's cores with what is measured, so it does the least that HTTP allows: a thread a
connection, uploads read into one large buffer and forgotten, downloads by sendfile, no body looked into but
a message's (the draft has to change after it). `Expect: 100-continue` is answered at once; curl waits a
second where it is not.

    python -m benchmarks.server FOLDER

prints its port, serves FOLDER/NAME at /files/NAME and FOLDER/clip.mp4 as every render's result, and ends with
its standard input.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from daemon.nemo import wire

_SINK: Final = 1 << 20
_LONGEST_HEAD: Final = 1 << 16
_SESSION: Final = re.compile(rb'"session_id"\s*:\s*"(\d+)"')
_EDITED: Final = {
    "d": 1000,
    "t": [{"tt": 0, "sg": [{"d": 1000, "m": {"title": "clip.mp4"}}]}],
}
_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    b'data: {"type":"tool_call","name":"trim","args":{"to":1}}\n\n'
    b'data: {"type":"tool_result","name":"trim","result":{}}\n\n'
    b'data: {"type":"text","content":"Kept 0-1 s; the clip is 1 s long now."}\n\n'
)


class Request(NamedTuple):
    """`body` holds what came together with the head, the rest is still on its way."""

    method: str
    path: str
    length: int
    body: bytes


class Server:
    """Answers on `port` until the process ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listening.getsockname()[1]
        self._sessions = itertools.count(1)
        self._edited: set[str] = set()

    def serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        # A client that hangs up is nothing to tell of.
        with connection, suppress(OSError):
            for request in _requests(connection):
                if not self._answer(connection, request):
                    return

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        """Answers one request; False where the connection is closed after it."""
        path = request.path
        if path == wire.RUN:
            found = _SESSION.search(_whole(connection, request))
            self._edited.add(found[1].decode() if found else "")
            connection.sendall(_STREAM)
            return False
        _sink(connection, request.length - len(request.body))
        if path.startswith("/files/"):
            _send_file(connection, self._folder / path.rpartition("/")[2])
        elif path.endswith("/download"):
            _send_file(connection, self._folder / "clip.mp4")
        else:
            connection.sendall(_json(self._data(request)))
        return True

    def _data(self, request: Request) -> wire.JsonObject:
        path = request.path
        if path == wire.SESSION:
            session = str(next(self._sessions))
            return {"session_id": session, "task_id": f"t{session}"}
        if path.startswith("/api/upload-video/"):
            return {"files": [{"filename": "clip.mp4", "hash": "0", "duration": 1.0}]}
        if path.startswith("/api/state/"):
            edited = path.split("/")[-2] in self._edited
            return {"state": {"draft": _EDITED if edited else {}, "video_infos": [], "generated_media": []}}
        if path == wire.CREDITS:
            return {"available": 100, "frozen": 0, "total": 100}
        if request.method == "POST":
            return {"status": "pending", "progress": 5}
        render = path.rsplit("/", 1)[-1]
        url = f"http://127.0.0.1:{self.port}{wire.RENDER_FILE.format(render=render)}"
        return {"id": render, "status": wire.RENDER_DONE, "progress": 100, "outputUrl": url}


def _requests(connection: socket.socket) -> Iterator[Request]:
    """One after the other, until the client hangs up; each body is to be read before the next."""
    data = b""
    while True:
        while (end := data.find(b"\r\n\r\n")) < 0:
            more = connection.recv(_LONGEST_HEAD)
            if not more:
                return
            data += more
        line, *fields = data[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
        method, path, _ = line.split(" ")
        length = int(headers.get("content-length", 0))
        if "expect" in headers:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, data = data[end + 4 : end + 4 + length], data[end + 4 + length :]
        yield Request(method, path, length, body)


def _whole(connection: socket.socket, request: Request) -> bytes:
    body = request.body
    while len(body) < request.length:
        more = connection.recv(request.length - len(body))
        if not more:
            raise ConnectionError
        body += more
    return body


def _sink(connection: socket.socket, left: int) -> None:
    buffer = bytearray(min(left, _SINK))
    while left > 0:
        got = connection.recv_into(buffer, min(left, _SINK))
        if not got:
            return
        left -= got


def _send_file(connection: socket.socket, path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {size}\r\n\r\n"
        connection.sendall(head.encode())
        connection.sendfile(file, 0, size)


def _json(data: wire.JsonObject) -> bytes:
    body = json.dumps({"code": wire.OK, "message": "ok", "data": data}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def main() -> None:
    server = Server(Path(sys.argv[1]))
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
