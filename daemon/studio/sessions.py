"""Sessions on disk: what was uploaded, the draft, and every message that was accepted.

    sessions/<session id>/session.json     the record, replaced whole at every change
                          assets/<hash>.<extension>
                          renders/<render id>/render.json, result.<extension>

The record is the only truth: nothing of it is kept in memory between two requests, and a change holds the
session's lock from reading to writing.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal
from weakref import WeakValueDictionary

from daemon.errors import RenderError
from daemon.nemo.wire import JsonObject
from daemon.studio.disk import read_json, write_json

_ID_DIGITS: Final = 19


@dataclass(slots=True)
class Message:
    """One instruction. `events`: what the stream says, known once the message is `done`.

    `price`: credits, if it changes the draft. Rehearsed: `lost` (nothing is changed, whatever it says),
    `asks` (this event is all that comes of it), `stage` (seconds until the draft changes again by itself).
    """

    id: str
    text: str
    status: Literal["pending", "done"] = "pending"
    events: list[JsonObject] = field(default_factory=list)
    price: int = 0
    lost: bool = False
    asks: JsonObject | None = None
    stage: float = 0.0


@dataclass(slots=True)
class Session:
    """One session's record. `files`: the uploads in the words of `video_infos`, with `stored` (name on disk).

    `gone`: declared unknown from now on.
    """

    session_id: str
    task_id: str
    user_id: str
    task_name: str = "project"
    language: str = "en"
    draft: JsonObject = field(default_factory=dict)
    files: list[JsonObject] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    gone: bool = False

    def pending(self) -> Message | None:
        return next((one for one in self.messages if one.status == "pending"), None)

    def message(self, message_id: str) -> Message | None:
        return next((one for one in self.messages if one.id == message_id), None)

    def meant(self, message: Message) -> str:
        """The instruction a message stands for: after a question, the one that was asked about."""
        place = self.messages.index(message)
        while place and self.messages[place - 1].asks:
            place -= 1
        return self.messages[place].text


class Sessions:
    """All sessions below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def create(self, user_id: str, task_name: str, language: str) -> Session:
        session = Session(_new_id(), _new_id(), user_id, task_name, language)
        self.assets(session.session_id).mkdir(parents=True, mode=0o700)
        self.renders(session.session_id).mkdir(mode=0o700)
        self._write(session)
        return session

    def read(self, session_id: str, user_id: str | None = None) -> Session | None:
        """The session, or None where there is none, or (with `user_id`) where it is somebody else's."""
        if not session_id.isascii() or not session_id.isdigit():
            return None
        record = read_json(self._path(session_id))
        if record is None or (user_id is not None and record["user_id"] != user_id):
            return None
        messages = [Message(**one) for one in record.pop("messages")]
        return Session(**record, messages=messages)

    @asynccontextmanager
    async def change(self, session_id: str) -> AsyncIterator[Session]:
        """The session to be changed in place; written when the block ends without an error."""
        lock = self._locks.setdefault(session_id, asyncio.Lock())
        async with lock:
            session = self.read(session_id)
            if session is None:
                raise LookupError(session_id)
            before = _record(session)
            yield session
            if _record(session) != before:
                await asyncio.to_thread(self._write, session)

    def with_pending(self) -> Iterator[str]:
        """The sessions that have a message to carry out."""
        for session_id in self._ids():
            session = self.read(session_id)
            if session is not None and session.pending() is not None:
                yield session_id

    def unused(self, before: float) -> list[str]:
        """The sessions whose record, and those of whose renders, were written last before `before`."""
        found = []
        for session_id in self._ids():
            written = [self._path(session_id), *self.renders(session_id).glob("*/render.json")]
            session = self.read(session_id)
            if session is None or session.pending() is not None:
                continue
            if max((one.stat().st_mtime for one in written if one.exists()), default=before) < before:
                found.append(session_id)
        return found

    def remove(self, session_id: str) -> None:
        """Its record goes first: half a session is none."""
        self._path(session_id).unlink(missing_ok=True)
        shutil.rmtree(self.folder / session_id, ignore_errors=True)

    def render_folders(self) -> Iterator[Path]:
        yield from (one.parent for one in self.folder.glob("*/renders/*/render.json"))

    def assets(self, session_id: str) -> Path:
        return self.folder / session_id / "assets"

    def renders(self, session_id: str) -> Path:
        return self.folder / session_id / "renders"

    def asset(self, session_id: str, content: object) -> Path:
        """The uploaded file with this content hash. Raises RenderError: drafts are edited by hand too."""
        session = self.read(session_id)
        for one in session.files if session else []:
            if one["hash"] == content:
                return self.assets(session_id) / str(one["stored"])
        raise RenderError("render", f"the draft names a file that was not uploaded ({content})")

    def _ids(self) -> list[str]:
        return sorted(one.parent.name for one in self.folder.glob("*/session.json"))

    def _path(self, session_id: str) -> Path:
        return self.folder / session_id / "session.json"

    def _write(self, session: Session) -> None:
        write_json(self._path(session.session_id), _record(session))


def _record(session: Session) -> JsonObject:
    return asdict(session)


def _new_id() -> str:
    """A long decimal string, as the service's own ids are."""
    return str(secrets.randbelow(9 * 10 ** (_ID_DIGITS - 1)) + 10 ** (_ID_DIGITS - 1))
