"""Carrying out messages: written down first, done in order, and done to the end whoever listens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Final

from daemon.nemo.wire import JsonObject
from daemon.studio.operations import Operation
from daemon.studio.sessions import Message, Sessions
from daemon.studio.timeline import Impossible, apply
from daemon.studio.understanding import understand
from daemon.studio.words import Language, Said

HEARTBEAT_S: Final = 10.0

_TOOLS: Final = {
    "Keep": "keep",
    "Remove": "remove",
    "AddText": "add_text",
    "AddMusic": "add_music",
    "Normalise": "normalise_loudness",
    "Speed": "change_speed",
    "Reshape": "change_aspect_ratio",
    "Without": "leave_out",
}


_HOLDS: Final = frozenset({"same-length", "same-shape", "same-speed", "same-loudness"})
"""What the timeline says of a wish that is fulfilled already."""

_NOT_DONE: Final = {"type": "error", "code": "507", "message": "the studio could not write its record"}


def edit(draft: JsonObject, instruction: str) -> tuple[JsonObject, list[JsonObject]]:
    """The draft after the instruction, and what the stream says about it. Pure.

    Whatever was not understood or cannot be done leaves the draft as it was.
    """
    heard = understand(instruction)
    if heard.refused:
        said = [*heard.refused, Said("nothing-done"), Said("can-do")]
        return draft, [_text(said, heard.language)]
    try:
        outcome = apply(draft, heard.operations)
    except Impossible as impossible:
        return draft, [_text([impossible.said, Said("nothing-done")], heard.language)]
    if {said.name for said in outcome.said} <= _HOLDS:
        return _noted(draft, instruction), [_text(outcome.said, heard.language)]
    changed = outcome.draft != draft
    calls = [event for operation in heard.operations if changed for event in _calls(operation)]
    return outcome.draft, [*calls, _text(outcome.said, heard.language)]


def _noted(draft: JsonObject, instruction: str) -> JsonObject:
    """The draft with the wish among its metadata: "trim to 30 s" is fulfilled by a clip of 8 s.

    A client tells by the draft whether its message was taken in; an unchanged one would mean that it failed.
    """
    meta = draft.get("m", {})
    return {**draft, "m": {**meta, "held": [*meta.get("held", []), instruction]}}


class Edits:
    """One message at a time for each session."""

    def __init__(self, sessions: Sessions, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._sessions = sessions
        self._heartbeat_s = heartbeat_s
        self._working: dict[str, asyncio.Task[None]] = {}
        self._done: dict[str, asyncio.Event] = {}

    async def start(self) -> None:
        """Carries out what was accepted and not done when the studio ended.

        To the end, before anything is served: a client that lost its answer reads the state to learn whether
        its message was carried out, and must not find it under way.
        """
        for session_id in self._sessions.with_pending():
            self._work(session_id)
        await asyncio.gather(*self._working.values())

    async def stop(self) -> None:
        for one in list(self._working.values()):
            one.cancel()
        await asyncio.gather(*self._working.values(), return_exceptions=True)

    async def accept(self, session_id: str, instruction: str) -> str:
        """Writes the message down, has it carried out, and answers its id."""
        message = Message(secrets.token_hex(8), instruction)
        async with self._sessions.change(session_id) as session:
            session.messages.append(message)
        self._done[message.id] = asyncio.Event()
        self._work(session_id)
        return message.id

    async def follow(self, session_id: str, message_id: str) -> AsyncIterator[JsonObject]:
        """The message's events once there are any; a heartbeat every 10 s until then."""
        done = self._done.get(message_id)
        while done is not None and not done.is_set():
            try:
                await asyncio.wait_for(done.wait(), self._heartbeat_s)
            except TimeoutError:
                yield {"type": "heartbeat"}
        session = self._sessions.read(session_id)
        message = session.message(message_id) if session else None
        for event in message.events if message and message.status == "done" else [_NOT_DONE]:
            yield event

    def _work(self, session_id: str) -> None:
        if session_id not in self._working:
            self._working[session_id] = asyncio.create_task(self._carry_out(session_id))

    async def _carry_out(self, session_id: str) -> None:
        message: Message | None = None
        try:
            while True:
                async with self._sessions.change(session_id) as session:
                    message = session.pending()
                    if message is None:
                        # Before the lock is let go: who accepts the next message must start anew.
                        del self._working[session_id]
                        return
                    session.draft, message.events = _safely(session.draft, message.text)
                    message.status = "done"
                self._tell(message)
        except OSError:
            del self._working[session_id]
            if message is not None:
                self._tell(message)

    def _tell(self, message: Message) -> None:
        done = self._done.pop(message.id, None)
        if done is not None:
            done.set()


def _safely(draft: JsonObject, instruction: str) -> tuple[JsonObject, list[JsonObject]]:
    try:
        return edit(draft, instruction)
    except Exception as error:
        # A message that brings the studio down would do so again at every start.
        cause = f"the studio failed at this message: {type(error).__name__}: {error}"
        return draft, [{"type": "error", "code": "500", "message": cause}]


def _text(said: Sequence[Said], language: Language) -> JsonObject:
    between = "" if language == "zh" else " "
    return {"type": "text", "content": between.join(one.words(language) for one in said)}


def _calls(operation: Operation) -> list[JsonObject]:
    name = _TOOLS[type(operation).__name__]
    return [
        {"type": "tool_call", "name": name, "args": asdict(operation)},
        {"type": "tool_result", "name": name, "result": {"status": "ok"}},
    ]
