"""The render queue: one render at a time for a session, few at a time in all, each on a thread of its own.

A render's record is written before it is queued. What was pending or processing when the studio ended is
rendered again, under its id, by the next start.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args
from weakref import WeakValueDictionary

from daemon.errors import DuplicateRender, MediaError, Refused, RenderError
from daemon.nemo.wire import JsonObject
from daemon.studio.disk import place, read_json, sync_folder, write_json
from daemon.studio.ledger import Ledger
from daemon.studio.looking import Looking
from daemon.studio.sessions import Sessions
from daemon.studio.terms import Terms

CORES_PER_RENDER: Final = 4
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")

Status = Literal["pending", "processing", "completed", "failed"]
Form = Literal["auto", "mp4", "mov", "mkv", "webm", "m4a", "mp3", "wav"]
Quality = Literal["high", "medium", "low"]


@dataclass(slots=True)
class Render:
    """One render's record. `result`: the finished file's name in the render's folder.

    `fails`: it is to fail, with these words.
    """

    id: str
    session_id: str
    user_id: str
    draft: JsonObject
    form: str
    quality: str
    status: Status = "pending"
    message: str = ""
    result: str = ""
    fails: str = ""


class RenderQueue:
    """Takes renders, carries them out in order, and knows all that there ever were."""

    def __init__(self, sessions: Sessions, looking: Looking, terms: Terms, ledger: Ledger) -> None:
        self._sessions = sessions
        self._terms = terms
        self._ledger = ledger
        self._looking = looking
        self._renders: dict[str, Render] = {}
        self._progress: dict[str, float] = {}
        self._cancelled: dict[str, threading.Event] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        at_once = max(1, (os.cpu_count() or 1) // CORES_PER_RENDER)
        self._slots = asyncio.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="render")
        self._running: dict[str, asyncio.Task[None]] = {}
        self._recording = asyncio.Lock()

    def start(self) -> None:
        """Reads the records, and queues again what had not ended, oldest first."""
        found = []
        for folder in self._sessions.render_folders():
            record = read_json(folder / "render.json")
            if record is not None:
                render = Render(**record)
                self._renders[render.id] = render
                found.append(((folder / "render.json").stat().st_mtime_ns, render))
        for _, render in sorted(found, key=lambda one: one[0]):
            if render.status in ("pending", "processing"):
                self._queue(render)

    async def stop(self) -> None:
        """Ends the running ffmpegs. Their records stay as they are, for the next start."""
        for event in self._cancelled.values():
            event.set()
        for one in list(self._running.values()):
            one.cancel()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def submit(self, render: Render) -> None:
        """Raises Refused for an id, format or quality that cannot be, DuplicateRender for one that was."""
        if not _ID.fullmatch(render.id):
            raise Refused("render", "the id is no plain name of at most 128 characters", status=400)
        if render.form not in get_args(Form):
            raise Refused("render", f"format is one of {', '.join(get_args(Form))}", status=400)
        if render.quality not in get_args(Quality):
            raise Refused("render", f"quality is one of {', '.join(get_args(Quality))}", status=400)
        if render.id in self._renders:
            raise DuplicateRender("", "duplicate id", status=409)
        self._renders[render.id] = render
        async with self._recording:
            try:
                facts = {"id": render.id, "session": render.session_id, "account": render.user_id}
                self._ledger.add("render", **facts)
                await asyncio.to_thread(self._create, render)
            except OSError:
                del self._renders[render.id]
                raise
            self._queue(render)

    async def forget(self, session_id: str) -> bool:
        """Knows the session's renders no more; whether one of them has not ended, and all are still known."""
        own = [one for one in self._renders.values() if one.session_id == session_id]
        if any(one.status in ("pending", "processing") for one in own):
            return True
        # One that was cancelled may still be at work in its folder.
        ending = [self._running[one.id] for one in own if one.id in self._running]
        if ending:
            await asyncio.wait(ending)
        for one in own:
            self._renders.pop(one.id, None)
        return False

    def find(self, render_id: str, user_id: str | None = None) -> Render | None:
        render = self._renders.get(render_id)
        return render if render and user_id in (None, render.user_id) else None

    def progress(self, render: Render) -> int:
        """In per cent."""
        return 100 if render.status == "completed" else round(self._progress.get(render.id, 0.0) * 100)

    def file(self, render: Render) -> Path:
        return self._folder(render) / render.result

    async def cancel(self, render: Render) -> None:
        """Ends it where it has not ended, and with it its session's turn: what was asked to stop has failed."""
        # A render that is found while it is still being recorded would be queued after its end.
        async with self._recording:
            if render.status not in ("pending", "processing"):
                return
            if render.status == "pending" and render.id in self._running:
                self._running[render.id].cancel()
            if render.id in self._cancelled:
                self._cancelled[render.id].set()
            await self._end(render, "failed", "cancelled")

    def _queue(self, render: Render) -> None:
        self._cancelled[render.id] = threading.Event()
        render.status = "pending"
        self._running[render.id] = asyncio.create_task(self._carry_out(render))
        self._running[render.id].add_done_callback(lambda _: self._forget(render.id))

    async def _carry_out(self, render: Render) -> None:
        turn = self._turns.setdefault(render.session_id, asyncio.Lock())
        try:
            async with turn:
                await asyncio.sleep(self._terms.service.render_time)
                async with self._slots:
                    await self._run(render)
        except OSError as error:
            render.status, render.message = "failed", f"the studio's disk: {error.strerror}"

    def _forget(self, render_id: str) -> None:
        del self._running[render_id], self._cancelled[render_id]
        self._progress.pop(render_id, None)

    async def _run(self, render: Render) -> None:
        async with self._recording:
            render.status = "processing"
            await asyncio.to_thread(self._write, render)
        loop = asyncio.get_running_loop()
        status, message, result = await loop.run_in_executor(self._threads, self._render, render)
        async with self._recording:
            if render.status == "processing":
                await self._end(render, status, message, result)

    async def _end(self, render: Render, status: Status, message: str, result: str = "") -> None:
        # Told before its record was written, an outcome could be read by one who then found the record changing.
        ended = replace(render, status=status, message=message, result=result)
        try:
            self._ledger.add("rendered", id=render.id, status=status)
            await asyncio.to_thread(self._write, ended)
        finally:
            render.status, render.message, render.result = status, message, result

    def _render(self, render: Render) -> tuple[Status, str, str]:
        """On a render thread: the outcome as (status, message, file name)."""
        # numpy and Pillow take 30 MB that an idle studio need not hold.
        from daemon.studio.render import extension
        from daemon.studio.render import render as make

        if render.fails:
            return "failed", render.fails, ""
        folder = self._folder(render)
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        try:
            work.mkdir()
            name = f"result.{extension(render.draft, render.form).lstrip('.')}"
            made = work / f"made-{name}"
            make(
                render.draft,
                asset=lambda content: self._sessions.asset(render.session_id, content),
                target=made,
                form=render.form,
                quality=render.quality,
                ffmpeg=self._looking.ffmpeg,
                library=self._looking.library,
                matte_model=self._looking.matte_model,
                progress=self._teller(render.id),
                work=work,
                cancelled=self._cancelled[render.id],
            )
            _sync(made)
            place(made, folder / name)
        except (MediaError, RenderError) as error:
            return "failed", str(error), ""
        except OSError as error:
            return "failed", f"the studio's disk: {error.strerror}", ""
        except Exception as error:
            # A draft edited by hand can be of any shape; without an end its render would be polled for ever.
            return "failed", f"the draft cannot be rendered: {type(error).__name__}: {error}", ""
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return "completed", "", name

    def _teller(self, render_id: str) -> Callable[[float], None]:
        def tell(progress: float) -> None:
            self._progress[render_id] = max(self._progress.get(render_id, 0.0), min(progress, 0.99))

        return tell

    def _create(self, render: Render) -> None:
        folder = self._folder(render)
        try:
            folder.mkdir(mode=0o700)
            sync_folder(folder.parent)
            self._write(render)
        except OSError:
            with suppress(OSError):
                shutil.rmtree(folder)
            raise

    def _write(self, render: Render) -> None:
        write_json(self._folder(render) / "render.json", asdict(render))

    def _folder(self, render: Render) -> Path:
        return self._sessions.renders(render.session_id) / render.id


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
