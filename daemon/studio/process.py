"""The studio as a process: one folder, one socket, and an end that comes with the parent's."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import uvicorn

from daemon.errors import UsageError
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.studio.disk import FolderLock
from daemon.studio.library import Library
from daemon.studio.links import Reach
from daemon.studio.outages import Protocol
from daemon.studio.server import make_app
from daemon.studio.studio import Studio
from daemon.studio.terms import Read
from daemon.studio.threads import ONE_THREAD

_BACKLOG: Final = 512
_GRACE_S: Final = 1
_KEEP_ALIVE_S: Final = 75
"""Longer than the 30 s between two polls: a connection must not close just as the next one is sent on it."""


def serve(
    *,
    state: Path,
    host: str,
    port: int,
    ffmpeg: str,
    token: str | None,
    announce: Callable[[str, str], None],
    end_with_stdin: bool,
    faults: Read | None = None,
    reach: Reach = "nowhere",
    library: Library | None = None,
    matte_model: str = "auto",
) -> None:
    """Serves until SIGTERM, SIGINT, or (with `end_with_stdin`) the end of stdin.

    `announce` hears URL and token once connections are taken. Port 0: a free one. `faults`: what the faults
    file says, asked before each call. `reach`: where URLs may lead. `library`, `matte_model`: as for Studio.
    Raises UsageError (port or address), StateError (folder) and MediaError (no ffmpeg) before that.
    """
    program = Ffmpeg(find_ffmpeg(ffmpeg))
    lock = FolderLock(state)
    lock.take()
    try:
        listener = _listen(host, port)
        try:
            os.environ.update(ONE_THREAD)
            studio = Studio(state, program, token, host, faults, reach, library, matte_model)
            asyncio.run(_serve(studio, listener, announce, end_with_stdin))
        finally:
            listener.close()
    finally:
        lock.release()


async def _serve(
    studio: Studio, listener: socket.socket, announce: Callable[[str, str], None], end_with_stdin: bool
) -> None:
    server = QuietServer(studio)
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, server.end)
    await studio.start()
    if end_with_stdin:
        threading.Thread(target=_hear, args=(loop, studio, server.end), daemon=True).start()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        announce(_url(listener), studio.accounts.token)
        await serving
    finally:
        await studio.stop()


class QuietServer(uvicorn.Server):
    """uvicorn without its log, its signal handlers, and the tick that wakes it ten times a second."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(
            uvicorn.Config(
                make_app(studio),
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                loop="asyncio",
                http=Protocol,
                ws="none",
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=_GRACE_S,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        self._ended = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._ended.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio sends small pieces at once (TCP_NODELAY) only where the protocol is named: else 40 ms a call.
        listener = socket.socket(family, socket.SOCK_STREAM, protocol)
    except (OSError, OverflowError) as error:
        raise _unusable(host, port, str(error)) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        raise _unusable(host, port, "it is in use" if taken else str(error.strerror)) from None
    return listener


def _unusable(host: str, port: int, cause: str) -> UsageError:
    return UsageError(f"listen on {host}:{port}", cause, "Name another one, or port 0 for any free one.")


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _hear(loop: asyncio.AbstractEventLoop, studio: Studio, end: Callable[[], None]) -> None:
    """Whoever started us says by stdin which sessions it needs no more, and by its end that it is gone."""
    with suppress(RuntimeError):  # the loop has ended by itself meanwhile
        rest = b""
        while block := os.read(0, 1 << 16):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                told = json.loads(line)
                asyncio.run_coroutine_threadsafe(studio.retire(told["before"], set(told["keep"])), loop)
        loop.call_soon_threadsafe(end)
