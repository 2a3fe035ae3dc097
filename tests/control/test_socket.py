"""The socket between commands and the daemon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.control.socket import NAME, Command, ControlServer, Message, ask
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


@asynccontextmanager
async def _serving(state: Path, **commands: Command) -> AsyncIterator[None]:
    server = ControlServer(state, commands)
    await server.start()
    try:
        yield
    finally:
        await server.close()


async def _sent(state: Path, request: bytes) -> list[Message]:
    """The answer to these bytes and the end of the line."""
    reader, writer = await asyncio.open_unix_connection(state / NAME)
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return [json.loads(line) for line in answer.splitlines()]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b"", "ended in the middle"),
        (b'{"command": "count", "to": 3}', "ended in the middle"),
        (b"\n", "no JSON"),
        (b"what is this\n", "no JSON"),
        (b"\xff\xfe\x00\n", "no JSON"),
        (b"[" * 100_000 + b"\n", "no JSON"),
        (b"[]\n", "no JSON object"),
        (b"{}\n", "does not know that command"),
        (b'{"command": ["count"]}\n', "does not know that command"),
        (b'{"command": "count"}\n', "KeyError"),
        (b'{"command": "count", "to": "many"}\n', "TypeError"),
        (b'{"command": "' + b"x" * (5 << 20) + b'"}\n', "more than 1,048,576 bytes"),
        (b"x" * (5 << 20), "more than 1,048,576 bytes"),
    ],
)
def test_every_request_is_answered_however_odd(tmp_path: Path, request_: bytes, why: str) -> None:
    async def go() -> None:
        async with _serving(tmp_path, count=_count):
            [told] = await _sent(tmp_path, request_)
            assert why in told["error"]
            assert await _sent(tmp_path, b'{"command": "count", "to": 1}\n') == [{"number": 0}]

    asyncio.run(go())


def test_an_answer_that_cannot_be_written_as_json_is_an_error_in_its_place(tmp_path: Path) -> None:
    async def odd(_: Message) -> AsyncIterator[Message]:
        yield {"number": 1}
        yield {"number": object()}

    async def go() -> None:
        async with _serving(tmp_path, odd=odd):
            first, second = await _sent(tmp_path, b'{"command": "odd"}\n')
            assert first == {"number": 1}
            assert "could not do that" in second["error"]

    asyncio.run(go())


def test_a_client_that_hangs_up_early_ends_its_command_and_harms_nobody(tmp_path: Path) -> None:
    async def go() -> None:
        ended = asyncio.Event()

        async def endless(_: Message) -> AsyncIterator[Message]:
            try:
                while True:
                    yield {"number": 1}
                    await asyncio.sleep(0)
            finally:
                ended.set()

        async with _serving(tmp_path, endless=endless, count=_count):
            reader, writer = await asyncio.open_unix_connection(tmp_path / NAME)
            writer.write(b'{"command": "endless"}\n')
            assert await reader.readline() == b'{"number": 1}\n'
            writer.close()
            await writer.wait_closed()
            await asyncio.wait_for(ended.wait(), 30.0)
            assert await _sent(tmp_path, b'{"command": "count", "to": 1}\n') == [{"number": 0}]

    asyncio.run(go())


def test_several_commands_are_answered_at_once(tmp_path: Path) -> None:
    async def go() -> None:
        all_there = asyncio.Barrier(5)

        async def meet(asked: Message) -> AsyncIterator[Message]:
            await all_there.wait()
            yield {"number": asked["to"]}

        async with _serving(tmp_path, meet=meet):
            sent = [_sent(tmp_path, b'{"command": "meet", "to": %d}\n' % n) for n in range(5)]
            assert await asyncio.wait_for(asyncio.gather(*sent), 30.0) == [[{"number": n}] for n in range(5)]

    asyncio.run(go())


@pytest.mark.parametrize("half", [b"", b'{"number": 0}\n{"num'])
def test_a_daemon_that_hangs_up_before_the_end_of_its_answer_is_told(tmp_path: Path, half: bytes) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if half:
            await reader.readline()
        writer.write(half)
        writer.close()
        await writer.wait_closed()

    async def go() -> None:
        async with await asyncio.start_unix_server(hang_up, tmp_path / NAME):
            with pytest.raises(ReeldropError, match="hung up"):
                await asyncio.to_thread(lambda: list(ask(tmp_path, "count", to=3)))

    asyncio.run(go())
