"""Every call that a job makes to the editing service, the attribution headers on all of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from daemon.errors import ApiError, NotFound, TokenRefused, Unanswered
from daemon.nemo import answers, wire
from daemon.nemo.account import Account, Endpoint
from daemon.nemo.answers import Balance, Look, RenderLook, Session, Uploaded
from daemon.nemo.events import Answer, Failure, Heartbeat, Said, gather, read
from daemon.nemo.sse import Parser
from daemon.nemo.transport import Downloaded, Progress, Reply, Transport


@dataclass(frozen=True, slots=True)
class Attribution:
    """On whose behalf a request is made; never empty, or an export answers 402."""

    skill: str
    version: str
    platform: str = "unknown"

    @property
    def headers(self) -> dict[str, str]:
        return {
            wire.SKILL_SOURCE: self.skill,
            wire.SKILL_VERSION: self.version,
            wire.SKILL_PLATFORM: self.platform,
        }


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Seconds: without anything but heartbeats, and in all."""

    quiet: float
    whole: float


class Client:
    """The service for one job: a slot's transport, the account that pays, the skill that is named.

    All methods raise ApiError's family: Unreachable (nothing was sent), Unanswered (unknown), Refused (a no).
    """

    def __init__(self, transport: Transport, account: Account, attribution: Attribution) -> None:
        self._transport = transport
        self._account = account
        self._attribution = attribution

    async def create_session(self, language: str) -> Session:
        data = await self._call(
            "create a session", "POST", wire.SESSION, {"task_name": "project", "language": language}
        )
        return answers.read_session("create a session", data)

    async def upload(
        self, session: str, source: Path, content: str, progress: Progress
    ) -> tuple[Uploaded, ...]:
        """Uploads a file; `content` is the xxh3-128 it must have. Raises SourceError if it has changed."""
        operation = f"upload {source.name}"

        async def send(at: Endpoint) -> Reply:
            url = at.url + wire.UPLOAD.format(session=quote(session))
            headers = self._headers(at)
            return await self._transport.upload(operation, url, headers, source, content, progress)

        return answers.read_uploads(operation, await self._answered(operation, send))

    async def look(self, session: str) -> Look:
        """Reads the session's state."""
        path = wire.STATE.format(session=quote(session))
        return answers.read_look("read the state", await self._call("read the state", "GET", path))

    async def balance(self) -> Balance:
        return answers.read_balance(
            "read the credits", await self._call("read the credits", "GET", wire.CREDITS)
        )

    async def run(
        self, session: str, message: str, limits: StreamLimits, hear: Callable[[Said], None]
    ) -> Answer:
        """Sends a message, which is paid for, and listens until the stream closes.

        Never sends twice: only a refused token, which did nothing, is renewed and the message sent again.
        Raises Unanswered where the stream was cut or the limits passed.
        """
        body = {
            "app_name": wire.APP,
            "user_id": "me",
            "session_id": session,
            "new_message": {"parts": [{"text": message}]},
        }
        at = await self._account.endpoint()
        try:
            return await self._run_at(at, body, limits, hear)
        except TokenRefused:
            return await self._run_at(await self._account.renew(at), body, limits, hear)

    async def submit_render(
        self, render: str, session: str, draft: wire.JsonObject, form: str, quality: str
    ) -> None:
        """Asks for a render under an id of ours. Raises DuplicateRender where it has it already."""
        body = {
            "id": render,
            "sessionId": session,
            "draft": draft,
            "output": {"format": form, "quality": quality},
        }
        await self._call("submit the render", "POST", wire.RENDER, body)

    async def render(self, render: str) -> RenderLook:
        path = wire.RENDER_ONE.format(render=quote(render))
        return answers.read_render("follow the render", await self._call("follow the render", "GET", path))

    async def download(self, render: str, url: str | None, target: Path, progress: Progress) -> Downloaded:
        """Fetches a render's file from its URL, or by its id where that URL does not answer."""
        if url is not None:
            try:
                return await self._download(url, target, progress)
            except ApiError as error:
                if isinstance(error, TokenRefused):
                    raise
        return await self._download(wire.RENDER_FILE.format(render=quote(render)), target, progress)

    async def _download(self, url: str, target: Path, progress: Progress) -> Downloaded:
        operation = "download the result"
        at = await self._account.endpoint()
        whole = at.url + url if url.startswith("/") else url
        headers = self._headers(at) if _origin(whole) == _origin(at.url) else {}
        got = await self._transport.download(operation, whole, headers, target, progress)
        if isinstance(got, Downloaded):
            return got
        answers.read_answer(operation, got.status, got.headers, got.body, time.time())
        raise NotFound(operation, f"the service answered HTTP {got.status} and no file")

    async def _run_at(
        self, at: Endpoint, body: Mapping[str, Any], limits: StreamLimits, hear: Callable[[Said], None]
    ) -> Answer:
        operation = "send the instruction"
        headers = self._headers(at) | {"Accept": "text/event-stream", "Content-Type": "application/json"}
        said: list[Said] = []
        parser = Parser()
        content = json.dumps(body, ensure_ascii=False).encode()
        try:
            async with (
                asyncio.timeout(limits.whole),
                self._transport.stream(operation, at.url + wire.RUN, headers, content, limits.quiet) as (
                    reply,
                    pieces,
                ),
            ):
                _accept_stream(operation, reply)
                quiet = asyncio.get_running_loop().time() + limits.quiet
                async for piece in pieces:
                    for event in parser.feed(piece):
                        for one in read(event.data):
                            hear(one)
                            said.append(one)
                            if not isinstance(one, Heartbeat):
                                quiet = asyncio.get_running_loop().time() + limits.quiet
                    if asyncio.get_running_loop().time() > quiet:
                        raise Unanswered(operation, f"nothing but heartbeats for {limits.quiet:.0f} s")
        except TimeoutError:
            raise Unanswered(operation, f"the stream was still open after {limits.whole:.0f} s") from None
        return gather(said)

    async def _call(
        self, operation: str, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> wire.JsonObject:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        typed = {} if content is None else {"Content-Type": "application/json"}

        async def send(at: Endpoint) -> Reply:
            headers = self._headers(at) | typed
            return await self._transport.ask(operation, method, at.url + path, headers, content)

        return await self._answered(operation, send)

    async def _answered(self, operation: str, send: Callable[[Endpoint], Any]) -> wire.JsonObject:
        at = await self._account.endpoint()
        try:
            return _read(operation, await send(at))
        except TokenRefused:
            return _read(operation, await send(await self._account.renew(at)))

    def _headers(self, at: Endpoint) -> dict[str, str]:
        return {"Authorization": f"Bearer {at.token}", **self._attribution.headers}


async def ask_anonymous_token(url: str, client_id: str) -> str:
    """A starter token for this client id (100 credits, 7 days). Raises ApiError."""
    operation = "get a starter token"
    transport = Transport()
    try:
        reply = await transport.ask(
            operation, "POST", url + wire.ANONYMOUS_TOKEN, {wire.CLIENT_ID: client_id}
        )
        data = _read(operation, reply)
        if not data.get("token"):
            raise Unanswered(operation, "the answer holds no token")
        return str(data["token"])
    finally:
        await transport.close()


def failure_error(failure: Failure) -> ApiError:
    """The error that an error event inside a stream stands for; a code we do not know is a plain Refused."""
    code = int(failure.code) if failure.code.lstrip("-").isdigit() else None
    envelope = {"message": f"{failure.code}: {failure.message}", **({} if code is None else {"code": code})}
    return answers.refusal("send the instruction", 200, envelope, {}, 0.0)


def _accept_stream(operation: str, reply: Reply) -> None:
    """Raises what an answer stands for that is no stream: an envelope under any status, HTML, nothing."""
    typed = reply.headers.get("content-type", "")
    if reply.status < 400 and typed.startswith("text/event-stream"):
        return
    _read(operation, reply)
    raise Unanswered(operation, f"the service answered {typed or 'nothing'} instead of a stream")


def _read(operation: str, reply: Reply) -> wire.JsonObject:
    return answers.read_answer(operation, reply.status, reply.headers, reply.body, time.time())


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
