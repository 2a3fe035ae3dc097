"""Every answer that is a no, at every call: which error it is, with what in it.

The rows are nemo-api.md's error table and what stands between us and the service (proxies, gateways, sign-in
pages). A raw server gives each row to each call.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import xxhash

from daemon import errors
from daemon.nemo import download as downloads
from daemon.nemo import transport as transports
from daemon.nemo.account import TokenAccount
from daemon.nemo.client import Attribution, Client, StreamLimits, ask_anonymous_token
from daemon.nemo.transport import Transport

OURS = Attribution("reeldrop", "1")
TOKENS = ("nmv_usr_5ecretOfTheAccount", "nmv_usr_an0therAfterThat")
LIMITS = StreamLimits(30.0, 60.0)
DRAFT = {"t": [{"tt": 0, "sg": [{"d": 1}]}]}


@dataclass(frozen=True)
class Scene:
    """Where a call goes, and what it needs."""

    url: str
    transport: Transport
    folder: Path

    @property
    def client(self) -> Client:
        """A client for the server: fresh, with an open gate and a token left to renew."""
        return Client(self.transport, TokenAccount(self.url, iter(TOKENS).__next__), OURS)

    @property
    def clip(self) -> tuple[Path, str]:
        path = self.folder / "clip.mp4"
        path.write_bytes(b"a clip")
        return path, xxhash.xxh3_128_hexdigest(b"a clip")


Call = Callable[[Scene], Awaitable[object]]

CALLS: Mapping[str, Call] = {
    "get a starter token": lambda scene: ask_anonymous_token(scene.url, "an-id", attribution=OURS),
    "create a session": lambda scene: scene.client.create_session("en"),
    "open the project": lambda scene: scene.client.claim_token("1", "7"),
    "upload clip.mp4": lambda scene: scene.client.upload("7", *scene.clip, lambda _: None),
    "upload the links in a.url": lambda scene: scene.client.upload_links(
        "7", "a.url", [f"{scene.url}/clip.mp4"]
    ),
    "read the state": lambda scene: scene.client.look("7"),
    "read the credits": lambda scene: scene.client.balance(),
    "send the instruction": lambda scene: scene.client.run("7", "trim it", LIMITS, lambda _: None),
    "submit the render": lambda scene: scene.client.submit_render("render_1", "7", DRAFT, "mp4", "high"),
    "follow the render": lambda scene: scene.client.render("render_1"),
    "download the result": lambda scene: scene.client.download(
        "render_1", None, scene.folder / "got", lambda _: None
    ),
}
IN_SESSION = (
    "open the project",
    "upload clip.mp4",
    "upload the links in a.url",
    "read the state",
    "send the instruction",
    "submit the render",
)


@dataclass(frozen=True)
class Want:
    """The error that an answer is, with the envelope's code and the HTTP status in it (0: none came)."""

    kind: type[errors.ReeldropError]
    code: int | None = None
    status: int = 0


@dataclass(frozen=True)
class Row:
    """An answer's bytes, and the error that it is, with the calls at which it is another."""

    told: bytes
    want: Want
    at: Mapping[str, Want] = field(default_factory=dict)


def raw(status: int, body: bytes, kind: str = "", *more: str) -> bytes:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Strange"
    lines = [f"HTTP/1.1 {status} {phrase}", "connection: close", *more]
    lines += [f"content-type: {kind}"] if kind else []
    lines += [f"content-length: {len(body)}"] if status >= 200 and status not in (204, 304) else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def enveloped(status: int, *more: str, **fields: object) -> bytes:
    return raw(status, json.dumps(fields).encode(), "application/json", *more)


def page(status: int, title: str, *more: str) -> bytes:
    return raw(status, f"<html><title>{title}</title></html>".encode(), "text/html", *more)


def coded(code: int, kind: type[errors.ApiError], message: str = "no") -> dict[str, Row]:
    """One meaning of the table, told in every way: a code under 200, in text, nested, and under HTTP 400."""
    want = Want(kind, code, 200)
    return {
        f"code {code}": Row(enveloped(200, code=code, message=message, data=None), want),
        f"code {code} as text": Row(enveloped(200, code=str(code), message=message), want),
        f"code {code} nested": Row(enveloped(200, error={"code": code, "message": message}), want),
        f"code {code} under 400": Row(enveloped(400, code=code, message=message), Want(kind, code, 400)),
    }


def gone(code: int | None, status: int) -> dict[str, Want]:
    return dict.fromkeys(IN_SESSION, Want(errors.SessionGone, code, status))


def taken(code: int | None, status: int) -> dict[str, Want]:
    return {"submit the render": Want(errors.DuplicateRender, code, status)}


UNSAID = Want(errors.Unanswered, None, 200)
# A result's redirects are followed, though not into private networks.
SENT_ON = {"download the result": Want(errors.Refused)}
NO_MEDIA = {"download the result": Want(errors.Unanswered)}

ROWS: Mapping[str, Row] = {
    **coded(1001, errors.TokenRefused, "token expired"),
    **coded(1010, errors.TokenRefused),
    **coded(1011, errors.TokenRefused),
    "401": Row(enveloped(401, detail="Unauthorized"), Want(errors.TokenRefused, None, 401)),
    "401 page": Row(page(401, "Sign in"), Want(errors.TokenRefused, None, 401)),
    **coded(1002, errors.SessionGone, "session not found"),
    **coded(2001, errors.OutOfCredits, "duplicate requests used up the credits"),
    "402 with code 2001": Row(enveloped(402, code=2001), Want(errors.OutOfCredits, 2001, 402)),
    **coded(4001, errors.FileRefused, "exe"),
    "415": Row(raw(415, b""), Want(errors.FileRefused, None, 415)),
    **coded(4002, errors.FileRefused),
    "413 page": Row(page(413, "Request Entity Too Large"), Want(errors.FileRefused, None, 413)),
    "400": Row(enveloped(400, message="bad request"), Want(errors.Refused, None, 400)),
    "400 client id": Row(enveloped(400, message="X-Client-Id missing"), Want(errors.Refused, None, 400)),
    "402": Row(enveloped(402, message="upgrade"), Want(errors.ExportBlocked, None, 402)),
    "402 empty": Row(raw(402, b""), Want(errors.ExportBlocked, None, 402)),
    "code 402": Row(enveloped(200, code=402), Want(errors.ExportBlocked, 402, 200)),
    "403": Row(enveloped(403, message="scope render lacks"), Want(errors.Forbidden, None, 403)),
    "403 page": Row(page(403, "Attention Required"), Want(errors.Forbidden, None, 403)),
    "404": Row(enveloped(404, detail="Not Found"), Want(errors.NotFound, None, 404), gone(None, 404)),
    "404 session": Row(
        enveloped(404, detail="Session not found: 7"), Want(errors.NotFound, None, 404), gone(None, 404)
    ),
    "code 404": Row(enveloped(200, code=404), Want(errors.NotFound, 404, 200), gone(404, 200)),
    "404 of a gateway": Row(page(404, "404 Not Found"), Want(errors.NotFound, None, 404)),
    "404 empty": Row(raw(404, b""), Want(errors.NotFound, None, 404)),
    "410": Row(enveloped(410), Want(errors.NotFound, None, 410), gone(None, 410)),
    "405": Row(enveloped(405, detail="Method Not Allowed"), Want(errors.Refused, None, 405)),
    "407": Row(raw(407, b""), Want(errors.Unreachable, None, 407)),
    "408": Row(raw(408, b""), Want(errors.Unanswered, None, 408)),
    "409": Row(enveloped(409, message="exists"), Want(errors.Refused, None, 409), taken(None, 409)),
    "400 duplicate": Row(
        enveloped(400, message="duplicate id"), Want(errors.Refused, None, 400), taken(None, 400)
    ),
    "no success, duplicate": Row(
        enveloped(200, success=False, error="duplicate id"), Want(errors.Refused, None, 200), taken(None, 200)
    ),
    "no success": Row(enveloped(200, success=False, error="no"), Want(errors.Refused, None, 200)),
    "code 0 and no success": Row(enveloped(200, code=0, success=False), Want(errors.Refused, 0, 200)),
    "422 with a list": Row(
        enveloped(422, detail=[{"loc": ["body", "id"], "msg": "field required"}]),
        Want(errors.Refused, None, 422),
    ),
    "code -1": Row(enveloped(200, code=-1, message="no"), Want(errors.Refused, -1, 200)),
    "429": Row(enveloped(429, "retry-after: 7"), Want(errors.RateLimited, None, 429)),
    "429 of a gateway": Row(page(429, "Slow down", "retry-after: 7"), Want(errors.RateLimited, None, 429)),
    "code 429": Row(enveloped(200, "retry-after: 7", code=429), Want(errors.RateLimited, 429, 200)),
    "500": Row(enveloped(500, code=2001, message="no"), Want(errors.Unanswered, 2001, 500)),
    "502 page": Row(page(502, "Bad Gateway"), Want(errors.Unanswered, None, 502)),
    "503 empty": Row(raw(503, b""), Want(errors.Unanswered, None, 503)),
    "511 page": Row(page(511, "Sign in"), Want(errors.Unanswered, None, 511)),
    "999": Row(raw(999, b""), Want(errors.Unanswered, None, 999)),
    "code 503": Row(enveloped(200, code=503), Want(errors.Unanswered, 503, 200)),
    "code 5001": Row(enveloped(200, code="5001"), Want(errors.Unanswered, 5001, 200)),
    "code in words": Row(enveloped(200, code="BROKEN", message="oops"), UNSAID),
    "an error alone": Row(enveloped(200, error="oops"), UNSAID),
    "sign-in page": Row(page(200, "Hotel"), UNSAID, NO_MEDIA),
    "empty": Row(raw(200, b""), UNSAID, NO_MEDIA),
    "empty JSON": Row(raw(200, b"", "application/json"), UNSAID),
    "a list": Row(raw(200, b"[]", "application/json"), UNSAID),
    "half a JSON": Row(raw(200, b'{"code": 0, "da', "application/json"), UNSAID),
    "text": Row(raw(200, b"upstream connect error", "text/plain"), UNSAID, NO_MEDIA),
    "204": Row(raw(204, b""), Want(errors.Unanswered, None, 204), NO_MEDIA),
    "302": Row(raw(302, b"", "", "location: http://10.1.2.3/"), Want(errors.Unanswered, None, 302), SENT_ON),
    "304": Row(raw(304, b""), Want(errors.Unanswered, None, 304)),
}

RETRYABLE = (
    errors.Unreachable,
    errors.Unanswered,
    errors.RateLimited,
    errors.SessionGone,
    errors.NotFound,
)


@asynccontextmanager
async def server(tell: Callable[[asyncio.StreamWriter], None]) -> AsyncIterator[str]:
    """Reads each request whole, then lets `tell` write what it likes; then hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        tell(writer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


@asynccontextmanager
async def transport() -> AsyncIterator[Transport]:
    made = Transport()
    try:
        yield made
    finally:
        await made.close()


async def error_of(call: Call, scene: Scene) -> Exception | str:
    try:
        return f"no error, but {await call(scene)!r}"
    except Exception as error:
        return error


def faults(operation: str, got: Exception | str, want: Want) -> list[str]:
    """What of an error is not as it should be."""
    if not isinstance(got, errors.ApiError) or type(got) is not want.kind:
        return [f"wanted {want.kind.__name__}, got {got!r}"]
    wrong = []
    if got.operation != operation:
        wrong.append(f"the operation is {got.operation!r}")
    if (got.api_code, got.status) != (want.code, want.status):
        wrong.append(f"code and status are {(got.api_code, got.status)}")
    if got.retryable is not (want.kind in RETRYABLE):
        wrong.append(f"retryable is {got.retryable}")
    if not 0 < len(got.cause) <= 300 or not str(got).isprintable():
        wrong.append(f"the cause is not readable: {got.cause!r}")
    if want.status and not re.search(r"\w.*\.$", got.hint):
        wrong.append(f"the hint is {got.hint!r}")
    if isinstance(got, errors.RateLimited) and got.retry_after != 7.0:
        wrong.append(f"it waits {got.retry_after}")
    if any(token in f"{got!r}" for token in TOKENS):
        wrong.append("it shows the token")
    return wrong


@pytest.mark.parametrize("operation", CALLS)
def test_every_no_of_the_table_is_its_error_at_every_call(operation: str, tmp_path: Path) -> None:
    wrong = {}

    async def go() -> None:
        async with transport() as sent:
            for name, row in ROWS.items():
                async with server(lambda writer, row=row: writer.write(row.told)) as url:  # type: ignore[misc]
                    got = await error_of(CALLS[operation], Scene(url, sent, tmp_path))
                if found := faults(operation, got, row.at.get(operation, row.want)):
                    wrong[name] = found

    asyncio.run(go())
    assert not wrong


@pytest.mark.parametrize("operation", [one for one in CALLS if one != "get a starter token"])
def test_a_token_that_an_answer_repeats_is_in_no_error(operation: str, tmp_path: Path) -> None:
    shown = []
    secret = TOKENS[0]
    echoes = [
        enveloped(400, message=f"bad header: Bearer {secret}"),
        enveloped(500, **{secret: secret, "detail": [{"loc": [secret], "msg": secret}]}),
        raw(502, f"<title>{secret}</title>".encode(), "text/html"),
        raw(400, f"Authorization: Bearer {secret}".encode(), "text/plain"),
        raw(200, f"Authorization: Bearer {secret}".encode(), "text/plain"),
        raw(200, b"\0\xff", secret),
        raw(302, b"", "", f"location: https://{secret}/{secret}"),
    ]

    async def go() -> None:
        async with transport() as sent:
            for told in echoes:
                async with server(lambda writer, told=told: writer.write(told)) as url:  # type: ignore[misc]
                    got = await error_of(CALLS[operation], Scene(url, sent, tmp_path))
                    shown.append(f"{got} {got!r}")

    asyncio.run(go())
    assert not [one for one in shown if secret.lower() in one.lower()]


def nothing(writer: asyncio.StreamWriter) -> None:
    """Hangs up."""


def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def cut_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-ty")


def cut_body(writer: asyncio.StreamWriter) -> None:
    writer.write(raw(200, b'{"code": 0, "data": {}}', "application/json")[:-5])


def cut_chunk(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{}")


def cut_stream(writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    writer.write(head + b'22\r\ndata: {"type":"text","content":"a')


@pytest.mark.parametrize("broken", [nothing, reset, cut_head, cut_body, cut_chunk, cut_stream])
def test_a_connection_that_breaks_leaves_every_call_unanswered(
    broken: Callable[[asyncio.StreamWriter], None], tmp_path: Path
) -> None:
    async def go() -> dict[str, list[str]]:
        async with server(broken) as url, transport() as sent:
            scene = Scene(url, sent, tmp_path)
            return {
                operation: faults(operation, await error_of(call, scene), Want(errors.Unanswered))
                for operation, call in CALLS.items()
            }

    assert not {operation: found for operation, found in asyncio.run(go()).items() if found}


def test_a_service_that_is_not_there_was_sent_nothing(tmp_path: Path) -> None:
    async def go() -> dict[str, list[str]]:
        async with server(nothing) as url:
            pass
        async with transport() as sent:
            scene = Scene(url, sent, tmp_path)
            return {
                operation: faults(operation, await error_of(call, scene), Want(errors.Unreachable))
                for operation, call in CALLS.items()
            }

    assert not {operation: found for operation, found in asyncio.run(go()).items() if found}


def test_a_service_that_says_nothing_leaves_every_call_unanswered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "_TIMEOUT", httpx.Timeout(30.0, read=0.05))
    monkeypatch.setattr(transports, "_PROCESSED", 0.05)
    monkeypatch.setattr(downloads, "_SILENCE", 0.05)
    soon = StreamLimits(0.05, 60.0)
    calls = {**CALLS, "send the instruction": lambda scene: scene.client.run("7", "x", soon, lambda _: None)}

    async def go() -> dict[str, list[str]]:
        over = asyncio.Event()

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await over.wait()
            writer.close()

        listening = await asyncio.start_server(hold, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with listening, transport() as sent:
            scene = Scene(url, sent, tmp_path)
            found = {
                operation: faults(operation, await error_of(call, scene), Want(errors.Unanswered))
                for operation, call in calls.items()
                if operation != "get a starter token"  # brings a transport of its own
            }
            over.set()
        return found

    assert not {operation: found for operation, found in asyncio.run(go()).items() if found}
