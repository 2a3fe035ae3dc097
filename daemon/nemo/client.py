"""Every call that a job makes to the editing service, the attribution headers on all of them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from daemon.errors import (
    ApiError,
    DuplicateRender,
    NotFound,
    RateLimited,
    Refused,
    SessionGone,
    TokenRefused,
    Unanswered,
)
from daemon.nemo import answers, wire
from daemon.nemo.account import Account, Endpoint, Grant
from daemon.nemo.addresses import Allowed, check
from daemon.nemo.answers import Balance, ClaimToken, Look, RenderLook, Session, Uploaded
from daemon.nemo.events import Answer, Failure, Heartbeat, Said, Text, ToolCall, ToolResult, gather, read
from daemon.nemo.refusals import LASTS, refusal
from daemon.nemo.sse import Parser
from daemon.nemo.transport import Began, Downloaded, Partial, Progress, Reply, Transport, unkept

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person allows: addresses in private networks, and bytes of a result."""

    private_urls: bool = False
    max_download: int = 4_000_000_000


class Client:
    """The service for one job: a slot's transport, the account that pays, the skill that is named.

    All methods raise ApiError's family: Unreachable (nothing was sent), Unanswered (unknown), Refused (a no).
    """

    def __init__(
        self, transport: Transport, account: Account, attribution: Attribution, terms: Terms | None = None
    ) -> None:
        self._transport = transport
        self._account = account
        self._attribution = attribution
        self._terms = terms or Terms()

    async def create_session(self, language: str) -> Session:
        data = await self._call(
            "create a session", "POST", wire.SESSION, {"task_name": "project", "language": language}
        )
        return answers.read_session("create a session", data)

    async def claim_token(self, task: str, session: str) -> ClaimToken:
        """A word that opens the job's project in a browser for anyone who has it; to be written nowhere."""
        operation = "open the project"
        body = {"task_id": task, "session_id": session}
        data = await self._call(operation, "POST", wire.CLAIM_TOKEN, body, missing=SessionGone)
        return answers.read_claim(operation, data)

    async def upload(
        self, session: str, source: Path, content: str, progress: Progress
    ) -> tuple[Uploaded, ...]:
        """Uploads a file; `content` is the xxh3-128 it must have. Raises SourceError if it has changed."""
        operation = f"upload {source.name}"

        async def send(at: Endpoint) -> wire.JsonObject:
            url = at.url + wire.UPLOAD.format(session=quote(session))
            headers = self._headers(at)
            reply = await self._transport.upload(operation, url, headers, source, content, progress)
            return _read(operation, reply, at.token, missing=SessionGone)

        return answers.read_uploads(operation, await self._gated(operation, send))

    async def upload_links(self, session: str, name: str, links: Sequence[str]) -> tuple[Uploaded, ...]:
        """Has the service fetch files from these addresses. `name`: the file that held them, for messages.

        Raises Refused for an address that `api.private_urls` does not allow.
        """
        operation = f"upload the links in {name}"
        allowed = Allowed((await self._account.endpoint()).url, self._terms.private_urls)
        for link in links:
            await check(operation, link, allowed)
        body = {"urls": list(links), "source_type": "url"}
        path = wire.UPLOAD.format(session=quote(session))
        return answers.read_uploads(
            operation, await self._call(operation, "POST", path, body, missing=SessionGone)
        )

    async def look(self, session: str) -> Look:
        """Reads the session's state."""
        path = wire.STATE.format(session=quote(session))
        data = await self._call("read the state", "GET", path, missing=SessionGone)
        return answers.read_look("read the state", data)

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
        return await self._gated("send the instruction", lambda at: self._run_at(at, body, limits, hear))

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
        operation = "submit the render"
        await self._call(operation, "POST", wire.RENDER, body, missing=SessionGone, taken=DuplicateRender)

    async def render(self, render: str) -> RenderLook:
        path = wire.RENDER_ONE.format(render=quote(render))
        return answers.read_render("follow the render", await self._call("follow the render", "GET", path))

    async def cancel_render(self, render: str) -> None:
        """Ends a render that nobody waits for any more. One that has ended stays as it is."""
        path = wire.RENDER_CANCEL.format(render=quote(render))
        await self._call("cancel the render", "POST", path)

    async def download(
        self,
        render: str,
        url: str | None,
        target: Path,
        progress: Progress,
        *,
        resume: Partial | None = None,
        began: Began = unkept,
    ) -> Downloaded:
        """Fetches a render's file from its URL, or by its id where that URL gives none.

        `resume` and `began` as in `Transport.download`, which says what else is raised.
        """
        way_out = wire.RENDER_FILE.format(render=quote(render))
        if url is None:
            return await self._download(way_out, target, progress, resume, began)
        begun = False

        async def noted(partial: Partial | None) -> None:
            nonlocal begun
            begun = True
            await began(partial)

        try:
            return await self._download(url, target, progress, resume, noted)
        except ApiError as error:
            # What has begun to come goes on from the same address the next time.
            if begun or isinstance(error, TokenRefused | RateLimited):
                raise
            try:
                return await self._download(way_out, target, progress, resume, began)
            except NotFound:
                raise error from None

    async def _download(
        self, url: str, target: Path, progress: Progress, resume: Partial | None, began: Began
    ) -> Downloaded:
        operation = "download the result"

        async def fetch(at: Endpoint) -> Downloaded:
            got = await self._transport.download(
                operation,
                at.url + url if url.startswith("/") else url,
                self._headers(at),
                target,
                progress,
                allowed=Allowed(at.url, self._terms.private_urls),
                limit=self._terms.max_download,
                resume=resume,
                began=began,
            )
            if isinstance(got, Downloaded):
                return got
            _read(operation, got, at.token)
            raise NotFound(operation, f"the service answered HTTP {got.status} and no file")

        return await self._gated(operation, fetch)

    async def _run_at(
        self, at: Endpoint, body: Mapping[str, Any], limits: StreamLimits, hear: Callable[[Said], None]
    ) -> Answer:
        operation = "send the instruction"
        headers = self._headers(at) | {"Accept": "text/event-stream", "Content-Type": "application/json"}
        said: list[Said] = []
        parser = Parser()
        content = wire.encoded(body)
        try:
            async with (
                asyncio.timeout(limits.whole),
                self._transport.stream(operation, at.url + wire.RUN, headers, content, limits.quiet) as (
                    reply,
                    pieces,
                ),
            ):
                _accept_stream(operation, reply, at.token)
                quiet = asyncio.get_running_loop().time() + limits.quiet
                async for piece in pieces:
                    for event in parser.feed(piece):
                        for one in (_hushed(one, at.token) for one in read(event.data)):
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
        self,
        operation: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        missing: type[Refused] = NotFound,
        taken: type[Refused] = Refused,
    ) -> wire.JsonObject:
        content = None if body is None else wire.encoded(body)
        typed = {} if content is None else {"Content-Type": "application/json"}

        async def ask(at: Endpoint) -> wire.JsonObject:
            headers = self._headers(at) | typed
            reply = await self._transport.ask(operation, method, at.url + path, headers, content)
            return _read(operation, reply, at.token, missing=missing, taken=taken)

        return await self._gated(operation, ask)

    async def _gated(self, operation: str, ask: Callable[[Endpoint], Awaitable[T]]) -> T:
        """One request through the account's gate; with a renewed token once more where the first was refused."""
        gate = self._account.gate
        gate.check(operation)
        try:
            at = await self._account.endpoint()
            try:
                answer = await _hushed_errors(ask, at)
            except TokenRefused:
                answer = await _hushed_errors(ask, await self._account.renew(at))
        except RateLimited as error:
            gate.refused(error.retry_after)
            raise
        except Refused:
            gate.answered()
            raise
        gate.answered()
        return answer

    def _headers(self, at: Endpoint) -> dict[str, str]:
        return {"Authorization": f"Bearer {at.token}", **self._attribution.headers}


async def ask_anonymous_token(url: str, client_id: str, *, attribution: Attribution) -> Grant:
    """A starter token for this client id (100 credits, 7 days). Raises ApiError."""
    operation = "get a starter token"
    transport = Transport()
    headers = {wire.CLIENT_ID: client_id, **attribution.headers}
    try:
        reply = await transport.ask(operation, "POST", url + wire.ANONYMOUS_TOKEN, headers)
        return answers.read_grant(operation, _read(operation, reply))
    finally:
        await transport.close()


def failure_error(failure: Failure) -> ApiError:
    """The error that an error event inside a stream stands for.

    A code we do not know is a plain Refused, one of the service's own faults Unanswered.
    """
    envelope = {"code": failure.code, "message": failure.message}
    return refusal("send the instruction", 200, envelope, {}, 0.0, missing=SessionGone)


def _accept_stream(operation: str, reply: Reply, secret: str) -> None:
    """Raises what an answer stands for that is no stream: an envelope under any status, HTML, nothing."""
    typed = reply.headers.get("content-type", "")
    if reply.status < 400 and typed.startswith("text/event-stream"):
        return
    _read(operation, reply, secret, missing=SessionGone)
    raise Unanswered(operation, "the service answered with words instead of a stream", LASTS)


def _read(
    operation: str,
    reply: Reply,
    secret: str = "",
    *,
    missing: type[Refused] = NotFound,
    taken: type[Refused] = Refused,
) -> wire.JsonObject:
    return answers.read_answer(
        operation, reply.status, reply.headers, reply.body, time.time(), secret, missing=missing, taken=taken
    )


async def _hushed_errors(ask: Callable[[Endpoint], Awaitable[T]], at: Endpoint) -> T:
    """The answer; an error has no token in it, not even as the host that a hostile redirect makes of it."""
    try:
        return await ask(at)
    except ApiError as error:
        if len(at.token) >= answers.SHORTEST_SECRET:
            error.cause = re.sub(re.escape(at.token), "[token]", error.cause, flags=re.IGNORECASE)
            error.args = (error.operation, error.cause, error.hint)
        raise


def _hushed(said: Said, secret: str) -> Said:
    """The same without the token, should the service repeat it: what is said goes to logs and sidecars."""
    match said:
        case Text(content) if secret in content:
            return replace(said, content=answers.redacted(content, secret))
        case Failure(code, message) if secret in code + message:
            return Failure(answers.redacted(code, secret), answers.redacted(message, secret))
        case ToolCall(name, question) if secret in f"{name}{question}":
            return ToolCall(answers.redacted(name, secret), answers.redacted(question, secret))
        case ToolResult(name) if secret in name:
            return ToolResult(answers.redacted(name, secret))
    return said
