"""From what the service answered to a value or an error. Pure: status, headers and body are passed in.

Most answers are `{"code": 0, "message": …, "data": {…}}`, the render calls also say
`{"success": true, "data": {…}}` or put the fields at the top; both are read everywhere. What is no answer
becomes the error that `nemo.refusals` names.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from daemon import errors
from daemon.nemo import refusals, wire
from daemon.nemo.account import Grant
from daemon.nemo.refusals import QUOTED, message_of, one_line, refusal, unanswered
from daemon.nemo.wire import JsonObject

T = TypeVar("T")

_MILLISECONDS: Final = 1e11
"""No time in seconds is so large before the year 5138."""
_SENDABLE: Final = re.compile(r"[!-~]+")
"""What a token can consist of: the letters that a header carries."""
_REASON: Final = 1000
"""Characters kept of what the editor says about a render that failed."""


@dataclass(frozen=True, slots=True)
class Session:
    session_id: str
    task_id: str | None
    user_id: str | None


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits. `frozen` are reserved by work in progress; total = available + frozen."""

    available: float
    frozen: float
    total: float


@dataclass(frozen=True, slots=True)
class ClaimToken:
    """Opens a project in a browser for anyone who has it, for `expires_in` seconds where the service says."""

    token: str = field(repr=False)
    expires_in: float | None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file as the service has it."""

    filename: str
    hash: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of a session's state. The digests tell whether anything changed since another one."""

    draft: JsonObject
    draft_digest: str
    media_digest: str
    uploads: tuple[Uploaded, ...]

    @property
    def marks(self) -> tuple[str, str]:
        return self.draft_digest, self.media_digest


@dataclass(frozen=True, slots=True)
class RenderLook:
    """One reading of a render. `progress` 0..1; `url` once it is completed, where the service names one."""

    status: str
    progress: float | None
    url: str | None
    message: str


def read_answer(
    operation: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    secret: str = "",
    *,
    missing: type[errors.Refused] = errors.NotFound,
    taken: type[errors.Refused] = errors.Refused,
) -> JsonObject:
    """The answer's data; raises the ApiError that its code or status stands for.

    `headers`: names in small letters. `now`: seconds since 1970. `secret`: in nothing that comes out
    (`redacted`). `missing`: what a 404 means at this call, NotFound or SessionGone. `taken`: what a 409 or
    the word "duplicate" means, Refused or DuplicateRender. Unanswered stands for what proves nothing: 5xx, a
    redirect, a web page, an empty body, JSON of another shape.
    """
    if 300 <= status < 400:
        raise _redirected(operation, status, headers, secret)
    envelope = _envelope(body, secret)
    if envelope is None or status < 200:
        said = _glance(headers, body, secret)
        if status >= 400:
            # A gateway's words: it knows which address is missing, and nothing of our sessions.
            raise refusal(operation, status, {"message": said}, headers, now, taken=taken)
        raise _speechless(operation, status, body, said)
    if status >= 400 or refusals.is_no(envelope):
        raise refusal(operation, status, envelope, headers, now, missing=missing, taken=taken)
    if (told := refusals.unclear(envelope)) is not None:
        raise unanswered(operation, status, f"the service told of an error without a number ({told})")
    data = envelope.get("data")
    return data if isinstance(data, dict) else envelope


def redacted(value: T, secret: str) -> T:
    """The same text or JSON value, "[token]" wherever it held the secret, in keys too.

    A secret of fewer than 8 characters is left alone: the service's tokens are longer, and to replace a few
    letters wherever they stand would spoil drafts.
    """
    return _without(value, secret) if len(secret) >= SHORTEST_SECRET else value


def read_session(operation: str, data: JsonObject) -> Session:
    session = _text(data.get("session_id"))
    if session is None:
        raise unanswered(operation, 200, "the answer names no session")
    return Session(session, _text(data.get("task_id")), _text(data.get("user_id")))


def read_grant(operation: str, data: JsonObject) -> Grant:
    """`expires_at` comes in seconds, in milliseconds or as ISO 8601, by the versions of the documents."""
    token = _text(data.get("token"))
    if token is None or not _SENDABLE.fullmatch(token):
        raise unanswered(operation, 200, "the answer holds no token that a header can carry")
    return Grant(token, _text(data.get("user_id")), _moment(data.get("expires_at")))


def read_claim(operation: str, data: JsonObject) -> ClaimToken:
    token = _text(data.get("claim_token"))
    if token is None:
        raise unanswered(operation, 200, "the answer holds no claim token")
    return ClaimToken(token, _number(data.get("expires_in")))


def read_balance(operation: str, data: JsonObject) -> Balance:
    available, frozen = _number(data.get("available")), _number(data.get("frozen") or 0)
    if available is None or frozen is None:
        raise unanswered(operation, 200, "the answer names no balance")
    total = _number(data.get("total"))
    return Balance(available, frozen, available + frozen if total is None else total)


def read_look(operation: str, data: JsonObject) -> Look:
    state = data.get("state")
    if not isinstance(state, dict):
        raise unanswered(operation, 200, "the answer holds no state")
    draft = state.get("draft")
    infos = state.get("video_infos")
    try:
        return Look(
            draft=draft if isinstance(draft, dict) else {},
            draft_digest=wire.digest(draft or {}),
            media_digest=wire.digest(state.get("generated_media") or []),
            uploads=_uploads(infos if isinstance(infos, list) else []),
        )
    except RecursionError:
        raise unanswered(operation, 200, "the state is nested too deeply to be read") from None


def read_render(operation: str, data: JsonObject) -> RenderLook:
    """Both public shapes: `status` with `output.url`, or `status` with `outputUrl`."""
    output = data.get("output")
    url = data.get("outputUrl") or (output.get("url") if isinstance(output, dict) else None)
    progress = _number(data.get("progress"))
    if not isinstance(data.get("status"), str):
        raise unanswered(operation, 200, "the answer names no render status")
    return RenderLook(
        status=data["status"].lower(),
        progress=None if progress is None else min(1.0, max(0.0, progress / 100)),
        url=_text(url),
        message=message_of(data, _REASON),
    )


def read_uploads(operation: str, data: JsonObject) -> tuple[Uploaded, ...]:
    files = data.get("files")
    uploads = _uploads(files if isinstance(files, list) else [])
    if not uploads:
        raise unanswered(operation, 200, "the answer names no uploaded file")
    return uploads


def _redirected(operation: str, status: int, headers: Mapping[str, str], secret: str) -> errors.Unanswered:
    """API calls follow no redirect: what was meant for the service goes to nobody else."""
    try:
        host = urlsplit(redacted(headers.get("location", ""), secret)).hostname or ""
    except ValueError:
        host = ""
    where = one_line(host, QUOTED) or "another address"
    return unanswered(operation, status, f"the call was sent on to {where} (HTTP {status})", refusals.SIGN_ON)


def _speechless(operation: str, status: int, body: bytes, said: str) -> errors.Unanswered:
    if not body.strip():
        return unanswered(operation, status, f"the service answered nothing (HTTP {status})")
    page = body.lstrip().startswith(b"<")
    what, hint = ("a web page", refusals.SIGN_ON) if page else ("no JSON object", refusals.LASTS)
    return unanswered(operation, status, f"the service answered {what} (HTTP {status}: {said})", hint)


SHORTEST_SECRET: Final = 8
_SPELLED: Final = re.compile(r"\\(?:/|u00[2-7]|u[dD][89a-fA-F])")


def _envelope(body: bytes, secret: str) -> JsonObject | None:
    """The body's JSON object without the secret; None for anything else."""
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text)
        if "\\" in text and _SPELLED.search(text):
            # Escapes can spell the secret; and half an emoji, which a title cut short leaves behind, can be
            # written to no database, log or request.
            text = json.dumps(value, ensure_ascii=False).encode(errors="replace").decode()
            value = json.loads(text)
        # To walk a draft takes longer than to parse it (11 ms and 4 for 1 MB), this search 0.2.
        if json.dumps(secret, ensure_ascii=False)[1:-1] in text:
            value = redacted(value, secret)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _without(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return value.replace(secret, "[token]")
    if isinstance(value, dict):
        return {_without(key, secret): _without(one, secret) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(one, secret) for one in value]
    return value


_GLANCED: Final = 1 << 14
_TITLE: Final = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_UNSEEN: Final = re.compile(
    r"<(script|style)\b.*?(</\1[^<>]*>|\Z)|<!--.*?(-->|\Z)|<[^<>]*>", re.IGNORECASE | re.DOTALL
)


def _glance(headers: Mapping[str, str], body: bytes, secret: str) -> str:
    """What a body that is no JSON object says: a page's title, a text's first words, else its type."""
    text = body[: _GLANCED + len(secret)].decode(errors="replace")
    if "\0" in text or "\ufffd" in text[:QUOTED]:
        return one_line(redacted(headers.get("content-type", "unknown bytes"), secret), QUOTED)
    text = redacted(text, secret)[:_GLANCED]
    if text.lstrip().startswith("<"):
        title = _TITLE.search(text)
        text = html.unescape((title[1] if title else "").strip() or _UNSEEN.sub(" ", text))
    return one_line(redacted(text, secret), QUOTED)


def _moment(value: object) -> float | None:
    moment = _number(value)
    if moment is None and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            return None
    if moment is None or moment <= 0:
        return None
    return moment / 1000 if moment > _MILLISECONDS else moment


def _number(value: object) -> float | None:
    """A finite number, also one that an answer writes as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str | None:
    known = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if known and value != "" else None


def _uploads(files: list[Any]) -> tuple[Uploaded, ...]:
    return tuple(
        Uploaded(_text(one.get("filename")) or "", _text(one.get("hash")))
        for one in files
        if isinstance(one, dict)
    )
