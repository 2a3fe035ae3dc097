"""Requests over a Unix socket in the state folder: one line of JSON in, lines of JSON out, then the end.

    → {"command": "retry", "ids": ["1f2e3d4c"]}
    ← {"job": {…}}
    ← {"error": "…"}                      where it could not be done

The socket is readable by the state's owner alone, like the folder it lies in.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from daemon.errors import ReeldropError, StateError, UsageError

Message = dict[str, Any]
Command = Callable[[Message], AsyncIterator[Message]]

NAME: Final = "control.sock"
_LONGEST_LINE: Final = 1 << 20


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
                async for line in self._lines(await reader.readline()):
                    writer.write(json.dumps(line).encode() + b"\n")
                    await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()

    async def _lines(self, request: bytes) -> AsyncIterator[Message]:
        try:
            asked = json.loads(request)
            command = self._commands[asked["command"]]
        except (ValueError, KeyError, TypeError):
            yield {
                "error": "this daemon does not know that command; are both of the same version?",
                "usage": True,
            }
            return
        try:
            async for line in command(asked):
                yield line
        except ReeldropError as error:
            yield {"error": str(error), "usage": isinstance(error, UsageError)}


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
        link.sendall(json.dumps({"command": command, **details}).encode() + b"\n")
        with link.makefile("rb") as lines:
            for line in lines:
                told: Message = json.loads(line)
                if "error" in told:
                    kind = UsageError if told.get("usage") else ReeldropError
                    raise kind("", str(told["error"]))
                yield told


@contextmanager
def _short(state: Path) -> Iterator[str]:
    """The socket's path, through the folder's descriptor: a socket's name holds 107 bytes and paths are longer."""
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)
