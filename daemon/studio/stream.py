"""What a message's stream says: its events in the public shape that is asked for, with what befalls them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Final

from daemon.nemo.wire import APP, JsonObject
from daemon.studio.faults import Then

APOLOGY: Final = "I encountered a temporary issue. Please try again later."
QUESTION_TOOL: Final = "ask_question"
_PIECES: Final = 3

Event = JsonObject | str
"""An event in the plain shape, or a text that is sent as the data it is."""


async def told(events: AsyncIterator[JsonObject], then: Then, shape: str) -> AsyncIterator[str]:
    """The stream as it goes out, event by event. The real events are waited for whatever is said of them."""
    numbers = count(1)
    for event in then.before:
        for data in _shaped(event, shape, numbers):
            yield data
    async for one in events:
        if not (then.silent or then.skip) or one["type"] == "heartbeat":
            for data in _shaped(one, shape, numbers):
                yield data
    for event in (*then.after, *([{"type": "text", "content": APOLOGY}] if then.apology else [])):
        for data in _shaped(event, shape, numbers):
            yield data


def question(text: str, by: str) -> JsonObject:
    """The event that asks: `by` the tool, or in plain text."""
    if by == "text":
        return {"type": "text", "content": text}
    return {"type": "tool_call", "name": QUESTION_TOOL, "args": {"question": text}}


def _shaped(event: Event, shape: str, numbers: Iterator[int]) -> Iterator[str]:
    if isinstance(event, str):
        yield f"data: {event}\n\n"
    elif shape == "plain" or "type" not in event:
        yield _line(event)
    elif event["type"] == "heartbeat":
        yield "data:\n\n"
    else:
        for one in _agent(event):
            yield _line(
                {**one, "author": APP, "invocationId": "e-1", "id": str(next(numbers)), "actions": {}}
            )


def _line(event: JsonObject) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"


def _agent(event: JsonObject) -> Iterator[JsonObject]:
    """A plain event as the Agent Development Kit says it; a text comes in pieces, then whole."""
    match event["type"]:
        case "text":
            text = str(event.get("content", ""))
            size = max(1, -(-len(text) // _PIECES))
            for start in range(0, len(text), size):
                yield {**_content("model", {"text": text[start : start + size]}), "partial": True}
            yield _content("model", {"text": text})
        case "tool_call":
            name = event.get("name")
            call = {"id": f"call-{name}", "name": name, "args": event.get("args", {})}
            yield _content("model", {"functionCall": call})
        case "tool_result":
            name = event.get("name")
            given = {"id": f"call-{name}", "name": name, "response": event.get("result", {})}
            yield _content("user", {"functionResponse": given})
        case "error":
            yield {
                "errorCode": str(event.get("code", "error")),
                "errorMessage": str(event.get("message", "")),
            }
        case _:
            yield event


def _content(role: str, part: JsonObject) -> JsonObject:
    return {"content": {"role": role, "parts": [part]}}
