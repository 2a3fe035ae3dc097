"""Who pays: where the service is, the token that opens it, and the gate that all its jobs go through.

An account gives an endpoint (address and token) and can be asked for another token once one was refused.
The token is in no URL, log, sidecar or record; an anonymous one lies in `state`, readable by its owner alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from daemon.errors import RateLimited, ReeldropError, TokenRefused
from daemon.nemo.gate import Gate

TOKEN_LIFE: Final = 7 * 86_400.0
"""Seconds that a starter token lives, and for which a client id gets no other (the service's documents)."""
_MOST_ASKS: Final = 2
"""Refusals within that time after which it is left alone."""

_SET_TOKEN: Final = (
    "Set a valid one (`api.token`, `api.token_file` or NEMO_TOKEN) and start the daemon again."
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to send requests and with which token."""

    url: str
    token: str = field(repr=False)


class Account(Protocol):
    @property
    def id(self) -> str:
        """Tells accounts apart in the record, and is no secret."""
        ...

    @property
    def gate(self) -> Gate: ...

    @property
    def anonymous(self) -> bool:
        """Whether nobody has registered it yet."""
        ...

    @property
    def user_id(self) -> str | None:
        """The service's own name for it, where its token came with one."""
        ...

    async def endpoint(self) -> Endpoint: ...

    async def renew(self, refused: Endpoint) -> Endpoint:
        """Another endpoint after this one's token was refused; raises TokenRefused where there is none."""
        ...


class TokenAccount:
    """A token that a person configured. `read` gives it; it is read again once the service refuses it."""

    anonymous = False
    user_id = None

    def __init__(self, url: str, read: Callable[[], str]) -> None:
        self.gate = Gate()
        self._read = read
        self._endpoint = Endpoint(url.rstrip("/"), read())
        self.id = f"{self._endpoint.url}#{_short(self._endpoint.token)}"

    async def endpoint(self) -> Endpoint:
        return self._endpoint

    async def renew(self, refused: Endpoint) -> Endpoint:
        with suppress(ReeldropError):  # a file that cannot be read now holds no other token
            if self._endpoint.token == refused.token:
                self._endpoint = Endpoint(self._endpoint.url, await asyncio.to_thread(self._read))
        if self._endpoint.token == refused.token:
            raise TokenRefused("sign in", "the service does not accept the configured token", _SET_TOKEN)
        return self._endpoint


@dataclass(frozen=True, slots=True)
class Grant:
    """A starter token, the service's name for its account, and its end in seconds since 1970 where it says so."""

    token: str = field(repr=False)
    user_id: str | None = None
    expires_at: float | None = None


AskToken = Callable[[str, str], Awaitable[Grant]]
"""(base URL, client id) → a starter token; `client.ask_anonymous_token`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the starter token: since when, how often it was refused, and the token if one came."""

    url: str
    asked_at: float
    asks: int
    token: str = field(default="", repr=False)
    user_id: str | None = None
    expires_at: float | None = None

    @property
    def ends_at(self) -> float:
        end = self.asked_at + TOKEN_LIFE
        return end if self.expires_at is None else min(end, self.expires_at)

    def may_ask(self, now: float) -> bool:
        """Whether the service may be asked for a token: once in its life, once more where none came."""
        if now >= self.asked_at + TOKEN_LIFE:
            return True
        return now >= self.ends_at if self.token else self.asks < _MOST_ASKS


class AnonymousAccount:
    """A starter token of the service's own, kept in `state` until it ends.

    The client id is what the service knows this installation by; another client's id is taken over, so that
    one machine is one account.
    """

    anonymous = True

    def __init__(
        self,
        url: str,
        state: Path,
        ask: AskToken,
        *,
        client_id: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.gate = Gate()
        self._url = url.rstrip("/")
        self._cache = state / "token.json"
        self._ask = ask
        self._named = client_id
        self._file = state / "client_id"
        self._now = now
        self._lock = asyncio.Lock()

    @cached_property
    def _client_id(self) -> str:
        return self._named or _client_id(self._file)

    @property
    def id(self) -> str:
        return f"{self._url}#anon-{_short(self._client_id)}"

    @property
    def user_id(self) -> str | None:
        kept = self._kept()
        return kept.user_id if kept else None

    @property
    def has_token(self) -> bool:
        kept = self._kept()
        return kept is not None and bool(kept.token) and self._now() < kept.ends_at

    async def endpoint(self) -> Endpoint:
        async with self._lock:
            kept = self._kept()
            if kept is None or not kept.token or self._now() >= kept.ends_at:
                kept = await self._fetch(kept)
            return Endpoint(self._url, kept.token)

    async def renew(self, refused: Endpoint) -> Endpoint:
        async with self._lock:
            # Others may have hit the same refusal and fetched one already.
            kept = self._kept()
            if kept is None or not kept.token or kept.token == refused.token:
                kept = await self._fetch(kept)
            return Endpoint(self._url, kept.token)

    async def _fetch(self, kept: Kept | None) -> Kept:
        now = self._now()
        if kept is not None and not kept.may_ask(now):
            raise _no_other(kept)
        goes_on = kept is not None and not kept.token and now < kept.asked_at + TOKEN_LIFE
        asked_at, refusals = (kept.asked_at, kept.asks) if kept is not None and goes_on else (now, 0)
        try:
            grant = await self._ask(self._url, self._client_id)
        except RateLimited:
            # Only a clear no counts: an outage must not use up what the service allows in seven days.
            refused = Kept(self._url, asked_at, refusals + 1)
            self._keep(refused)
            if refused.asks < _MOST_ASKS:
                raise
            raise _no_other(refused) from None
        got = Kept(self._url, now, 0, grant.token, grant.user_id, grant.expires_at)
        self._keep(got)
        return got

    def _kept(self) -> Kept | None:
        try:
            kept = Kept(**json.loads(self._cache.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return kept if kept.url == self._url else None

    def _keep(self, kept: Kept) -> None:
        _write_private(self._cache, json.dumps(asdict(kept)))


def _no_other(kept: Kept) -> TokenRefused:
    day = f"{datetime.fromtimestamp(kept.asked_at + TOKEN_LIFE).astimezone():%Y-%m-%d %H:%M}"
    cause = (
        "the service does not accept the starter token" if kept.token else "the service gave no starter token"
    )
    return TokenRefused(
        "sign in",
        f"{cause}, and gives another one only after {day}",
        "Register at the service and set its token (`api.token`, `api.token_file` or NEMO_TOKEN).",
    )


def _short(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


def _client_id(path: Path) -> str:
    for known in (path, Path.home() / ".config/nemovideo/client_id"):
        try:
            if found := known.read_text().strip():
                return found
        except OSError:
            continue
    made = str(uuid.uuid4())
    _write_private(path, made + "\n")
    return made


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
