"""One studio: its folder, accounts, sessions, messages and renders, and how a file comes onto the timeline."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Awaitable, Callable, Set
from pathlib import Path
from typing import Final

from daemon.errors import FileRefused, MediaError, MediaTooLarge, SessionGone
from daemon.media.ffmpeg import Ffmpeg
from daemon.media.limits import Excess, excess
from daemon.media.probe import Probe, begin, probe
from daemon.nemo.wire import FILE_TOO_LARGE, SESSION_NOT_FOUND, UNSUPPORTED_FILE, JsonObject
from daemon.studio.accounts import open_accounts
from daemon.studio.disk import sync_folder
from daemon.studio.draft import SHORTEST_MS
from daemon.studio.edits import Edits
from daemon.studio.faults import NOTHING, Then
from daemon.studio.ledger import Ledger
from daemon.studio.library import Library
from daemon.studio.links import Reach
from daemon.studio.looking import Looking
from daemon.studio.pixels import even_within
from daemon.studio.renders import RenderQueue
from daemon.studio.sessions import Session, Sessions
from daemon.studio.terms import Read, Terms
from daemon.studio.timeline import Clip, append
from daemon.studio.uploads import Received

IMAGE_MS: Final = 5000
"""How long a still picture stands on the timeline."""

_IMAGE_SIDE: Final = 1920
_FPS: Final = 30.0
_LOOKS_AT_ONCE: Final = 2
"""Of the uploads that have arrived: decoding the largest photo takes 480 MB."""


class Studio:
    """All that the server serves. Whoever makes one holds the folder's lock.

    `host`: the address it is reached at, for the Host header's check. `faults`: what the faults file says
    now. `reach`: where the URLs of an upload may lead. `library`: the user's own pictures and music.
    `matte_model`: `auto`, or the path of a model that finds people.
    """

    def __init__(
        self,
        folder: Path,
        ffmpeg: Ffmpeg,
        token: str | None = None,
        host: str = "127.0.0.1",
        faults: Read | None = None,
        reach: Reach = "nowhere",
        library: Library | None = None,
        matte_model: str = "auto",
    ) -> None:
        self.host = host
        self.reach = reach
        self.accounts = open_accounts(folder, token)
        self.sessions = Sessions(folder / "sessions")
        self.ledger = Ledger(folder)
        self.terms = Terms(self.ledger, faults)
        self._ffmpeg = ffmpeg
        self._incoming = folder / "incoming"
        self._looks = asyncio.Semaphore(_LOOKS_AT_ONCE)
        looking = Looking(self.sessions, library or Library(), ffmpeg, self._incoming, matte_model)
        self.edits = Edits(self.sessions, looking, self.terms, self.ledger)
        self.renders = RenderQueue(self.sessions, looking, self.terms, self.ledger)

    async def start(self) -> None:
        """Goes on with what was accepted and not finished; half uploads of an earlier life are dropped."""
        await asyncio.to_thread(shutil.rmtree, self._incoming, ignore_errors=True)
        self._incoming.mkdir(mode=0o700)
        self.sessions.open()
        await self.edits.start()
        self.renders.start()

    async def stop(self) -> None:
        await self.edits.stop()
        await self.renders.stop()
        self.ledger.close()

    async def create_session(self, account: str, task_name: str, language: str) -> Session:
        session = await asyncio.to_thread(self.sessions.create, account, task_name, language)
        self.ledger.add("session", session=session.session_id, account=account)
        return session

    async def retire(self, before: float, keep: Set[str]) -> None:
        """Drops the files of sessions that nothing was done in since `before` (seconds since 1970), but for `keep`."""
        for session_id in await asyncio.to_thread(self.sessions.unused, before):
            if session_id not in keep and not await self.renders.forget(session_id):
                self.ledger.add("retired", session=session_id)
                await asyncio.to_thread(self.sessions.remove, session_id)

    async def session(self, session_id: str, user_id: str, then: Then = NOTHING) -> Session:
        """Raises SessionGone where there is none, or it is another account's, or it has just expired."""
        session = self.sessions.read(session_id, user_id)
        if session is not None and then.expire == "session":
            async with self.sessions.change(session_id) as session:
                session.gone = True
        if session is None or session.gone:
            raise SessionGone("", "session not found", api_code=SESSION_NOT_FOUND)
        return session

    async def upload(
        self, session_id: str, arrive: Callable[[Path], Awaitable[list[Received]]]
    ) -> tuple[list[JsonObject], bool]:
        """All files that `arrive` in a folder, or none: (their infos, whether the draft changed).

        Raises Refused and FileRefused.
        """
        folder = self._incoming / secrets.token_hex(8)
        folder.mkdir()
        try:
            files = await arrive(folder)
            async with self._looks:
                looked = [(one, await asyncio.to_thread(self._look, one)) for one in files]
            async with self.sessions.change(session_id) as session:
                before = session.draft
                for file, clip in looked:
                    session.files.append(_info(file, clip))
                    session.draft = append(session.draft, clip)
                await asyncio.to_thread(self._place, session, files)
                received = [{"name": one.name, "hash": one.hash, "size": one.size} for one in files]
                self.ledger.add("upload", session=session_id, account=session.user_id, files=received)
                return session.files[-len(files) :], session.draft != before
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _look(self, file: Received) -> Clip:
        try:
            found = probe(file.path, self._ffmpeg)
            if found.is_image:
                # Pillow takes 30 MB that a studio without pictures need not hold.
                from daemon.studio.stills import decode

                decode(file.path)
            else:
                self._begin(file, found)
        except MediaTooLarge as error:
            raise _too_large(file, Excess(error.cause, error.hint)) from None
        except MediaError as error:
            raise _broken(file, error.cause) from None
        return _clip(file, found)

    def _begin(self, file: Received, found: Probe) -> None:
        """Raises FileRefused and MediaError."""
        much = excess(found.width, found.height, found.fps, found.duration_s or 0.0)
        if much:
            raise _too_large(file, much)
        begin(file.path, found, self._ffmpeg)

    def _place(self, session: Session, files: list[Received]) -> None:
        assets = self.sessions.assets(session.session_id)
        for file in files:
            file.path.replace(assets / _stored(file))
        sync_folder(assets)


def _clip(file: Received, found: Probe) -> Clip:
    if found.is_image:
        shrunk = min(1.0, _IMAGE_SIDE / max(found.width, found.height, 1))
        width, height = even_within(found.width * shrunk), even_within(found.height * shrunk)
        return Clip(file.name, file.hash, "image", IMAGE_MS, width, height, _FPS, silent=True)
    length = round((found.duration_s or 0) * 1000)
    if length < SHORTEST_MS:
        raise _broken(file, "it has no length, or less than 0.1 s")
    if not found.has_video:
        return Clip(file.name, file.hash, "clip", length)
    fps = found.fps if 1 <= found.fps <= 120 else _FPS
    width, height = even_within(found.width), even_within(found.height)
    return Clip(file.name, file.hash, "video", length, width, height, fps, silent=not found.has_audio)


def _info(file: Received, clip: Clip) -> JsonObject:
    return {
        "filename": file.name,
        "file_type": "audio" if clip.kind == "clip" else clip.kind,
        "duration": clip.length / 1000,
        "width": clip.width,
        "height": clip.height,
        "fps": clip.fps,
        "hash": file.hash,
        "stored": _stored(file),
    }


def _stored(file: Received) -> str:
    return file.hash + Path(file.name).suffix.lower()


def _too_large(file: Received, much: Excess) -> FileRefused:
    return FileRefused(
        "upload", f"{file.name} is not taken: {much.cause}", much.hint, api_code=FILE_TOO_LARGE
    )


def _broken(file: Received, cause: str) -> FileRefused:
    return FileRefused("upload", f"{file.name} cannot be read: {cause}", api_code=UNSUPPORTED_FILE)
