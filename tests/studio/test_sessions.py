"""The durable record of sessions, and messages carried out in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.errors import RenderError
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.nemo.wire import JsonObject
from daemon.studio.disk import read_json, write_json
from daemon.studio.edits import Edits
from daemon.studio.faults import Rehearsal, Service
from daemon.studio.ledger import Ledger
from daemon.studio.library import Library
from daemon.studio.looking import Looking
from daemon.studio.sessions import Message, Session, Sessions
from daemon.studio.terms import Terms
from daemon.studio.timeline import Clip, append

CLIP = Clip("a.mp4", "ab" * 32, "video", 10_000, 64, 36, 10.0)


def _opened(folder: Path) -> Sessions:
    sessions = Sessions(folder / "sessions")
    sessions.open()
    return sessions


def test_a_session_reads_back_as_it_was_written(tmp_path: Path) -> None:
    sessions = _opened(tmp_path)
    session = sessions.create("me", "名", "zh")

    async def change() -> None:
        async with sessions.change(session.session_id) as changed:
            changed.draft = {"t": [], "未知": 1}
            changed.messages.append(Message("1", "trim\u2028"))

    asyncio.run(change())
    read = _opened(tmp_path).read(session.session_id, "me")
    assert read is not None
    assert (read.draft, read.messages) == ({"t": [], "未知": 1}, [Message("1", "trim\u2028")])
    assert _opened(tmp_path).read(session.session_id, "somebody") is None


@pytest.mark.parametrize("name", ["..", "../sessions", "", "12/..", "１２", "key"])
def test_a_session_id_is_never_a_path(tmp_path: Path, name: str) -> None:
    assert _opened(tmp_path).read(name) is None


def test_a_change_that_fails_writes_nothing(tmp_path: Path) -> None:
    sessions = _opened(tmp_path)
    session = sessions.create("me", "p", "en").session_id

    async def change() -> None:
        async with sessions.change(session) as changed:
            changed.draft = {"half": True}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(change())
    read = sessions.read(session)
    assert read is not None
    assert read.draft == {}


def test_changes_of_one_session_never_lose_each_other(tmp_path: Path) -> None:
    sessions = _opened(tmp_path)
    session = sessions.create("me", "p", "en").session_id

    async def add(number: int) -> None:
        async with sessions.change(session) as changed:
            await asyncio.sleep(0)
            changed.messages.append(Message(str(number), ""))

    async def add_all() -> None:
        await asyncio.gather(*(add(number) for number in range(20)))

    asyncio.run(add_all())
    read = sessions.read(session)
    assert read is not None
    assert sorted(int(one.id) for one in read.messages) == list(range(20))


def test_half_a_record_from_a_crash_is_passed_over(tmp_path: Path) -> None:
    write_json(tmp_path / "session.json", {"whole": 1})
    (tmp_path / ".session.json.new").write_text('{"whole": ')
    assert read_json(tmp_path / "session.json") == {"whole": 1}
    write_json(tmp_path / "session.json", {"whole": 2})
    assert read_json(tmp_path / "session.json") == {"whole": 2}


def test_a_folder_without_a_readable_record_does_not_stop_the_start(tmp_path: Path) -> None:
    sessions = _opened(tmp_path)
    kept = sessions.create("me", "p", "en").session_id
    (tmp_path / "sessions" / "123").mkdir()
    (tmp_path / "sessions" / "123" / "session.json").write_text("{broken")
    (tmp_path / "sessions" / "124").mkdir()
    assert list(sessions.with_pending()) == []
    assert list(sessions.render_folders()) == []
    assert sessions.read(kept) is not None


def test_an_asset_that_was_not_uploaded_is_no_path(tmp_path: Path) -> None:
    sessions = _opened(tmp_path)
    session = sessions.create("me", "p", "en").session_id
    for content in ("../../key", "ab", "", None, 3):
        with pytest.raises(RenderError, match="was not uploaded"):
            sessions.asset(session, content)


class HeldSessions(Sessions):
    """Sessions whose changes wait while `held` is set."""

    held: asyncio.Event | None = None

    @asynccontextmanager
    async def change(self, session_id: str) -> AsyncIterator[Session]:
        if self.held is not None:
            await self.held.wait()
        async with super().change(session_id) as session:
            yield session


def _edits(sessions: Sessions, service: Service | None = None) -> Edits:
    ledger = Ledger(sessions.folder)
    looking = Looking(sessions, Library(), Ffmpeg(find_ffmpeg()), sessions.folder)
    return Edits(sessions, looking, Terms(ledger, lambda: Rehearsal((), service or Service())), ledger)


def _read(sessions: Sessions, session_id: str) -> Session:
    session = sessions.read(session_id)
    assert session is not None
    return session


def _with_clip(folder: Path) -> tuple[HeldSessions, str]:
    sessions = HeldSessions(folder / "sessions")
    sessions.open()
    session = sessions.create("me", "p", "en").session_id

    async def add() -> None:
        async with sessions.change(session) as changed:
            changed.draft = append({}, CLIP)

    asyncio.run(add())
    return sessions, session


def test_a_message_under_way_sends_heartbeats_and_then_its_events(tmp_path: Path) -> None:
    sessions, session = _with_clip(tmp_path)

    async def follow() -> list[JsonObject]:
        edits = _edits(sessions, Service(heartbeat=0.001))
        message = await edits.accept(_read(sessions, session), "trim to 1 s")
        sessions.held = asyncio.Event()
        events = []
        async for event in edits.follow(session, message):
            events.append(event)
            if len(events) == 3:
                sessions.held.set()
        return events

    kinds = [event["type"] for event in asyncio.run(follow())]
    assert kinds[:3] == ["heartbeat"] * 3
    assert kinds[-3:] == ["tool_call", "tool_result", "text"]


def test_messages_of_a_session_are_carried_out_in_their_order(tmp_path: Path) -> None:
    sessions, session = _with_clip(tmp_path)

    async def say() -> None:
        edits = _edits(sessions)
        texts = ["remove the first 1 s", "trim to 4 s", "2x", "no music", "slow down to 0.5x"]
        messages = [await edits.accept(_read(sessions, session), text) for text in texts]
        for message in messages:
            async for _ in edits.follow(session, message):
                pass

    asyncio.run(say())
    read = sessions.read(session)
    assert read is not None
    segment = read.draft["t"][0]["sg"][0]
    assert (segment["d"], segment["m"]["from"], segment["m"]["speed"]) == (4000, 1000, 1.0)
    assert [one.status for one in read.messages] == ["done"] * 5


def test_a_message_that_breaks_the_studio_is_answered_and_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, session = _with_clip(tmp_path)

    def broken(*edit: object) -> tuple[JsonObject, list[JsonObject]]:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("daemon.studio.edits.carried_out", broken)

    async def say() -> list[JsonObject]:
        edits = _edits(sessions)
        message = await edits.accept(_read(sessions, session), "trim to 1 s")
        return [event async for event in edits.follow(session, message)]

    events = asyncio.run(say())
    assert events[0]["type"] == "error"
    assert "a fault of ours" in events[0]["message"]
    assert list(sessions.with_pending()) == []
