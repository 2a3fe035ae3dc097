"""Downloads from raw servers: taken up where they broke, held to their limits, and never led astray."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from daemon import errors
from daemon.nemo.addresses import Allowed
from daemon.nemo.download import Pace, first_words, fits, next_hop, paced, partial_of
from daemon.nemo.transport import Downloaded, Partial, Reply, Transport

DATA = bytes(range(251)) * 8192
"""2 MB, in which no piece of a power of two is like the next one."""
HALF = len(DATA) // 2
HASH = xxhash.xxh3_128_hexdigest(DATA)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """A raw server; at the end it waits for its connections, which end once their clients have hung up."""
    serving: list[asyncio.Task[None] | None] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    bound = await asyncio.start_server(one, "127.0.0.1", 0, limit=1 << 26)
    try:
        yield f"http://127.0.0.1:{bound.sockets[0].getsockname()[1]}"
    finally:
        bound.close()
        await asyncio.gather(*filter(None, serving))


@dataclass
class Request:
    path: str
    headers: dict[str, str]


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Site:
    """A raw server that answers each request with the next of `answers`, and with the last one for ever."""

    answers: list[Answer]
    seen: list[Request] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")[:-2]
        request = Request(
            first.split()[1],
            {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)},
        )
        self.seen.append(request)
        await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request, writer)


@asynccontextmanager
async def site(*answers: Answer) -> AsyncIterator[Site]:
    made = Site(list(answers))
    async with listening(made.serve) as made.url:
        yield made


def plain(status: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """These very bytes, whatever was asked; a length is announced unless `headers` say otherwise."""
    said = {"content-length": str(len(body)), **headers}

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in said.items() if value)]
        writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)

    return answer


def files(data: bytes = DATA, *, etag: str = '"a"', cut: int | None = None) -> Answer:
    """A server as they should be: ranges under If-Range. `cut`: resets the connection after so many bytes."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        found = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        start = int(found[1]) if found and request.headers.get("if-range") == etag else 0
        ranged = f"content-range: bytes {start}-{len(data) - 1}/{len(data)}\r\n" if start else ""
        writer.write(
            f"HTTP/1.1 {'206 Part' if start else '200 OK'}\r\ncontent-type: video/mp4\r\netag: {etag}\r\n"
            f"content-length: {len(data) - start}\r\n{ranged}connection: close\r\n\r\n".encode()
        )
        writer.write(data[start:][:cut])
        await writer.drain()
        if cut is not None:
            writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

    return answer


class Asked:
    """One download after the other, as a daemon would ask for them; `kept` is what it has in its record."""

    def __init__(self, tmp_path: Path) -> None:
        self.target = tmp_path / ".result"
        self.kept: Partial | None = None
        self.told: list[Partial | None] = []
        self.moved = asyncio.Event()

    async def began(self, partial: Partial | None) -> None:
        self.kept = partial
        self.told.append(partial)

    async def __call__(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        *,
        own: str | None = None,
        limit: int = 1 << 30,
        private: bool = False,
    ) -> Downloaded | Reply:
        transport = Transport()
        try:
            return await transport.download(
                "download",
                url,
                headers or {},
                self.target,
                lambda done: self.moved.set(),
                allowed=Allowed(own if own is not None else url, private=private),
                limit=limit,
                resume=self.kept,
                began=self.began,
            )
        finally:
            await transport.close()


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def run(go: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await go()

    asyncio.run(within())


def test_a_download_that_breaks_is_taken_up_in_one_call_and_its_hash_is_the_wholes(asked: Asked) -> None:
    async def go() -> None:
        async with site(files(cut=HALF), files(cut=100_000), files()) as server:
            assert await asked(server.url) == Downloaded(len(DATA), HASH, "video/mp4")
            ranges = [(one.headers.get("range"), one.headers.get("if-range")) for one in server.seen]
            assert ranges == [
                (None, None),
                (f"bytes={HALF}-", '"a"'),
                (f"bytes={HALF + 100_000}-", '"a"'),
            ]

    run(go)
    assert asked.target.read_bytes() == DATA
    assert asked.told == [Partial('"a"', len(DATA))]


def test_a_try_that_brings_little_ends_the_call_and_the_next_one_goes_on_from_there(asked: Asked) -> None:
    async def go() -> None:
        async with site(files(cut=5000), files(cut=5000), files()) as server:
            for size in (5000, 10_000):
                with pytest.raises(errors.Unanswered):
                    await asked(server.url)
                assert asked.target.stat().st_size == size
            assert await asked(server.url) == Downloaded(len(DATA), HASH, "video/mp4")
            assert [one.headers.get("range") for one in server.seen] == [None, "bytes=5000-", "bytes=10000-"]

    run(go)
    assert asked.target.read_bytes() == DATA


def test_a_file_that_was_whole_already_costs_one_byte(asked: Asked) -> None:
    async def go() -> None:
        async with site(files()) as server:
            await asked(server.url)
            assert await asked(server.url) == Downloaded(len(DATA), HASH, "video/mp4")
            assert server.seen[1].headers["range"] == f"bytes={len(DATA) - 1}-"

    run(go)
    assert asked.target.read_bytes() == DATA


def test_a_file_that_changed_meanwhile_begins_anew(asked: Asked) -> None:
    other = DATA[::-1] + b"!"

    async def go() -> None:
        async with site(files(cut=5000), files(other, etag='"b"')) as server:
            with pytest.raises(errors.Unanswered):
                await asked(server.url)
            got = await asked(server.url)
            assert got == Downloaded(len(other), xxhash.xxh3_128_hexdigest(other), "video/mp4")

    run(go)
    assert asked.target.read_bytes() == other
    assert asked.told == [Partial('"a"', len(DATA)), Partial('"b"', len(other))]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("416 No", {"content-range": f"bytes */{len(DATA)}"}),
        ("206 Part", {}),
        ("206 Part", {"content-type": "multipart/byteranges; boundary=x"}),
        ("206 Part", {"content-range": f"bytes 4999-{len(DATA) - 1}/{len(DATA)}"}),
        ("206 Part", {"content-range": f"bytes 5000-{len(DATA) - 2}/{len(DATA) - 1}"}),
        ("206 Part", {"content-range": f"bytes 5000-{len(DATA) - 1}/*"}),
        ("206 Part", {"content-range": f"bytes 5000-{len(DATA) - 1}/{len(DATA)}", "etag": '"b"'}),
    ],
    ids=["416", "no range", "several parts", "another start", "another total", "no total", "another tag"],
)
def test_a_part_that_does_not_fit_is_thrown_away_and_the_whole_is_asked_for(
    asked: Asked, status: str, headers: dict[str, str]
) -> None:
    async def go() -> None:
        async with site(files(cut=5000), plain(status, headers, DATA[5000:]), files()) as server:
            with pytest.raises(errors.Unanswered):
                await asked(server.url)
            assert await asked(server.url) == Downloaded(len(DATA), HASH, "video/mp4")
            assert "range" not in server.seen[2].headers

    run(go)
    assert asked.target.read_bytes() == DATA


def test_a_part_that_ends_early_is_followed_by_the_next(asked: Asked) -> None:
    async def go() -> None:
        part = {"content-range": f"bytes {HALF}-{HALF + 99_999}/{len(DATA)}", "etag": '"a"'}
        short = plain("206 Part", part, DATA[HALF : HALF + 100_000])
        async with site(files(cut=HALF), short, files()) as server:
            assert await asked(server.url) == Downloaded(len(DATA), HASH, "video/mp4")

    run(go)


def test_without_a_validator_a_broken_download_begins_anew_with_the_next_call(asked: Asked) -> None:
    announced = {"content-length": str(len(DATA)), "content-type": "video/mp4"}

    async def go() -> None:
        broken = plain("200 OK", announced, DATA[:HALF])
        async with site(broken, plain("200 OK", announced, DATA)) as server:
            with pytest.raises(errors.Unanswered):
                await asked(server.url)
            assert len(server.seen) == 1
            assert await asked(server.url) == Downloaded(len(DATA), HASH, "video/mp4")
            assert "range" not in server.seen[1].headers

    run(go)
    assert asked.told == [None, None]
    assert asked.target.read_bytes() == DATA


def test_a_cancelled_download_hangs_up_and_leaves_its_part_which_the_next_call_takes_up(asked: Asked) -> None:
    async def go() -> None:
        async def stalled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            head = f'HTTP/1.1 200 OK\r\netag: "a"\r\ncontent-length: {len(DATA)}\r\n\r\n'
            writer.write(head.encode() + DATA[:-1])
            await writer.drain()
            assert await reader.read() == b""

        async with listening(stalled) as url:
            download = asyncio.create_task(asked(url))
            await asked.moved.wait()
            download.cancel()
            with pytest.raises(asyncio.CancelledError):
                await download
        left = asked.target.stat().st_size
        assert left >= 1 << 20
        async with site(files()) as server:
            assert await asked(server.url) == Downloaded(len(DATA), HASH, "video/mp4")
            assert server.seen[0].headers["range"] == f"bytes={left}-"

    run(go)


def test_more_than_is_allowed_is_refused_before_a_byte_is_stored(asked: Asked) -> None:
    async def go() -> None:
        async with site(files()) as server:
            with pytest.raises(errors.Refused, match=r"2\.06 MB or more; `api\.max_download` allows 1 MB"):
                await asked(server.url, limit=1_000_000)
            await asked(server.url, limit=len(DATA))

    run(go)


def test_a_body_without_a_length_is_stopped_where_it_passes_the_limit(asked: Asked) -> None:
    endless = {"content-length": "", "content-type": "video/mp4"}

    async def go() -> None:
        async with site(plain("200 OK", endless, DATA)) as server:
            with pytest.raises(errors.Refused, match=r"api\.max_download"):
                await asked(server.url, limit=1_000_000)
            assert not asked.target.exists()
            assert await asked(server.url, limit=len(DATA)) == Downloaded(len(DATA), HASH, "video/mp4")

    run(go)


def test_our_headers_go_to_the_apis_origin_alone_and_not_back_to_it(asked: Asked) -> None:
    ours = {"Authorization": "Bearer canary", "X-Skill-Source": "background-music"}

    async def go() -> None:
        async with site(plain("302 Found", {"location": "/moved"}), files()) as api, site(files()) as cdn:
            # Inside the API's own origin they stay,
            assert isinstance(await asked(f"{api.url}/file", ours, own=api.url), Downloaded)
            assert [one.headers.get("authorization") for one in api.seen] == ["Bearer canary"] * 2
            # to another one they do not go, asked or led there,
            await asked(cdn.url, ours, own=api.url, private=True)
            api.answers = [plain("307 Go", {"location": f"{cdn.url}/a?b"}), files()]
            await asked(f"{api.url}/file", ours, own=api.url, private=True)
            # and who leads back to it does not get them sent.
            cdn.answers = [plain("302 Found", {"location": f"{api.url}/account"})]
            await asked(cdn.url, ours, own=api.url, private=True)
            assert [one.path for one in api.seen] == ["/file", "/moved", "/file", "/account"]
            assert "authorization" in api.seen[2].headers
            assert "authorization" not in api.seen[3].headers
            for one in cdn.seen:
                assert not {"authorization", "x-skill-source"} & set(one.headers)

    run(go)


def test_redirects_have_an_end(asked: Asked) -> None:
    async def go() -> None:
        turn = plain("302 Found", {"location": "/again"})
        async with site(*[turn] * 5, files()) as server:
            assert isinstance(await asked(server.url), Downloaded)
        async with site(turn) as server:
            with pytest.raises(errors.Refused, match="redirected more than 5 times"):
                await asked(server.url)
            assert len(server.seen) == 6

    run(go)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/",
        "//localhost:1/x",
        "http://[::1]:1/",
        "http://0x7f.1:1/",
    ],
)
def test_no_redirect_leads_into_a_private_network_or_out_of_http(asked: Asked, location: str) -> None:
    async def go() -> None:
        async with site(plain("302 Found", {"location": location})) as server:
            with pytest.raises(errors.Refused):
                await asked(server.url)
            assert len(server.seen) == 1

    run(go)


def test_a_result_in_a_private_network_is_fetched_only_where_that_is_allowed(asked: Asked) -> None:
    async def go() -> None:
        async with site(files()) as server:
            with pytest.raises(errors.Refused, match=r"set `api\.private_urls: true`"):
                await asked(server.url, own="https://api.example.com")
            assert server.seen == []
            got = await asked(server.url, own="https://api.example.com", private=True)
            assert isinstance(got, Downloaded)

    run(go)


def test_a_name_that_means_this_machine_is_refused_at_the_connection(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(host: str, port: int, *_: object, **__: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def go() -> None:
        async with site(files()) as server:
            port = server.url.rpartition(":")[2]
            monkeypatch.setattr(socket, "getaddrinfo", look_up)
            for url in (f"http://media.example.com:{port}/a", f"https://media.example.com:{port}/a"):
                with pytest.raises(errors.Refused, match=r"media\.example\.com \(127\.0\.0\.1\)"):
                    await asked(url, own="https://api.example.com")
            assert server.seen == []

    run(go)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", b"<html><style>x</style><p>Link   expired</p></html>"),
        ("application/json", b'"Link expired"'),
        ("text/plain", b"Link expired"),
        ("application/pdf", b"Link expired"),
    ],
)
def test_words_instead_of_media_are_said(asked: Asked, kind: str, body: bytes) -> None:
    async def go() -> None:
        async with site(plain("200 OK", {"content-type": kind}, body)) as server:
            with pytest.raises(errors.Unanswered, match=r"came and no media: .*Link expired"):
                await asked(server.url, own="http://127.0.0.1:9", private=True)
            assert not asked.target.exists()

    run(go)


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "binary/octet-stream", "", "video/x-matroska", "Audio/MPEG"]
)
def test_a_small_file_of_an_ordinary_type_is_a_file(asked: Asked, kind: str) -> None:
    async def go() -> None:
        async with site(plain("200 OK", {"content-type": kind}, b"media")) as server:
            got = await asked(server.url)
            assert isinstance(got, Downloaded) and got.size == 5

    run(go)


def test_a_large_file_of_a_wrong_type_is_left_to_those_who_look_into_it(asked: Asked) -> None:
    async def go() -> None:
        async with site(plain("200 OK", {"content-type": "text/plain"}, DATA)) as server:
            assert isinstance(await asked(server.url), Downloaded)

    run(go)


def test_the_apis_own_no_is_its_to_explain_and_anothers_is_told_as_what_it_is(asked: Asked) -> None:
    refusal = b'{"code": 1001, "message": "token expired"}'
    said = {"content-type": "application/json"}

    async def go() -> None:
        for status in ("401 No", "404 Not Found", "500 Oh", "200 OK"):
            async with site(plain(status, said, refusal)) as server:
                got = await asked(server.url)
                assert isinstance(got, Reply)
                assert (got.status, got.body) == (int(status[:3]), refusal)
        for status, kind in (
            ("401 No", errors.Refused),
            ("403 No", errors.Refused),
            ("404 Not Found", errors.NotFound),
            ("503 Busy", errors.Unanswered),
            ("429 Slow", errors.Unanswered),
            ("200 OK", errors.Unanswered),
        ):
            async with site(plain(status, said, refusal)) as server:
                with pytest.raises(errors.ApiError) as raised:
                    await asked(server.url, own="http://127.0.0.1:9", private=True)
                assert type(raised.value) is kind

    run(go)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"content-encoding": "gzip"}, "compressed though"),
        ({"content-length": "0"}, "an empty file"),
    ],
)
def test_what_is_no_file_is_no_answer(asked: Asked, headers: dict[str, str], words: str) -> None:
    async def go() -> None:
        body = b"" if headers.get("content-length") else DATA
        async with site(plain("200 OK", {"content-type": "video/mp4", **headers}, body)) as server:
            with pytest.raises(errors.Unanswered, match=words):
                await asked(server.url)
            assert server.seen[0].headers["accept-encoding"] == "identity"

    run(go)


def test_a_full_disk_is_the_folders_fault(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    asked.target.symlink_to("/dev/full")

    async def go() -> None:
        async with site(files()) as server:
            with pytest.raises(errors.DeliveryError, match=r"takes no file \(No space left"):
                await asked(server.url)

    run(go)


def test_a_download_is_too_slow_only_by_its_average_over_five_minutes() -> None:
    begun = Pace(1000.0, 0)
    assert paced(begun, 1299.9, 0) == begun
    assert paced(begun, 1300.0, 300 * 1024) == Pace(1300.0, 300 * 1024)
    assert paced(begun, 1300.0, 300 * 1024 - 1) is None
    assert paced(begun, 1600.0, 600 * 1024 - 1) is None
    # What came before the window does not help it.
    assert paced(Pace(1300.0, 1 << 30), 1600.0, (1 << 30) + 1024) is None


SUNDAY = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": '"a"'}, '"a"'),
        ({"etag": '"a"', "last-modified": SUNDAY}, '"a"'),
        ({"etag": 'W/"a"'}, None),
        ({"etag": "a"}, None),
        ({"etag": '"a b"'}, None),
        ({"last-modified": SUNDAY}, None),
        ({"last-modified": SUNDAY, "date": SUNDAY}, None),
        ({"last-modified": SUNDAY, "date": "Sun, 06 Nov 1994 08:49:38 GMT"}, SUNDAY),
        ({"etag": 'W/"a"', "last-modified": SUNDAY, "date": "Mon, 07 Nov 1994 08:49:37 GMT"}, SUNDAY),
        ({"last-modified": "yesterday", "date": SUNDAY}, None),
        ({}, None),
    ],
)
def test_only_a_strong_validator_vouches_for_bytes(headers: dict[str, str], validator: str | None) -> None:
    assert partial_of(headers, 7) == (Partial(validator, 7) if validator else None)
    assert partial_of(headers, None) is None


def test_a_part_fits_by_start_total_and_validator() -> None:
    said = {"content-range": "bytes 5-9/10", "etag": '"a"', "last-modified": SUNDAY}
    assert fits(said, 5, Partial('"a"', 10))
    assert fits(said, 5, Partial(SUNDAY, 10))
    assert fits({"content-range": "bytes 5-7/10"}, 5, Partial('"a"', 10))
    for start, resume in ((4, Partial('"a"', 10)), (5, Partial('"a"', 11)), (5, Partial('"b"', 10))):
        assert not fits(said, start, resume)
    for ranged in ("bytes 5-10/10", "bytes 5-4/10", "bytes 5-9/*", "5-9/10"):
        assert not fits({"content-range": ranged}, 5, Partial('"a"', 10))


def test_a_redirect_is_read_against_where_it_stands_and_never_leaves_tls() -> None:
    assert next_hop("https://a.example.com/x/y?z", "../b?c") == "https://a.example.com/b?c"
    assert next_hop("http://a.example.com/", "https://b.example.com/") == "https://b.example.com/"
    for location, words in (
        ("http://a.example.com/", "from https to http"),
        ("HTTP://a.example.com/", "from https to http"),
        ("javascript:1", "leads to javascript:"),
    ):
        with pytest.raises(ValueError, match=words):
            next_hop("https://a.example.com/", location)


@given(st.binary(max_size=300))
def test_the_first_words_of_anything_are_one_printable_line(body: bytes) -> None:
    said = first_words(body)
    assert said.isprintable() and 0 < len(said) <= 100
