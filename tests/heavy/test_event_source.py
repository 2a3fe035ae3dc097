"""Our event-stream parser against a browser's: seeded random streams, judged by Chromium's EventSource."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from daemon.nemo.sse import Event, Parser

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(
        find_spec("playwright") is None, reason="the extra `browser` is not installed (`make heavy` does it)"
    ),
]

Pieces = tuple[bytes, ...]

SEED = 20261121
STREAMS = 2000
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

DEADLINE = 300.0
PYTHON_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
BOM = b"\xef\xbb\xbf"
NAMES = (
    *(b"data",) * 16,
    *(b"event", b"id") * 3,
    *(b"", b"retry") * 2,
    *(b"dat", b"Data", b" data", b"data\0", b"\xffdata", b"\xc2\xa0data", BOM + b"data"),
)
COLONS = (*(b": ", b":") * 4, b"", b":  ", b"::", b":\t", b" : ")
WORDS = (
    *(b"a", b"note", b"message", b"error", b"open", b"17", b"0", b" ", b":", b"{}", b'"text": ', b"data: x"),
    *(
        word.encode()
        for word in ("剪辑", "🎬", "é", "\u2028", "\u2029", "\u0085", "\u00a0", "\ufeff", "\ufffd")
    ),
    *(b"\0", b"\t", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x7f"),
    # No UTF-8: stray, cut short, overlong, a surrogate, beyond the last letter.
    *(b"\xff", b"\x80", b"\xc3", b"\xe2\x80", b"\xf0\x9f\x8e", b"\xc0\x80", b"\xe0\x80\xaf", b"\xed\xa0\x80"),
    *(b"\xf4\x90\x80\x80", b"\xf0\x80\x80\x8a", b"\xf8\x88\x80\x80\x80"),
)
LISTEN = """
async (types) => {
  const heard = types.map(() => []);
  const listen = (number) => new Promise((resolve) => {
    const source = new EventSource(`/${number}`);
    const hear = (event) => {
      if (event instanceof MessageEvent) {
        heard[number].push([event.type, event.data, event.lastEventId]);
      } else if (event.type === "error") {
        source.close();
        resolve();
      }
    };
    for (const type of ["error", "message", ...types[number]]) source.addEventListener(type, hear);
  });
  let next = 0;
  const worker = async () => { while (next < types.length) await listen(next++); };
  await Promise.all(Array.from({length: 6}, worker));
  return heard;
}
"""


def make_line(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return b""
    words = chance.choices(WORDS, k=chance.choice((0, 1, 1, 2, 4, 9)))
    if chance.random() < 0.005:
        words *= 5_000
    return chance.choice(NAMES) + chance.choice(COLONS) + b"".join(words)


def make_stream(chance: random.Random) -> Pieces:
    """The pieces in which the server sends it."""
    ends = chance.choice(((b"\n",), (b"\r\n",), (b"\r",), (b"\n", b"\r\n", b"\r")))
    lines = [make_line(chance) + chance.choice(ends) for _ in range(chance.randrange(60))]
    stream = bytearray(chance.choice((b"", b"", b"", BOM, BOM + BOM, BOM[:2])) + b"".join(lines))
    if chance.random() < 0.3:
        del stream[chance.randrange(len(stream) + 1) :]
    if chance.random() < 0.2:
        for place in chance.sample(range(len(stream)), len(stream) // 50):
            stream[place] = chance.randrange(256)
    # Chromium (156) takes a line end right after the BOM for a letter of the next line, against the standard.
    whole = re.sub(rb"\A\xef\xbb\xbf(?=[\r\n])", BOM + b":", bytes(stream))
    cuts = sorted(chance.choices(range(len(whole) + 1), k=chance.choice((0, 1, 5, 50))))
    return tuple(whole[a:b] for a, b in pairwise((0, *cuts, len(whole))) if a < b)


def types_in(stream: bytes) -> list[str]:
    """All that could be a type's name in it, and more: found without a parser, which may be wrong."""
    named = [name.decode(errors="replace") for name in re.findall(rb"event:?([^\r\n]*)", stream)]
    return sorted({*named, *(name.removeprefix(" ") for name in named)})


@asynccontextmanager
async def server(streams: Sequence[Pieces]) -> AsyncIterator[str]:
    """An empty page at `/`, and each stream under its number, piece by piece."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1][1:]
        kind = b"text/event-stream" if path.isdigit() else b"text/html"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % kind)
        for piece in streams[int(path)] if path.isdigit() else ():
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()


async def ask_chromium(streams: Sequence[Pieces], profile: Path) -> list[list[Event]]:
    from playwright.async_api import async_playwright

    types = [types_in(b"".join(pieces)) for pieces in streams]
    async with asyncio.timeout(DEADLINE), server(streams) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=SWITCHES
        )
        try:
            page = await browser.new_page()
            await page.goto(url)
            heard = await page.evaluate(LISTEN, types)
        finally:
            await browser.close()
    return [[Event(*event) for event in events] for events in heard]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Pieces, list[Event]]]:
    """Each stream with Chromium's events for it."""
    chance = random.Random(SEED)
    streams = [make_stream(chance) for _ in range(STREAMS)]
    heard = asyncio.run(ask_chromium(streams, tmp_path_factory.mktemp("profile")))
    return list(zip(streams, heard, strict=True))


def parse(pieces: Pieces) -> list[Event]:
    parser = Parser()
    return [event for piece in pieces for event in parser.feed(piece)]


def split_as_python_does(pieces: Pieces) -> bytes:
    lines = b"".join(pieces).decode(errors="replace").splitlines(keepends=True)
    return "".join(line.rstrip(PYTHON_ENDS) + "\n" * (line[-1] in PYTHON_ENDS) for line in lines).encode()


def test_chromium_agrees_on_every_event_of_2000_random_streams(
    judged: list[tuple[Pieces, list[Event]]],
) -> None:
    for pieces, events in judged:
        assert parse(pieces) == events, pieces


def test_the_streams_find_out_a_parser_that_splits_lines_as_python_does(
    judged: list[tuple[Pieces, list[Event]]],
) -> None:
    wrong = sum(parse((split_as_python_does(pieces),)) != events for pieces, events in judged)
    assert wrong > STREAMS // 4
