"""The protocol's calls, served. Answers are the service's envelope `{"code", "message", "data"}`; the render
calls answer `{"success", "data"}`, or all of it at the top where a faults file says so. Whatever a client sends,
the answer is one of these and no traceback.
"""

from __future__ import annotations

import ipaddress
import json
import math
import secrets
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from daemon.errors import NotFound, RateLimited, Refused
from daemon.nemo import wire
from daemon.nemo.wire import JsonObject
from daemon.studio.accounts import anonymous
from daemon.studio.links import fetch
from daemon.studio.outages import Outages, then_of
from daemon.studio.renders import Render
from daemon.studio.sessions import Session
from daemon.studio.stream import told
from daemon.studio.studio import Studio
from daemon.studio.uploads import receive

CLAIM_LIFE: Final = 600
"""Seconds."""

_FILES: Final = "/files"
_ATTRIBUTION: Final = (wire.SKILL_SOURCE, wire.SKILL_VERSION, wire.SKILL_PLATFORM)
_BODY_LIMIT: Final = 8_000_000
_DISK_FULL: Final = 507
_BLOCK: Final = 1 << 18
_TYPES: Final = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "aac": "audio/aac",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
}


def make_app(studio: Studio) -> Starlette:
    """The application; `studio.start()` has to have run before the first request."""
    calls = _Calls(studio)
    one = {"session": "{session}", "render": "{render}"}
    routes = [
        Route(wire.ANONYMOUS_TOKEN, calls.anonymous_token, methods=["POST"], name="token"),
        Route(wire.CLAIM_TOKEN, calls.claim_token, methods=["POST"], name="claim"),
        Route(wire.SESSION, calls.create_session, methods=["POST"], name="session"),
        Route(wire.UPLOAD.format(**one), calls.upload, methods=["POST"], name="upload"),
        Route(wire.RUN, calls.run, methods=["POST"], name="run"),
        Route(wire.STATE.format(**one), calls.state, name="state"),
        Route(wire.CREDITS, calls.credits, name="credits"),
        Route(wire.RENDER, calls.render, methods=["POST"], name="render"),
        Route(wire.RENDER_ONE.format(**one), calls.render_status, name="render_status"),
        Route(wire.RENDER_CANCEL.format(**one), calls.cancel_render, methods=["POST"], name="cancel"),
        Route(wire.RENDER_FILE.format(**one), calls.download, name="download"),
        Route(_FILES + "/{session}/{kind}/{name}/{signature}/{title}", calls.file, name="file"),
    ]

    def call_of(scope: Scope) -> str | None:
        return next((one.name for one in routes if one.matches(scope)[0] is Match.FULL), None)

    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Outages, terms=studio.terms, call_of=call_of),
            Middleware(_Gate, studio=studio),
        ],
        exception_handlers={
            Refused: _refused,
            HTTPException: _http_error,
            OSError: _disk_error,
            ClientDisconnect: _gone,
        },
    )


class _Gate:
    """Before every call: the Host header must be ours, and the token known.

    A page in the user's browser can point a name of its own at 127.0.0.1; its requests then carry that name.
    """

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self._app = app
        self._accounts = studio.accounts
        self._terms = studio.terms
        self._host = studio.host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            answer = self._check(request)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, request: Request) -> Response | None:
        if not own_host(request.headers.get("host", ""), self._host):
            return _envelope(403, "this host name is not served here", status=403)
        path = request.scope["path"]
        if path == wire.ANONYMOUS_TOKEN or path.startswith(_FILES + "/"):
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        account = self._accounts.account(token, time.time()) if scheme.lower() == "bearer" else None
        if account is not None and then_of(request.scope).expire == "token":
            self._terms.expire(token)
        if account is None or not self._terms.living(token):
            return _envelope(1001, "token invalid or expired", status=401)
        request.state.account = account
        try:
            self._terms.count(account)
        except RateLimited as error:
            return _refused(request, error)
        return None


def own_host(header: str, bound: str) -> bool:
    """Whether a Host header names us: an address (never a rebound name), localhost, or the name bound to.

    Bound to loopback, only loopback addresses are ours.
    """
    name = header.rpartition(":")[0] if header.rpartition(":")[2].isdigit() else header
    name = name.strip("[]").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name in ("localhost", bound.lower()) or (not _loopback(bound) and name == socket.gethostname())
    return address.is_loopback or not _loopback(bound)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Calls:
    """One method a call."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def anonymous_token(self, request: Request) -> Response:
        client_id = request.headers.get(wire.CLIENT_ID, "").strip()
        if not client_id:
            raise Refused("", f"the header {wire.CLIENT_ID} is missing", status=400)
        account, now, terms = anonymous(client_id), time.time(), self._studio.terms
        terms.may_have_token(account, now)
        token, end = self._studio.accounts.issue(account, now, terms.service.anonymous.life)
        terms.issued(account, token, end)
        data = {"token": token, "user_id": account, "expires_at": end}
        return _success(data | {"credits": terms.service.anonymous.credits})

    async def claim_token(self, request: Request) -> Response:
        """A word for the browser link of a project. The studio has no such pages: it opens nothing."""
        body = await _json(request)
        session = await self._of(request, str(body.get("session_id")))
        if str(body.get("task_id")) != session.task_id:
            raise NotFound("", "task not found", status=404)
        return _success({"claim_token": f"clm_{secrets.token_urlsafe(24)}", "expires_in": CLAIM_LIFE})

    async def create_session(self, request: Request) -> Response:
        body = await _json(request)
        name, language = body.get("task_name", "project"), body.get("language", "en")
        if not isinstance(name, str) or not isinstance(language, str):
            raise Refused("", "task_name and language are texts", status=400)
        session = await self._studio.create_session(request.state.account, name[:200], language[:20])
        return _success(_names(session))

    async def upload(self, request: Request) -> Response:
        session = await self._session(request)
        content_type = request.headers.get("content-type", "")
        arrive = partial(receive, request.stream(), content_type)
        if content_type.startswith("application/json"):
            arrive = partial(fetch, _urls(await _json(request)), self._studio.reach)
        infos, changed = await self._studio.upload(session.session_id, arrive)
        files = [self._info(request, session, info) for info in infos]
        return _success({"files": files, "session_state_applied": changed})

    async def run(self, request: Request) -> Response:
        body = await _json(request)
        session_id, text = body.get("session_id"), _message_text(body)
        session, then = await self._of(request, str(session_id)), then_of(request.scope)
        message = await self._studio.edits.accept(session, text, then)
        events = self._studio.edits.follow(session.session_id, message)
        said = told(events, then, self._studio.terms.service.shape)
        return StreamingResponse(said, media_type="text/event-stream", headers={"cache-control": "no-cache"})

    async def state(self, request: Request) -> Response:
        session = await self._session(request)
        state = {
            "draft": session.draft,
            "video_infos": [self._info(request, session, info) for info in session.files],
            "canvas_config": session.draft.get("m", {}),
            "generated_media": [],
            "video_analyses": [],
        }
        return _success({**_names(session), "task_name": session.task_name, "state": state})

    async def credits(self, request: Request) -> Response:
        available, frozen = self._studio.terms.balance(request.state.account)
        return _success({"available": available, "frozen": frozen, "total": available + frozen})

    async def render(self, request: Request) -> Response:
        body = await _json(request)
        render_id, draft, output = body.get("id"), body.get("draft"), body.get("output", {})
        session = await self._of(request, str(body.get("sessionId")))
        if not isinstance(render_id, str) or not isinstance(output, dict):
            raise Refused("", "id is a text and output an object", status=400)
        if not isinstance(draft, dict) or not wire.ready(draft):
            raise Refused("", "the draft has no segment: nothing to render", status=400)
        self._studio.terms.may_export(session.session_id)
        form, quality = str(output.get("format", "auto")), str(output.get("quality", "high"))
        made = Render(render_id, session.session_id, session.user_id, draft, form, quality)
        made.fails = then_of(request.scope).fail or ""
        await self._studio.renders.submit(made)
        return self._render_answer(request, made)

    async def render_status(self, request: Request) -> Response:
        return self._render_answer(request, self._render(request))

    async def cancel_render(self, request: Request) -> Response:
        render = self._render(request)
        await self._studio.renders.cancel(render)
        return self._render_answer(request, render)

    async def download(self, request: Request) -> Response:
        render = self._render(request)
        if render.status != "completed":
            raise Refused("", f"the render is {render.status}", status=400)
        return self._file(request, self._studio.renders.file(render))

    async def file(self, request: Request) -> Response:
        """An asset or a result by the address we gave out: its signature stands for the token."""
        session, kind, name = (request.path_params[one] for one in ("session", "kind", "name"))
        path = None
        if self._studio.accounts.signed(f"{session}/{kind}/{name}", request.path_params["signature"]):
            if kind == "assets":
                path = self._studio.sessions.assets(session) / name
            else:
                render = self._studio.renders.find(name)
                path = self._studio.renders.file(render) if render and render.result else None
        if path is None:
            raise NotFound("", "there is no such file", status=404)
        return self._file(request, path)

    async def _session(self, request: Request) -> Session:
        return await self._of(request, request.path_params["session"])

    async def _of(self, request: Request, session_id: str) -> Session:
        """The account's session of this id."""
        session = await self._studio.session(session_id, request.state.account, then_of(request.scope))
        named = all(request.headers.get(name) for name in _ATTRIBUTION)
        self._studio.terms.attributed(session.session_id, named)
        return session

    def _file(self, request: Request, path: Path) -> Response:
        kind = _TYPES.get(path.suffix[1:].lower(), "application/octet-stream")
        headers = {"x-content-type-options": "nosniff"}
        if self._studio.terms.service.ranges:
            return _File(path, media_type=kind, headers=headers)
        request.scope["headers"] = [one for one in request.scope["headers"] if one[0] != b"range"]
        return _File(path, media_type=kind, headers=headers | {"accept-ranges": "none"})

    def _render(self, request: Request) -> Render:
        render = self._studio.renders.find(request.path_params["render"], request.state.account)
        if render is None:
            raise NotFound("", "render not found", status=404)
        return render

    def _render_answer(self, request: Request, render: Render) -> Response:
        data = {"id": render.id, "status": render.status, "progress": self._studio.renders.progress(render)}
        if render.message:
            data["message"] = render.message
        service = self._studio.terms.service
        url = None
        if render.status == "completed":
            own = self._url(request, render.session_id, "renders", render.id, render.result)
            url = own if service.result_url is None else service.result_url
        if service.render_shape == "A":
            return JSONResponse(data | ({"output": {"url": url}} if url else {}))
        return JSONResponse({"success": True, "data": data | ({"outputUrl": url} if url else {})})

    def _info(self, request: Request, session: Session, info: JsonObject) -> JsonObject:
        url = self._url(request, session.session_id, "assets", info["stored"], info["stored"])
        return {name: value for name, value in info.items() if name != "stored"} | {"cdn_url": url}

    def _url(self, request: Request, session: str, kind: str, name: str, title: str) -> str:
        signature = self._studio.accounts.sign(f"{session}/{kind}/{name}")
        return f"{request.base_url}{_FILES[1:]}/{session}/{kind}/{name}/{signature}/{title}"


def _names(session: Session) -> JsonObject:
    return {"session_id": session.session_id, "task_id": session.task_id, "user_id": session.user_id}


def _message_text(body: JsonObject) -> str:
    message = body.get("new_message")
    parts = message.get("parts") if isinstance(message, dict) else None
    texts = [
        part["text"]
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    if not "".join(texts).strip():
        raise Refused("", "new_message.parts has no text", status=400)
    return "\n".join(texts)


def _urls(body: JsonObject) -> list[str]:
    urls = body.get("urls")
    texts = isinstance(urls, list) and all(isinstance(one, str) for one in urls)
    if not isinstance(urls, list) or not texts or body.get("source_type", "url") != "url":
        raise Refused("", 'urls is a list of texts, and source_type "url"', status=400)
    return urls


async def _json(request: Request) -> JsonObject:
    """The body as an object. Raises Refused for anything else, and for more than 8 MB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise Refused("", "the body is larger than 8 MB", status=413)
    try:
        value: Any = json.loads(body, parse_constant=_no_constant)
        # A lone surrogate or a bottomless nesting passes the parser and fails at every later use.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused("", "the body is no JSON", status=400) from None
    if not isinstance(value, dict):
        raise Refused("", "the body is no JSON object", status=400)
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)


class _File(FileResponse):
    chunk_size = _BLOCK


def _success(data: JsonObject) -> Response:
    return JSONResponse({"code": wire.OK, "message": "success", "data": data})


def _envelope(code: int, message: str, *, status: int = 200) -> Response:
    return JSONResponse({"code": code, "message": message, "data": None}, status_code=status)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    code = error.api_code if error.api_code is not None else error.status
    said = f"{error.cause.rstrip('.')}. {error.hint}" if error.hint else error.cause
    answer = _envelope(code, said, status=error.status or 200)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        answer.headers["retry-after"] = str(math.ceil(error.retry_after))
    return answer


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _envelope(error.status_code, error.detail, status=error.status_code)


def _disk_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    return _envelope(_DISK_FULL, f"the studio's disk: {error.strerror or error}", status=_DISK_FULL)


def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)
