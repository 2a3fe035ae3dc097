"""Who pays: configured, anonymous, and the embedded studio."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from daemon.errors import MediaError, TokenRefused
from daemon.nemo.account import AnonymousAccount, TokenAccount
from daemon.nemo.client import Attribution, Client, ask_anonymous_token
from daemon.nemo.embedded import EmbeddedAccount
from daemon.nemo.transport import Transport


class Counter:
    """A token service that counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, url: str, client_id: str) -> str:
        self.asked.append(client_id)
        return f"token-{len(self.asked)}"


def test_an_anonymous_token_is_fetched_once_kept_private_and_renewed_once_for_all(tmp_path: Path) -> None:
    service = Counter()

    async def go() -> None:
        account = AnonymousAccount("http://service", tmp_path, service.ask)
        first = await asyncio.gather(*(account.endpoint() for _ in range(5)))
        assert {at.token for at in first} == {"token-1"}
        again = await asyncio.gather(*(account.renew(first[0]) for _ in range(5)))
        assert {at.token for at in again} == {"token-2"}
        assert (await AnonymousAccount("http://service", tmp_path, service.ask).endpoint()).token == "token-2"

    asyncio.run(go())
    assert len(service.asked) == 2 and len(set(service.asked)) == 1
    for name in ("token.json", "client_id"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_configured_token_that_is_refused_asks_a_person(tmp_path: Path) -> None:
    account = TokenAccount("http://service/", "nmv_usr_secret")

    async def go() -> None:
        at = await account.endpoint()
        assert "secret" not in repr(at) and "secret" not in account.id
        with pytest.raises(TokenRefused, match="NEMO_TOKEN"):
            await account.renew(at)

    asyncio.run(go())


def test_the_embedded_studio_starts_at_need_is_the_same_account_after_a_crash_and_ends_with_us(
    tmp_path: Path,
) -> None:
    async def go() -> None:
        account = EmbeddedAccount(tmp_path / "studio", "auto")
        transport = Transport()
        client = Client(transport, account, Attribution("reeldrop", "1"))
        session = await client.create_session("en")
        first = account._process
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        await first.wait()
        assert (await client.look(session.session_id)).draft == {}
        at = await account.endpoint()
        token = await ask_anonymous_token(at.url, "5f0c8c8e-0000-4000-8000-000000000000")
        assert token and token != at.token
        second = account._process
        await account.stop()
        await transport.close()
        assert second is not None and second.returncode == 0

    asyncio.run(go())


def test_a_studio_that_cannot_start_says_so(tmp_path: Path) -> None:
    async def go() -> None:
        with pytest.raises(MediaError, match="ended at once"):
            await EmbeddedAccount(tmp_path / "studio", "/no/ffmpeg").endpoint()

    asyncio.run(go())
