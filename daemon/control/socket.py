"""Requests over a Unix socket in the state folder: one line of JSON in, lines of JSON out, then the end.

    → {"command": "retry", "ids": ["1f2e3d4c"]}
    ← {"job": {…}}
    ← {"error": "…"}                      where it could not be done

The socket is readable by the state's owner alone, like the folder it lies in.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import structlog

from daemon.errors import ReeldropError, StateError, UsageError

Message = dict[str, Any]
Command = Callable[[Message], AsyncIterator[Message]]

NAME: Final = "control.sock"
_LONGEST_LINE: Final = 1 << 20
"""Bytes of a request: 100,000 jobs by their ids."""
_PATIENCE: Final = 60.0
"""Seconds for a whole request to come."""

_log = structlog.get_logger()


class ControlServer:
    """Answers `commands` (name → an asynchronous generator of lines) until closed."""

    def __init__(self, state: Path, commands: Mapping[str, Command]) -> None:
        self._state = state
        self._commands = commands
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        (self._state / NAME).unlink(missing_ok=True)
        with _short(self._state) as path:
            self._server = await asyncio.start_unix_server(self._answer, path, limit=_LONGEST_LINE)
        (self._state / NAME).chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            (self._state / NAME).unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            try:
                async with aclosing(self._lines(reader)) as lines:
                    async for line in lines:
                        writer.write(line)
                        await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()

    async def _lines(self, reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
        try:
            asked = await _request(reader)
            command = self._commands.get(str(asked.get("command")))
            if command is None:
                raise UsageError("", "this daemon does not know that command; are both of the same version?")
            async for line in command(asked):
                yield _line(line)
        except ReeldropError as error:
            yield _line({"error": str(error), "usage": isinstance(error, UsageError)})
        except ConnectionError:
            raise
        except Exception as error:
            # A request that cannot be worked on must neither go unanswered nor stop the daemon.
            _log.exception("control.failed")
            yield _line({"error": f"the daemon could not do that ({type(error).__name__}: {error})"})


def _line(said: Message) -> bytes:
    return json.dumps(said).encode() + b"\n"


async def _request(reader: asyncio.StreamReader) -> Message:
    """Raises UsageError for what is no whole line of JSON with an object in it."""
    try:
        async with asyncio.timeout(_PATIENCE):
            line = await _whole_line(reader)
    except asyncio.IncompleteReadError:
        raise UsageError("", "the request ended in the middle of its line") from None
    except TimeoutError:
        raise UsageError("", f"no whole request came within {_PATIENCE:.0f} s") from None
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError("", "the request is no JSON") from None
    if not isinstance(asked, dict):
        raise UsageError("", "the request is no JSON object")
    return asked


async def _whole_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        # Who is still sending hears no answer.
        while (more := await reader.read(_LONGEST_LINE)) and b"\n" not in more:
            pass
        raise UsageError("", f"the request has more than {_LONGEST_LINE:,} bytes") from None


def ask(state: Path, command: str, **details: Any) -> Iterator[Message]:
    """A running daemon's answer, line by line. Raises StateError if none answers, else as it was told."""
    with socket.socket(socket.AF_UNIX) as link:
        try:
            with _short(state) as path:
                link.connect(path)
        except OSError as error:
            raise StateError(
                f"state folder {state}",
                f"its daemon does not answer ({error.strerror})",
                "Is it just starting?",
            ) from None
        try:
            link.sendall(json.dumps({"command": command, **details}).encode() + b"\n")
            with link.makefile("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        raise ConnectionResetError(errno.ECONNRESET, "in the middle of its answer")
                    yield _told(line)
        except OSError as error:
            raise ReeldropError(
                f"state folder {state}", f"its daemon hung up ({error.strerror})", "Did it stop? Ask again."
            ) from None


def _told(line: bytes) -> Message:
    told: Message = json.loads(line)
    if "error" in told:
        kind = UsageError if told.get("usage") else ReeldropError
        raise kind("", str(told["error"]))
    return told


@contextmanager
def _short(state: Path) -> Iterator[str]:
    """The socket's path, through the folder's descriptor: a socket's name holds 107 bytes and paths are longer."""
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)
