"""Which error a no stands for: by the envelope's code, else by the HTTP status. Pure.

`_LAW` is the one table of what each number means and what a person can do about it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from daemon import errors
from daemon.media.types import ACCEPTED, MAX_BYTES
from daemon.nemo import wire
from daemon.nemo.wire import JsonObject

QUOTED: Final = 200
"""Characters of the service's own words in an error; with ours around them a cause stays below 300."""

LASTS: Final = "If this lasts, look whether the service is up."
SIGN_ON: Final = "Check `api.url`, and whether this network or its proxy wants a sign-in first."

_SHORTEST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class _Row:
    """What a number stands for, and what a person can do about it."""

    kind: type[errors.ApiError]
    cause: str
    hint: str


_TOKEN: Final = _Row(
    errors.TokenRefused,
    "the service does not accept the token",
    "Set a valid one (`api.token`, `api.token_file` or NEMO_TOKEN) and start the daemon again.",
)
_GONE: Final = _Row(
    errors.SessionGone,
    "the service no longer knows the session",
    "It is made anew by itself where no instruction was sent in it.",
)
_CREDITS: Final = _Row(errors.OutOfCredits, "the account is out of credits", "Top up the account.")
_UNSUPPORTED: Final = _Row(errors.FileRefused, "the editor does not take this file", f"It takes {ACCEPTED}.")
_TOO_LARGE: Final = _Row(
    errors.FileRefused,
    "it is too large for the service",
    f"Compress or trim the file: {MAX_BYTES // 1_000_000} MB is the limit.",
)
_PLAN: Final = _Row(
    errors.ExportBlocked,
    "the account's plan does not allow this",
    "This is about the plan, not about credits: register or upgrade the account. The edit is kept.",
)
_FORBIDDEN: Final = _Row(
    errors.Forbidden,
    "the service does not let this token do it",
    "Use a token with the scopes read, write, upload and render.",
)
_UNKNOWN: Final = _Row(
    errors.NotFound, "the service does not know it", "Check `api.url` if it says so of everything."
)
_ADDRESS: Final = _Row(errors.Refused, "the service takes no such call at this address", "Check `api.url`.")
_PROXY: Final = _Row(
    errors.Unreachable,
    "the proxy on the way wants a sign-in, so nothing was sent on",
    "Put its user and password into HTTPS_PROXY (http://user:password@host:port).",
)
_LATE: Final = _Row(errors.Unanswered, "the service gave up waiting", LASTS)
_CONFLICT: Final = _Row(errors.Refused, "it conflicts with what the service has", "Mend what it names.")
_TAKEN: Final = _Row(
    errors.DuplicateRender, "the service has this render already", "It is followed under its id."
)
_TOO_MANY: Final = _Row(
    errors.RateLimited, "too many requests", "All jobs of the account wait, and go on by themselves."
)
_NETWORK: Final = _Row(errors.Unanswered, "the network on the way wants a sign-in", SIGN_ON)
_FAULT: Final = _Row(errors.Unanswered, "the service failed", LASTS)
_NAMELESS: Final = _Row(
    errors.Refused,
    "the service wants another client id",
    "Set NEMO_CLIENT_ID to a UUID, or remove `client_id` from the state folder: a new one is made.",
)
_NO: Final = _Row(
    errors.Refused, "the service refused it", "Mend what it names: the same request is refused again."
)

_LAW: Final[Mapping[int, _Row]] = {
    **dict.fromkeys((*wire.BAD_TOKEN, 401), _TOKEN),
    wire.SESSION_NOT_FOUND: _GONE,
    wire.OUT_OF_CREDITS: _CREDITS,
    **dict.fromkeys((wire.UNSUPPORTED_FILE, 415), _UNSUPPORTED),
    **dict.fromkeys((wire.FILE_TOO_LARGE, 413), _TOO_LARGE),
    402: _PLAN,
    403: _FORBIDDEN,
    **dict.fromkeys((404, 410), _UNKNOWN),
    405: _ADDRESS,
    407: _PROXY,
    # Gateways also say 408 for a time-out behind them: a look costs nothing, a second payment does.
    **dict.fromkeys((408, 425), _LATE),
    409: _CONFLICT,
    429: _TOO_MANY,
    511: _NETWORK,
}
"""By code, else by status; what is not here is refused below 500, and the service's fault from there on."""

_MEANS: Final[Mapping[type[errors.Refused], _Row]] = {
    errors.SessionGone: _GONE,
    errors.NotFound: _UNKNOWN,
    errors.DuplicateRender: _TAKEN,
    errors.Refused: _CONFLICT,
}
_FINE: Final = frozenset({wire.OK, 200})
"""Some envelopes repeat the HTTP status. What such a one then lacks, its reader finds out."""


def refusal(
    operation: str,
    status: int,
    envelope: JsonObject,
    headers: Mapping[str, str],
    now: float,
    *,
    missing: type[errors.Refused] = errors.NotFound,
    taken: type[errors.Refused] = errors.Refused,
) -> errors.ApiError:
    """The error for an envelope that says no.

    `missing`: what a 404 means at this call, NotFound or SessionGone. `taken`: what a 409 or the word
    "duplicate" means, Refused or DuplicateRender.
    """
    code, said = _code(envelope), one_line(_said(envelope), QUOTED)
    row = _row(status, code)
    if row is _UNKNOWN:
        row = _MEANS[missing]
    elif row is _NO and _CLIENT_ID.search(said):
        row = _NAMELESS
    elif row is _CONFLICT or (row is _NO and "duplicate" in said.lower()):
        row = _MEANS[taken]
    cause, hint = row.cause, row.hint
    if row is _FORBIDDEN and (scope := _scope(said)):
        cause, hint = f"the token lacks the scope `{scope}`", f"Use a token with the scope `{scope}`."
    if quoted := ": ".join(filter(None, (_label(status, code), said))):
        cause = f"{cause} ({quoted})"
    if row is _TOO_MANY:
        wait = retry_after(headers.get("retry-after"), now)
        return errors.RateLimited(operation, cause, hint, status=status, api_code=code, retry_after=wait)
    return row.kind(operation, cause, hint, status=status, api_code=code)


def is_no(envelope: JsonObject) -> bool:
    """Whether an envelope under HTTP 2xx says no, by its code or by `"success": false`."""
    return envelope.get("success") is False or _code(envelope) not in (None, *_FINE)


def unclear(envelope: JsonObject) -> str | None:
    """What it tells of an error without a number, which proves nothing; None where it tells of none."""
    if _code(envelope) is not None:
        return None
    alone = not _answers(envelope) and any(envelope.get(name) for name in _NESTED)
    if alone or envelope.get("code") not in (None, ""):
        return one_line(_said(envelope), QUOTED) or "no reason given"
    return None


def unanswered(operation: str, status: int, cause: str, hint: str = LASTS) -> errors.Unanswered:
    """The error for an answer that proves nothing."""
    return errors.Unanswered(operation, cause, hint, status=status)


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
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT) if math.isfinite(wait) else None


def message_of(envelope: JsonObject, most: int = QUOTED) -> str:
    """The service's own words in one line of at most so many characters; "" where there are none."""
    return one_line(_words(envelope), most)


def one_line(text: str, most: int) -> str:
    """One line of what can be printed, at most so many characters."""
    shown = "".join(one if one.isprintable() else " " for one in text[: 8 * most])
    line = " ".join(shown.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _row(status: int, code: int | None) -> _Row:
    if status >= 500:
        return _LAW.get(status, _FAULT)  # no code counts here: nothing is proven
    if code is not None and code in _LAW:
        return _LAW[code]
    if status >= 400:
        return _LAW.get(status, _NO)
    # 5001 is to 503 as 4001 is to 400: the service's own fault does not prove that nothing was done.
    fault = code is not None and (500 <= code <= 599 or 5000 <= code <= 5999)
    return _FAULT if fault else _NO


_NESTED: Final = ("error", "detail")
_SAYING: Final = ("message", "msg", "detail", "error", "errors")
_CLIENT_ID: Final = re.compile(r"client[ _-]?id", re.IGNORECASE)
_SCOPE: Final = re.compile(r"\b(?:read|write|upload|render)\b|(?<![\w*])\*(?![\w*])")


def _label(status: int, code: int | None) -> str:
    named = [f"HTTP {status}"] if status >= 400 else []
    if code not in (None, status, *_FINE):
        named.append(f"code {code}")
    return ", ".join(named)


def _code(envelope: JsonObject) -> int | None:
    """The envelope's code as a number: its own, else a nested error's where it holds no answer."""
    if envelope.get("code") is not None:
        return _whole(envelope["code"])
    if _answers(envelope):
        return None
    nested = (envelope.get(name) for name in _NESTED)
    return next((_whole(one["code"]) for one in nested if isinstance(one, dict) and "code" in one), None)


def _answers(envelope: JsonObject) -> bool:
    """Whether an answer is in it: a failed render tells its `error` beside its `status`."""
    if envelope.get("success") is True or isinstance(envelope.get("data"), dict):
        return True
    return isinstance(envelope.get("status"), str)


def _whole(value: object) -> int | None:
    if isinstance(value, str):
        if value.strip().lower() in ("ok", "success"):
            return wire.OK
        try:
            value = int(value)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9 else None


def _scope(said: str) -> str:
    """The one scope that a refusal names; "" where it names none, or several."""
    if not re.search("scope|permission", said, re.IGNORECASE):
        return ""
    named = set(_SCOPE.findall(said.lower()))
    return str(named.pop()) if len(named) == 1 else ""


def _said(envelope: JsonObject) -> str:
    """The service's words, behind the code where that is a word as well."""
    code = envelope.get("code")
    word = code if isinstance(code, str) and _whole(code) is None else ""
    return ": ".join(filter(None, (word, _words(envelope))))


def _words(value: object, depth: int = 0) -> str:
    """The text in a message, a nested error, or FastAPI's `detail`: a text, or a list of `{"loc", "msg"}`."""
    if isinstance(value, str):
        return value.strip()
    if depth > 3:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_words(one, depth + 1) for one in value[:3])))
    if not isinstance(value, dict):
        return ""
    said = next(filter(None, (_words(value.get(name), depth + 1) for name in _SAYING)), "")
    place = value.get("loc")
    if said and isinstance(place, list):
        return f"{'.'.join(str(one) for one in place if isinstance(one, str | int))}: {said}"
    return said
