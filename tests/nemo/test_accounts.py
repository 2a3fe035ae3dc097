"""Who pays: configured, anonymous, and the embedded studio."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from daemon.config.model import StudioSettings
from daemon.errors import MediaError, RateLimited, TokenRefused, Unanswered, Unreachable
from daemon.nemo.account import TOKEN_LIFE, AnonymousAccount, Endpoint, Grant, TokenAccount
from daemon.nemo.client import Attribution, Client, ask_anonymous_token
from daemon.nemo.embedded import EmbeddedAccount
from daemon.nemo.transport import Transport

DAY = 86_400.0


class TokenService:
    """Gives a token for each question it answers; `refusals` come first."""

    def __init__(self, *refusals: Exception, life: float | None = None) -> None:
        self.asked: list[str] = []
        self.now = 1000.0
        self._refusals = list(refusals)
        self._life = life

    async def ask(self, url: str, client_id: str) -> Grant:
        self.asked.append(client_id)
        if self._refusals:
            raise self._refusals.pop(0)
        ends = None if self._life is None else self.now + self._life
        return Grant(f"token-{len(self.asked)}", "anon_1", ends)

    def account(self, state: Path) -> AnonymousAccount:
        return AnonymousAccount("http://service", state, self.ask, now=lambda: self.now)


def wait_for(what: Callable[[], Awaitable[Endpoint]]) -> str:
    async def go() -> str:
        return (await what()).token

    return asyncio.run(go())


def test_a_starter_token_is_fetched_once_kept_private_and_renewed_once_for_all(tmp_path: Path) -> None:
    service = TokenService(life=3600.0)

    async def go() -> None:
        account = service.account(tmp_path)
        first = await asyncio.gather(*(account.endpoint() for _ in range(5)))
        assert {at.token for at in first} == {"token-1"}
        service.now += 3600.0
        again = await asyncio.gather(*(account.renew(first[0]) for _ in range(5)))
        assert {at.token for at in again} == {"token-2"}
        assert (await service.account(tmp_path).endpoint()).token == "token-2"
        assert account.user_id == "anon_1"

    asyncio.run(go())
    assert len(service.asked) == 2 and len(set(service.asked)) == 1
    for name in ("token.json", "client_id"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_starter_token_refused_before_its_time_is_not_asked_for_again_until_then(tmp_path: Path) -> None:
    service = TokenService()

    async def go() -> None:
        account = service.account(tmp_path)
        at = await account.endpoint()
        service.now += 6.9 * DAY
        for again in (account, service.account(tmp_path)):
            with pytest.raises(TokenRefused, match="another one only after") as caught:
                await again.renew(at)
            assert "Register" in caught.value.hint
        assert len(service.asked) == 1
        service.now = 1000.0 + TOKEN_LIFE
        assert (await account.endpoint()).token == "token-2"

    asyncio.run(go())


def test_a_service_that_refuses_a_token_is_asked_once_more_and_then_left_alone(tmp_path: Path) -> None:
    refusal = RateLimited("x", "one a week")
    service = TokenService(refusal, refusal, refusal)
    with pytest.raises(RateLimited):
        wait_for(service.account(tmp_path).endpoint)
    for _ in range(5):
        with pytest.raises(TokenRefused, match="gave no starter token"):
            wait_for(service.account(tmp_path).endpoint)
    assert len(service.asked) == 2


@pytest.mark.parametrize("trouble", [Unanswered("x", "no answer"), Unreachable("x", "nobody there")])
def test_an_outage_does_not_use_up_what_may_be_asked(tmp_path: Path, trouble: Exception) -> None:
    service = TokenService(*[trouble] * 5)
    for _ in range(5):
        with pytest.raises(type(trouble)):
            wait_for(service.account(tmp_path).endpoint)
    assert wait_for(service.account(tmp_path).endpoint) == "token-6"


def test_a_second_question_that_is_answered_gives_the_token(tmp_path: Path) -> None:
    service = TokenService(RateLimited("x", "slow down"))
    with pytest.raises(RateLimited):
        wait_for(service.account(tmp_path).endpoint)
    assert wait_for(service.account(tmp_path).endpoint) == "token-2"


def test_a_configured_token_that_is_refused_asks_a_person(tmp_path: Path) -> None:
    account = TokenAccount("http://service/", lambda: "nmv_usr_secret")

    async def go() -> None:
        at = await account.endpoint()
        assert "secret" not in repr(at) and "secret" not in account.id
        with pytest.raises(TokenRefused, match="NEMO_TOKEN"):
            await account.renew(at)

    asyncio.run(go())


def test_a_token_file_that_was_changed_is_read_again_and_one_that_is_gone_says_no_more(
    tmp_path: Path,
) -> None:
    file = tmp_path / "token"
    file.write_text("nmv_usr_old")
    account = TokenAccount("http://service", file.read_text)

    async def go() -> None:
        old = await account.endpoint()
        file.write_text("nmv_usr_new")
        new = await asyncio.gather(*(account.renew(old) for _ in range(3)))
        assert {at.token for at in new} == {"nmv_usr_new"}
        with pytest.raises(TokenRefused):
            await account.renew(new[0])

    asyncio.run(go())


def test_the_embedded_studio_starts_at_need_is_the_same_account_after_a_crash_and_ends_with_us(
    tmp_path: Path,
) -> None:
    async def go() -> None:
        account = EmbeddedAccount(tmp_path / "studio", StudioSettings())
        transport = Transport()
        client = Client(transport, account, Attribution("reeldrop", "1"))
        session = await client.create_session("en")
        first = account._process
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        await first.wait()
        assert (await client.look(session.session_id)).draft == {}
        at = await account.endpoint()
        client_id = "5f0c8c8e-0000-4000-8000-000000000000"
        grant = await ask_anonymous_token(at.url, client_id, attribution=Attribution("reeldrop", "1"))
        assert grant.token and grant.token != at.token
        assert grant.user_id is not None and grant.user_id.startswith("anon_")
        assert grant.expires_at is not None
        second = account._process
        await account.stop()
        await transport.close()
        assert second is not None and second.returncode == 0

    asyncio.run(go())


def test_a_studio_that_cannot_start_says_so(tmp_path: Path) -> None:
    async def go() -> None:
        with pytest.raises(MediaError, match="ended at once"):
            await EmbeddedAccount(tmp_path / "studio", StudioSettings(ffmpeg="/no/ffmpeg")).endpoint()

    asyncio.run(go())
