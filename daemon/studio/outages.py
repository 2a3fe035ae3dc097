"""What befalls a call on the wire: late, refused, cut, stalled and dropped answers, half-taken bodies.

An ASGI layer around the whole application. What concerns a message or a token is left to the calls, which
find it in `scope["state"]` (`then_of`).
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from daemon.studio.faults import NOTHING, Place, Then
from daemon.studio.terms import Terms

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, no time: closing sends a reset instead of an end."""


class Protocol(H11Protocol):
    """uvicorn's own, which tells the application which connection it talks over."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": transport}


def then_of(scope: Scope) -> Then:
    """What befalls the call of this scope."""
    then = scope.get("state", {}).get("then", NOTHING)
    assert isinstance(then, Then)
    return then


class Outages:
    """`call_of`: the name of the call that a scope is, None for a path that is none."""

    def __init__(self, app: ASGIApp, terms: Terms, call_of: Callable[[Scope], str | None]) -> None:
        self._app = app
        self._terms = terms
        self._call_of = call_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._call_of(scope) if scope["type"] == "http" else None
        then = self._terms.befalls(call) if call else NOTHING
        if then is NOTHING:
            await self._app(scope, receive, send)
            return
        scope["state"]["then"] = then
        await _Exchange(then, scope, receive, send).run(self._app)


class _Exchange:
    """One request and its answer, with what befalls them."""

    def __init__(self, then: Then, scope: Scope, receive: Receive, send: Send) -> None:
        self._then = then
        self._scope = scope
        self._receive = receive
        self._send = send
        self._end = then.cut or then.stall
        self._left = math.inf
        self._taken = 0
        self._over = False

    async def run(self, app: ASGIApp) -> None:
        then = self._then
        await asyncio.sleep(then.delay)
        receive = self._take if then.take else self._receive
        if then.drop == "request":
            self._reset()
        elif then.answered:
            await (app(self._scope, receive, _nowhere) if then.done else _drained(receive))
            await _answer(then, time.time())(self._scope, self._receive, self._pass)
        elif then.drop == "answer":
            await app(self._scope, receive, _nowhere)
            self._reset()
        else:
            await app(self._scope, receive, self._pass)
        if self._over:
            # uvicorn would answer in our stead as long as it does not know that the connection has ended.
            await _drained(self._receive, to_the_end=True)

    async def _take(self) -> Message:
        """The request's body, until enough of it has come."""
        message = await self._receive()
        if message.get("body") and self._then.take is not None:
            self._taken += len(message["body"])
            length = int(Headers(scope=self._scope).get("content-length", "0"))
            if self._taken >= _amount(self._then.take, length):
                self._reset()
                return {"type": "http.disconnect"}
        return message

    async def _pass(self, message: Message) -> None:
        """The answer on its way out."""
        if self._over:
            return
        if message["type"] == "http.response.start":
            await asyncio.sleep(self._then.late)
            await self._send({**message, "headers": self._headers(message)})
        else:
            await self._body(message)
        if self._left <= 0:
            await self._stop()

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        headers = MutableHeaders(raw=list(message["headers"]))
        for name, value in (self._then.headers or {}).items():
            headers[name] = value
        if self._then.content_type is not None:
            headers["content-type"] = self._then.content_type
        if self._end is not None:
            self._left = _amount(self._end, int(headers.get("content-length", "0")))
        return headers.raw

    async def _body(self, message: Message) -> None:
        body = message.get("body", b"")
        events = self._end is not None and self._end.unit == "events"
        cost = bool(body) if events else len(body)
        if cost >= self._left:
            part = body if events else body[: int(self._left)]
            message = {**message, "body": part, "more_body": True}
        self._left -= cost
        await self._send(message)

    async def _stop(self) -> None:
        self._over = True
        if self._then.cut is not None:
            self._scope["state"]["connection"].close()
        else:
            await _drained(self._receive, to_the_end=True)

    def _reset(self) -> None:
        transport = self._scope["state"]["connection"]
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
        self._over = True


def _amount(place: Place, length: int) -> float:
    """In the place's own unit: bytes or events."""
    return math.floor(place.size * length) if place.unit == "share" else place.size


def _answer(then: Then, now: float) -> Response:
    """The answer that is given instead of the call's own."""
    waits = then.retry_after is not None or then.retry_after_date is not None
    only_waits = waits and then.code is None and then.body is None
    status = then.status or (429 if only_waits else 200)
    headers = {}
    if then.retry_after is not None:
        headers["retry-after"] = str(math.ceil(then.retry_after))
    if then.retry_after_date is not None:
        headers["retry-after"] = formatdate(math.ceil(now + then.retry_after_date), usegmt=True)
    if then.body is not None:
        kind = "text/html" if then.body.lstrip().startswith("<") else "text/plain"
        return Response(then.body, status, headers, media_type=kind)
    code = then.code if then.code is not None else status if status >= 400 else 0
    said = then.message or ("rehearsed" if code else "success")
    return Response(
        json.dumps({"code": code, "message": said, "data": None}, ensure_ascii=False),
        status,
        headers,
        media_type="application/json",
    )


async def _drained(receive: Receive, *, to_the_end: bool = False) -> None:
    """Reads the request's body away, or waits (`to_the_end`) until the client has hung up."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not (to_the_end or message.get("more_body", False)):
            return


async def _nowhere(message: Message) -> None:
    """Where a lost answer goes."""
