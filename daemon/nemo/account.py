"""Who pays: where the service is, and the token that opens it.

An account gives an endpoint (address and token) and can be asked for another token once one was refused.
The token is in no URL, log, sidecar or record; an anonymous one lies in `state`, readable by its owner alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from daemon.errors import TokenRefused


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

    async def endpoint(self) -> Endpoint: ...

    async def renew(self, refused: Endpoint) -> Endpoint:
        """Another endpoint after this one's token was refused; raises TokenRefused where there is none."""
        ...


class TokenAccount:
    """A token that a person configured."""

    def __init__(self, url: str, token: str) -> None:
        self._endpoint = Endpoint(url.rstrip("/"), token)
        self.id = f"{self._endpoint.url}#{hashlib.sha256(token.encode()).hexdigest()[:12]}"

    async def endpoint(self) -> Endpoint:
        return self._endpoint

    async def renew(self, refused: Endpoint) -> Endpoint:
        raise TokenRefused(
            "sign in",
            "the service does not accept the configured token",
            "Set a valid one (`api.token` in the rules file, or NEMO_TOKEN) and start the daemon again.",
        )


AskToken = Callable[[str, str], Awaitable[str]]
"""(base URL, client id) → a token; `client.ask_anonymous_token`."""


class AnonymousAccount:
    """A starter token of the service's own, kept in `state` until it is refused.

    The client id is what the service knows this installation by; another client's id is taken over, so that
    one machine is one account.
    """

    def __init__(self, url: str, state: Path, ask: AskToken, *, client_id: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._cache = state / "token.json"
        self._ask = ask
        self._named = client_id
        self._kept = state / "client_id"
        self._lock = asyncio.Lock()

    @cached_property
    def _client_id(self) -> str:
        return self._named or _client_id(self._kept)

    @property
    def id(self) -> str:
        return f"{self._url}#anon-{hashlib.sha256(self._client_id.encode()).hexdigest()[:12]}"

    async def endpoint(self) -> Endpoint:
        async with self._lock:
            return Endpoint(self._url, self._cached() or await self._fetch())

    async def renew(self, refused: Endpoint) -> Endpoint:
        async with self._lock:
            # Others may have hit the same refusal and fetched one already.
            token = self._cached()
            if token is None or token == refused.token:
                token = await self._fetch()
            return Endpoint(self._url, token)

    def _cached(self) -> str | None:
        try:
            kept = json.loads(self._cache.read_text())
        except (OSError, ValueError):
            return None
        return str(kept["token"]) if kept.get("url") == self._url else None

    async def _fetch(self) -> str:
        token = await self._ask(self._url, self._client_id)
        _write_private(self._cache, json.dumps({"url": self._url, "token": token}))
        return token


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
