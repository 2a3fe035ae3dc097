"""From what the service answered to a value or an error. Pure: status, headers and body are passed in.

Most answers are `{"code": 0, "message": …, "data": {…}}`, the render calls also say
`{"success": true, "data": {…}}` or put the fields at the top; both are read everywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from daemon import errors
from daemon.media.types import ACCEPTED
from daemon.nemo import wire
from daemon.nemo.wire import JsonObject

_SHORTEST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 86_400.0


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
    operation: str, status: int, headers: Mapping[str, str], body: bytes, now: float
) -> JsonObject:
    """The answer's data; raises the ApiError that its code or status stands for.

    Unanswered is raised for what proves nothing: 5xx, HTML, an empty body, JSON of another shape.
    """
    envelope = _json(body)
    if status >= 500:
        raise _unanswered(operation, status, f"the service answered HTTP {status}")
    if status >= 400:
        raise refusal(operation, status, envelope or {}, headers, now)
    if envelope is None:
        what = "nothing" if not body.strip() else "something that is no JSON"
        raise _unanswered(operation, status, f"the service answered {what} (HTTP {status})")
    code = _code(envelope)
    if code is not None and 500 <= code <= 599:
        raise _unanswered(operation, status, f"the service answered code {code}: {_message(envelope)}")
    if code not in (None, wire.OK) or envelope.get("success") is False:
        raise refusal(operation, status, envelope, headers, now)
    data = envelope.get("data")
    return data if isinstance(data, dict) else envelope


def refusal(
    operation: str, status: int, envelope: JsonObject, headers: Mapping[str, str], now: float
) -> errors.Refused:
    """The error for a clear no."""
    code = _code(envelope)
    said = _message(envelope) or f"HTTP {status}"
    if code == 429 or status == 429:
        wait = retry_after(headers.get("retry-after"), now)
        return errors.RateLimited(
            operation, f"too many requests ({said})", status=status, api_code=code, retry_after=wait
        )
    kind, cause, hint = _kind(code, status, said)
    return kind(operation, cause, hint, status=status, api_code=code)


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait, from a `Retry-After` header in seconds or as a date; None if it says nothing.

    Between a second and a day: "0" would have us ask in a tight loop, and no job sleeps for years.
    """
    if value is None:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            wait = (parsedate_to_datetime(value) - datetime.fromtimestamp(now, UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT) if math.isfinite(wait) else None


def read_session(operation: str, data: JsonObject) -> Session:
    session = data.get("session_id")
    if not session:
        raise _unanswered(operation, 200, "the answer names no session")
    return Session(str(session), _text(data.get("task_id")), _text(data.get("user_id")))


def read_balance(operation: str, data: JsonObject) -> Balance:
    try:
        available, frozen = float(data["available"]), float(data.get("frozen") or 0)
        return Balance(available, frozen, float(data.get("total", available + frozen)))
    except (KeyError, TypeError, ValueError):
        raise _unanswered(operation, 200, "the answer names no balance") from None


def read_look(operation: str, data: JsonObject) -> Look:
    state = data.get("state")
    if not isinstance(state, dict):
        raise _unanswered(operation, 200, "the answer holds no state")
    draft = state.get("draft")
    infos = state.get("video_infos")
    return Look(
        draft=draft if isinstance(draft, dict) else {},
        draft_digest=wire.digest(draft or {}),
        media_digest=wire.digest(state.get("generated_media") or []),
        uploads=_uploads(infos if isinstance(infos, list) else []),
    )


def read_render(operation: str, data: JsonObject) -> RenderLook:
    """Both public shapes: `status` with `output.url`, or `status` with `outputUrl`."""
    output = data.get("output")
    url = data.get("outputUrl") or (output.get("url") if isinstance(output, dict) else None)
    progress = data.get("progress")
    if not isinstance(data.get("status"), str):
        raise _unanswered(operation, 200, "the answer names no render status")
    return RenderLook(
        status=data["status"].lower(),
        progress=min(1.0, progress / 100) if isinstance(progress, int | float) else None,
        url=_text(url),
        message=_message(data),
    )


def read_uploads(operation: str, data: JsonObject) -> tuple[Uploaded, ...]:
    files = data.get("files")
    uploads = _uploads(files if isinstance(files, list) else [])
    if not uploads:
        raise _unanswered(operation, 200, "the answer names no uploaded file")
    return uploads


_Kind = type[errors.Refused]
_SIGN_IN: Final = (
    "Set a valid token (`api.token` in the rules file, or NEMO_TOKEN) and start the daemon again."
)


def _kind(code: int | None, status: int, said: str) -> tuple[_Kind, str, str]:
    if code in wire.BAD_TOKEN or status == 401:
        return errors.TokenRefused, f"the service does not accept the token ({said})", _SIGN_IN
    if code == wire.SESSION_NOT_FOUND or (status == 404 and "session" in said.lower()):
        return errors.SessionGone, f"the service no longer knows the session ({said})", ""
    if code == wire.OUT_OF_CREDITS:
        return errors.OutOfCredits, f"the account is out of credits ({said})", "Top up the account."
    if code == wire.UNSUPPORTED_FILE:
        return errors.FileRefused, f"the editor does not take this file ({said})", f"It takes {ACCEPTED}."
    if code == wire.FILE_TOO_LARGE:
        return (
            errors.FileRefused,
            f"the file is too large ({said})",
            "Compress or trim it: 500 MB is the limit.",
        )
    if status == 402 or code == 402:
        hint = "This is about the plan, not about credits: register or upgrade the account. The edit is kept."
        return errors.ExportBlocked, f"the account's plan does not allow the export ({said})", hint
    if status == 403 or code == 403:
        return errors.Forbidden, f"the token may not do this ({said})", "Use a token with the scope it names."
    if "duplicate" in said.lower() or status == 409:
        return errors.DuplicateRender, f"the service has this render already ({said})", ""
    if status == 404 or code == 404:
        return errors.NotFound, f"the service does not know it ({said})", ""
    return errors.Refused, f"the service refused ({said})", ""


def _unanswered(operation: str, status: int, cause: str) -> errors.Unanswered:
    return errors.Unanswered(operation, cause, status=status)


def _json(body: bytes) -> JsonObject | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _code(envelope: JsonObject) -> int | None:
    code = envelope.get("code")
    try:
        return None if code is None else int(code)
    except (TypeError, ValueError):
        return None


def _message(envelope: JsonObject) -> str:
    for name in ("message", "msg", "detail", "error"):
        said: Any = envelope.get(name)
        if isinstance(said, str) and said.strip():
            return said.strip()
    return ""


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _uploads(files: list[Any]) -> tuple[Uploaded, ...]:
    return tuple(
        Uploaded(str(one.get("filename") or ""), _text(one.get("hash")))
        for one in files
        if isinstance(one, dict)
    )
