"""The socket between commands and the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.control.socket import NAME, ControlServer, Message, ask
from daemon.errors import ReeldropError, StateError, UsageError


async def _count(asked: Message) -> AsyncIterator[Message]:
    if asked["to"] < 0:
        raise UsageError("count", "cannot go below nothing")
    for number in range(asked["to"]):
        yield {"number": number}


async def _asked(state: Path, command: str, **details: object) -> list[Message]:
    server = ControlServer(state, {"count": _count})
    await server.start()
    try:
        return await asyncio.to_thread(lambda: list(ask(state, command, **details)))
    finally:
        await server.close()


def test_an_answer_comes_line_by_line_even_below_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    assert asyncio.run(_asked(deep, "count", to=3)) == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert not (deep / NAME).exists()


def test_errors_come_as_what_they_were(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="below nothing"):
        asyncio.run(_asked(tmp_path, "count", to=-1))
    with pytest.raises(ReeldropError, match="does not know that command"):
        asyncio.run(_asked(tmp_path, "dance"))


def test_a_daemon_that_does_not_answer_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="does not answer"):
        list(ask(tmp_path, "count", to=1))
