"""Carrying out messages: written down first, done in order, and done to the end whoever listens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Final

from daemon.errors import MediaError
from daemon.nemo.wire import JsonObject
from daemon.studio.draft import Impossible
from daemon.studio.facts import Facts
from daemon.studio.faults import NOTHING, Then
from daemon.studio.ledger import Ledger, digest
from daemon.studio.looking import Looking
from daemon.studio.operations import (
    AddMusic,
    AddText,
    Background,
    Captions,
    CropSides,
    CropTo,
    Crossfade,
    EachPicture,
    Fade,
    Flip,
    Keep,
    Normalise,
    Operation,
    Promo,
    Remove,
    RemoveSilence,
    Reshape,
    Resize,
    Rotate,
    Speed,
    Thumbnail,
    Volume,
    Watermark,
    Without,
)
from daemon.studio.sessions import Message, Session, Sessions
from daemon.studio.stream import question
from daemon.studio.terms import Terms
from daemon.studio.timeline import apply
from daemon.studio.understanding import Heard, language_of, understand
from daemon.studio.words import Language, Said

_TOOLS: Final[dict[type[Operation], str]] = {
    Keep: "keep",
    Remove: "remove",
    RemoveSilence: "remove_silence",
    Speed: "change_speed",
    Crossfade: "crossfade",
    EachPicture: "show_each_picture_for",
    Reshape: "change_aspect_ratio",
    Resize: "resize",
    CropTo: "crop",
    CropSides: "crop_sides",
    Rotate: "rotate",
    Flip: "flip",
    Fade: "fade",
    Background: "change_background",
    Watermark: "add_watermark",
    AddText: "add_text",
    Captions: "add_captions",
    AddMusic: "add_music",
    Normalise: "normalise_loudness",
    Volume: "change_volume",
    Thumbnail: "make_thumbnail",
    Promo: "make_video_from_script",
    Without: "leave_out",
}


_HOLDS: Final = frozenset(
    {
        "same-length",
        "same-shape",
        "same-size",
        "same-speed",
        "same-loudness",
        "same-each",
        "no-silence",
        "no-own-sound",
        "no-crossfades",
    }
)
"""What the timeline says of a wish that is fulfilled already."""

_SECOND_STAGE: Final = "add calm music"

_NOT_DONE: Final = {"type": "error", "code": "507", "message": "the studio could not write its record"}


def carried_out(
    draft: JsonObject, instruction: str, heard: Heard, facts: Facts
) -> tuple[JsonObject, list[JsonObject]]:
    """The draft after the instruction, and what the stream says about it. Pure.

    Whatever was not understood or cannot be done leaves the draft as it was.
    """
    if not heard.operations and not heard.refused:
        return _noted(draft, instruction), [_text([Said("joined-anyway")], heard.language)]
    if heard.refused:
        said = [*heard.doubts(), Said("nothing-done"), Said("can-do")]
        return draft, [_text(said, heard.language)]
    try:
        outcome = apply(draft, heard.operations, facts)
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
    """One message at a time for each session, on the terms of the moment, noted in the ledger."""

    def __init__(self, sessions: Sessions, looking: Looking, terms: Terms, ledger: Ledger) -> None:
        self._sessions = sessions
        self._looking = looking
        self._terms = terms
        self._ledger = ledger
        self._working: dict[str, asyncio.Task[None]] = {}
        self._done: dict[str, asyncio.Event] = {}
        self._stages: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Carries out what was accepted and not done when the studio ended.

        To the end, before anything is served: a client that lost its answer reads the state to learn whether
        its message was carried out, and must not find it under way.
        """
        for session_id in self._sessions.with_pending():
            session = self._sessions.read(session_id)
            for message in session.messages if session else []:
                if session and message.status == "pending":
                    self._terms.keep(message.id, session.user_id, message.price)
            self._work(session_id, at_once=True)
        await asyncio.gather(*self._working.values())

    async def stop(self) -> None:
        ending = [*self._working.values(), *self._stages]
        for one in ending:
            one.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def accept(self, session: Session, instruction: str, then: Then = NOTHING) -> str:
        """Writes the message down, has it carried out, and answers its id.

        `then`: what befalls it. Raises OutOfCredits.
        """
        message = _ordered(instruction, then, self._terms.price(then))
        self._terms.reserve(message.id, session.user_id, message.price)
        try:
            self._ledger.add(
                "message", **_facts(session, message), text=digest(message.text), price=message.price
            )
            async with self._sessions.change(session.session_id) as changed:
                changed.messages.append(message)
        except OSError:
            self._terms.release(message.id)
            raise
        self._done[message.id] = asyncio.Event()
        self._work(session.session_id)
        return message.id

    async def follow(self, session_id: str, message_id: str) -> AsyncIterator[JsonObject]:
        """The message's events once there are any; a heartbeat every 10 s (`service.heartbeat`) until then."""
        done = self._done.get(message_id)
        while done is not None and not done.is_set():
            try:
                await asyncio.wait_for(done.wait(), self._terms.service.heartbeat)
            except TimeoutError:
                yield {"type": "heartbeat"}
        session = self._sessions.read(session_id)
        message = session.message(message_id) if session else None
        for event in message.events if message and message.status == "done" else [_NOT_DONE]:
            yield event

    def _work(self, session_id: str, *, at_once: bool = False) -> None:
        if session_id not in self._working:
            self._working[session_id] = asyncio.create_task(self._carry_out(session_id, at_once))

    async def _carry_out(self, session_id: str, at_once: bool) -> None:
        message: Message | None = None
        try:
            while True:
                if not at_once and self._pending(session_id):
                    await asyncio.sleep(self._terms.service.edit_time)
                async with self._sessions.change(session_id) as session:
                    message = session.pending()
                    if message is None:
                        # Before the lock is let go: who accepts the next message must start anew.
                        del self._working[session_id]
                        return
                    before = session.draft
                    await asyncio.to_thread(self._edit, session, message)
                    self._charge(session, message, before)
                self._tell(message)
                if message.stage:
                    self._stages.add(stage := asyncio.create_task(self._go_on(session_id, message.stage)))
                    stage.add_done_callback(self._stages.discard)
        except OSError:
            del self._working[session_id]
            if message is not None:
                self._tell(message)

    def _pending(self, session_id: str) -> bool:
        session = self._sessions.read(session_id)
        return session is not None and session.pending() is not None

    def _edit(self, session: Session, message: Message) -> None:
        """In a thread: it may have to look at the files."""
        if message.asks:
            message.events = [message.asks]
        else:
            after, message.events = self._safely(session, session.meant(message))
            session.draft = session.draft if message.lost else after

    def _charge(self, session: Session, message: Message, before: JsonObject) -> None:
        message.status = "done"
        changed = session.draft != before
        charged = message.price if changed or message.lost else 0
        self._ledger.add("edited", **_facts(session, message), charged=charged, changed=changed)
        self._terms.release(message.id)

    async def _go_on(self, session_id: str, wait: float) -> None:
        """The second stage of a generation: music, which nobody asked for."""
        await asyncio.sleep(wait)
        with suppress(OSError):
            async with self._sessions.change(session_id) as session:
                draft, _ = await asyncio.to_thread(self._safely, session, _SECOND_STAGE)
                meta = draft.get("m", {})
                session.draft = {**draft, "m": {**meta, "stage": meta.get("stage", 1) + 1}}

    def _safely(self, session: Session, instruction: str) -> tuple[JsonObject, list[JsonObject]]:
        try:
            named = self._looking.at_names(session)
            heard = understand(instruction, named.named())
            facts = self._looking.at_files(session, heard.operations, named)
            return carried_out(session.draft, instruction, heard, facts)
        except MediaError as error:
            said = Said("unreadable", {"cause": str(error)})
            return session.draft, [_text([said, Said("nothing-done")], language_of(instruction))]
        except Exception as error:
            # A message that brings the studio down would do so again at every start.
            cause = f"the studio failed at this message: {type(error).__name__}: {error}"
            return session.draft, [{"type": "error", "code": "500", "message": cause}]

    def _tell(self, message: Message) -> None:
        done = self._done.pop(message.id, None)
        if done is not None:
            done.set()


def _ordered(instruction: str, then: Then, price: int) -> Message:
    asks = question(then.question, then.ask) if then.question else None
    lost = then.lose_edit or then.skip
    return Message(
        secrets.token_hex(8), instruction, price=price, lost=lost, asks=asks, stage=then.second_stage
    )


def _facts(session: Session, message: Message) -> dict[str, str]:
    return {"id": message.id, "session": session.session_id, "account": session.user_id}


def _text(said: Sequence[Said], language: Language) -> JsonObject:
    between = "" if language == "zh" else " "
    return {"type": "text", "content": between.join(one.words(language) for one in said)}


def _calls(operation: Operation) -> list[JsonObject]:
    name = _TOOLS[type(operation)]
    return [
        {"type": "tool_call", "name": name, "args": asdict(operation)},
        {"type": "tool_result", "name": name, "result": {"status": "ok"}},
    ]
