"""Free calls that a person asks for, outside of any job: the balance, a link to a project, a look at each call.

What each call should answer stands in `CALLS`, from the service's public documents; `judge` holds an answer
against it and is pure. No line of it shows a value, so that it can be put into a bug report as it is.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from daemon.errors import ApiError, Forbidden, NotFound, ReeldropError, Refused, SessionGone, TokenRefused
from daemon.jobs.model import Job
from daemon.nemo import answers, wire
from daemon.nemo.account import Account, AnonymousAccount, Endpoint
from daemon.nemo.answers import Balance, Session
from daemon.nemo.client import Attribution, Client
from daemon.nemo.transport import Reply, Transport


class Verdict(StrEnum):
    """What an answer is worth: as expected; usable though another; not usable; not asked for."""

    OK = "ok"
    DIFFERS = "differs"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an answer's data (`state.draft`: one inside another) and the JSON types that it may have."""

    path: str
    types: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call that costs nothing. `read`: what the client takes from its data; None: a clear no is expected."""

    name: str
    method: str
    path: str
    fields: tuple[Field, ...] = ()
    read: Callable[[str, wire.JsonObject], object] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a call answered, in words. `refused`: the token was."""

    call: str
    verdict: Verdict
    told: str
    refused: bool = False


BALANCE: Final = Call(
    "read the credits",
    "GET",
    wire.CREDITS,
    tuple(Field(name, ("number",)) for name in ("available", "frozen", "total")),
    answers.read_balance,
)
SESSION: Final = Call(
    "create a session",
    "POST",
    wire.SESSION,
    (Field("session_id", ("string",)), Field("task_id", ("string",)), Field("user_id", ("string",), True)),
    answers.read_session,
)
STATE: Final = Call(
    "read the session's state",
    "GET",
    wire.STATE,
    (
        Field("state", ("object",)),
        Field("state.draft", ("object", "null")),
        Field("state.video_infos", ("array", "null")),
        Field("state.canvas_config", ("object", "null")),
        Field("state.generated_media", ("object", "array", "null")),
        Field("state.video_analyses", ("object", "array", "null")),
        *(Field(name, ("string",), True) for name in ("session_id", "task_id", "task_name", "user_id")),
    ),
    answers.read_look,
)
CLAIM: Final = Call(
    "make a browser link",
    "POST",
    wire.CLAIM_TOKEN,
    (Field("claim_token", ("string",)), Field("expires_in", ("number",))),
    answers.read_claim,
)
RENDER: Final = Call("follow a render that is not there", "GET", wire.RENDER_ONE)
CALLS: Final = (BALANCE, SESSION, STATE, CLAIM, RENDER)

_TOKENS: Final = re.compile(r"\b((?:nmv|clm)_|bearer\s+)[^\s\"',;<>]+", re.IGNORECASE)
_ID: Final = re.compile(r"\b(?=[\w\-]*\d)([\w\-]{4})[\w\-]{8,}")
_NOTHING: Final = object()
_LONGEST_WORDS: Final = 160
_MOST_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class Link:
    """Opens a project for anyone who has it. `expires_in`: seconds, None where the service does not say."""

    url: str
    expires_in: float | None


class Visitor:
    """A service as a person may ask it who only looks: no token is ever fetched for that.

    `web`: the service's pages. Methods raise ApiError's family, TokenRefused where there is no token yet.
    """

    def __init__(self, account: Account, attribution: Attribution, web: str) -> None:
        self._account = account
        self._attribution = attribution
        self._web = web

    async def balance(self) -> Balance:
        self._require_token()
        transport = Transport()
        try:
            return await Client(transport, self._account, self._attribution).balance()
        finally:
            await transport.close()

    async def link(self, job: Job) -> Link:
        """A fresh browser link to the job's project. Raises ReeldropError where it has none there."""
        if job.made_by == "embedded":
            raise ReeldropError(
                "", f"job {job.id} was made by the embedded studio", "It has no project in a browser."
            )
        if job.session_id is None or job.task_id is None:
            raise ReeldropError("", f"job {job.id} has no project at the service: not yet, or no longer")
        self._require_token()
        kept, mine = (job.account or "").partition("#")[0], self._account.id.partition("#")[0]
        if kept != mine:
            raise ReeldropError(
                "", f"job {job.id} was made at {kept}, and `api.url` is {mine}", "Set that address again."
            )
        transport = Transport()
        try:
            client = Client(transport, self._account, self._attribution)
            claim = await client.claim_token(job.task_id, job.session_id)
        except (SessionGone, NotFound, Forbidden) as error:
            other = "" if job.account == self._account.id else ", or belongs to the account of another token"
            raise ReeldropError("", f"job {job.id}: its project is gone{other} ({error.cause})") from None
        finally:
            await transport.close()
        return Link(f"{self._web}/workspace/claim?ct={quote(claim.token)}", claim.expires_in)

    async def look(self) -> AsyncIterator[Seen]:
        """Makes the free calls one after the other and tells what each answered; stops where none can follow."""
        if not self._has_token:
            yield _starter_token(
                "there is no token yet, the first job fetches one; nothing else can be asked"
            )
            return
        transport = Transport()
        try:
            looking = _Looking(transport, await self._account.endpoint(), self._attribution)
            for call in CALLS:
                seen = await looking.ask(call)
                yield seen
                if seen.refused or looking.unreachable:
                    break
        finally:
            await transport.close()
        if self._account.anonymous:
            yield _starter_token("not asked just to look")

    @property
    def _has_token(self) -> bool:
        return not isinstance(self._account, AnonymousAccount) or self._account.has_token

    def _require_token(self) -> None:
        if not self._has_token:
            raise TokenRefused(
                "",
                "there is no token yet",
                "The first job fetches a starter token; one that systemd hands over is known to its daemon alone.",
            )


class _Looking:
    """One round of calls at an endpoint. `unreachable`: there is no use in going on."""

    def __init__(self, transport: Transport, at: Endpoint, attribution: Attribution) -> None:
        self.unreachable = False
        self._transport = transport
        self._at = at
        self._headers = {"Authorization": f"Bearer {at.token}", **attribution.headers}
        self._session: Session | None = None

    async def ask(self, call: Call) -> Seen:
        if call in (STATE, CLAIM) and self._session is None:
            return Seen(call.name, Verdict.SKIPPED, "there is no session to ask for")
        session, task = (self._session.session_id, self._session.task_id) if self._session else ("", None)
        path = call.path.format(session=quote(session), render=f"render_{uuid4().hex}")
        bodies: Mapping[Call, wire.JsonObject] = {
            SESSION: {"task_name": "project", "language": "en"},
            CLAIM: {"task_id": task, "session_id": session},
        }
        content = json.dumps(bodies[call]).encode() if call in bodies else None
        typed = {} if content is None else {"Content-Type": "application/json"}
        begun = time.monotonic()
        try:
            reply = await self._transport.ask(
                call.name, call.method, self._at.url + path, self._headers | typed, content
            )
        except ApiError as error:
            self.unreachable = True
            return Seen(call.name, Verdict.FAILED, f"{_request(call)}: {_shown(error.cause, self._at.token)}")
        seen = judge(call, reply, self._at.token, time.monotonic() - begun)
        if call is SESSION and seen.verdict is not Verdict.FAILED:
            self._session = answers.read_session(call.name, _answer(call, reply, self._at.token))
        return seen


def judge(call: Call, reply: Reply, token: str, took: float) -> Seen:
    """Holds an answer against what is expected of it. `took`: seconds; `token` and ids are not repeated."""
    shape = _shape(reply, _parsed(reply.body), token)
    head = f"{_request(call)} → HTTP {reply.status}, {took * 1000:.0f} ms, {shape}"
    try:
        data = _answer(call, reply, token)
    except ApiError as error:
        return _judge_no(call, error, f"{head}: {_shown(error.cause, token)}")
    told = f"{head}: {_listed(data, token)}"
    if call.read is None:
        return Seen(call.name, Verdict.DIFFERS, f"it knows a render that was made up. {told}")
    if extra := _extra(call, data):
        told += f"; more than documented: {', '.join(_shown(name, token) for name in extra[:_MOST_FIELDS])}"
    faults = _faults(call, data)
    try:
        call.read(call.name, data)
    except ApiError as error:
        return Seen(call.name, Verdict.FAILED, f"{'; '.join([error.cause, *faults])}. {told}")
    return (
        Seen(call.name, Verdict.DIFFERS, f"{'; '.join(faults)}. {told}")
        if faults
        else Seen(call.name, Verdict.OK, told)
    )


def _judge_no(call: Call, error: ApiError, told: str) -> Seen:
    if isinstance(error, TokenRefused):
        return Seen(call.name, Verdict.FAILED, f"{told}. {error.hint}", refused=True)
    if call.read is not None or not isinstance(error, Refused):
        return Seen(call.name, Verdict.FAILED, told)
    if isinstance(error, NotFound):
        return Seen(call.name, Verdict.OK, told)
    return Seen(call.name, Verdict.DIFFERS, f"it says no in another way than by 404. {told}")


def _faults(call: Call, data: wire.JsonObject) -> list[str]:
    """What is missing, or of another type."""
    faults = []
    for field in call.fields:
        found = _at(data, field.path)
        if found is not _NOTHING and _type(found) not in field.types:
            faults.append(f"{field.path} is {_type(found)}, not {' or '.join(field.types)}")
        elif found is _NOTHING and not field.optional:
            faults.append(f"{field.path} is missing")
    return faults


def _starter_token(why: str) -> Seen:
    need = f"one header, {wire.CLIENT_ID}, and no body; a client id gets one in 7 days"
    return Seen(
        "get a starter token", Verdict.SKIPPED, f"POST {wire.ANONYMOUS_TOKEN}: {why}. It needs {need}"
    )


def _answer(call: Call, reply: Reply, token: str) -> wire.JsonObject:
    return answers.read_answer(call.name, reply.status, reply.headers, reply.body, 0.0, token)


def _request(call: Call) -> str:
    return f"{call.method} {call.path}"


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NOTHING


def _shape(reply: Reply, value: Any, token: str) -> str:
    """What kind of answer it is: the keys at its top, or how much of what stands there instead."""
    if isinstance(value, dict):
        keys = ", ".join(_key(value, name, token) for name in list(value)[:_MOST_FIELDS])
        return f"{{{keys}}}"
    kind = _shown(reply.headers.get("content-type", "no content type"), token)
    return f"{len(reply.body)} bytes, {kind}"


def _key(value: wire.JsonObject, name: str, token: str) -> str:
    """A key of the envelope; its code is no secret and says much."""
    shown = _shown(name, token)
    return f"{shown} {value[name]}" if name in ("code", "success") and isinstance(value[name], int) else shown


def _listed(data: wire.JsonObject, token: str) -> str:
    """The fields with their types; of `state`, those in it too."""
    told = []
    for name, value in list(data.items())[:_MOST_FIELDS]:
        inside = f" {{{_typed(value, token)}}}" if name == "state" and isinstance(value, dict) else ""
        told.append(f"{_shown(name, token)} {_type(value)}{inside}")
    return ", ".join(told) or "no fields"


def _typed(fields: wire.JsonObject, token: str) -> str:
    shown = list(fields.items())[:_MOST_FIELDS]
    return ", ".join(f"{_shown(name, token)} {_type(value)}" for name, value in shown)


def _extra(call: Call, data: wire.JsonObject) -> list[str]:
    known = {field.path for field in call.fields}
    state = data.get("state")
    inside = [f"state.{name}" for name in state] if isinstance(state, dict) else []
    # Where the fields stand at the top, the envelope's own are among them.
    return [name for name in (*data, *inside) if name not in known | {"code", "message", "success", "data"}]


def _at(data: wire.JsonObject, path: str) -> Any:
    found: Any = data
    for name in path.split("."):
        found = found.get(name, _NOTHING) if isinstance(found, dict) else _NOTHING
    return found


def _type(value: Any) -> str:
    """JSON's own word for it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _shown(text: str, token: str) -> str:
    """Words of the service's without tokens, and of ids the first characters."""
    # Cut before it is looked through: a word of a megabyte would take minutes.
    text = answers.redacted(" ".join(text.split()), token)[: 4 * _LONGEST_WORDS]
    text = _ID.sub(r"\1…", _TOKENS.sub(r"\1[token]", text))
    return text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}…"
