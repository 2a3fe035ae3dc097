"""What the editor says over the stream: two public shapes of events, one set of values. Pure.

Shape 1 is plain (`{"type": "text", "content": …}`). Shape 2 is the Agent Development Kit's
(`{"content": {"parts": [{"text": …}]}, "partial": true, …}`), where partial texts are pieces and a final
event repeats the whole, so that it must be counted once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_APOLOGY: Final = "i encountered a temporary issue"


@dataclass(frozen=True, slots=True)
class Text:
    content: str
    partial: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    name: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing but a sign of life."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error told inside the stream, under HTTP 200."""

    code: str
    message: str


Said = Text | ToolCall | ToolResult | Heartbeat | Failure


@dataclass(frozen=True, slots=True)
class Answer:
    """All that one message's stream said. `failure` None: it closed without an error event."""

    text: str
    tools: tuple[str, ...]
    failure: Failure | None


def read(data: str) -> tuple[Said, ...]:
    """The values in one event's data; what is no JSON object, or says nothing we know, is a heartbeat."""
    try:
        event = json.loads(data)
    except ValueError:
        return (Heartbeat(),)
    if not isinstance(event, dict):
        return (Heartbeat(),)
    return tuple(_plain(event) if "type" in event else _agent(event)) or (Heartbeat(),)


def gather(said: Iterable[Said]) -> Answer:
    """Puts the stream's texts together, each once, without an apology that follows a normal answer."""
    texts: list[str] = []
    pieces: list[str] = []
    tools: list[str] = []
    failure = None
    for one in said:
        match one:
            case Text(content, partial=True):
                pieces.append(content)
            case Text(content):
                pieces.clear()
                texts.append(content)
            case ToolCall(name):
                tools.append(name)
            case Failure():
                failure = one
    if pieces:
        texts.append("".join(pieces))
    texts = [text.strip() for text in texts if text.strip()]
    if len(texts) > 1 and texts[-1].lower().startswith(_APOLOGY):
        texts.pop()
    return Answer("\n".join(texts), tuple(tools), failure)


def _plain(event: Mapping[str, Any]) -> Iterator[Said]:
    match event["type"]:
        case "text":
            yield Text(str(event.get("content") or ""), bool(event.get("partial")))
        case "tool_call":
            yield ToolCall(str(event.get("name") or "tool"))
        case "tool_result":
            yield ToolResult(str(event.get("name") or "tool"))
        case "error":
            code = event.get("code") or event.get("errorCode") or "error"
            yield Failure(str(code), str(event.get("message") or event.get("content") or "no reason given"))


def _agent(event: Mapping[str, Any]) -> Iterator[Said]:
    content = event.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, dict) or part.get("thought"):
            continue
        if isinstance(part.get("text"), str) and part["text"]:
            yield Text(part["text"], bool(event.get("partial")))
        if isinstance(part.get("functionCall"), dict):
            yield ToolCall(str(part["functionCall"].get("name") or "tool"))
        if isinstance(part.get("functionResponse"), dict):
            yield ToolResult(str(part["functionResponse"].get("name") or "tool"))
    if event.get("errorCode") or event.get("errorMessage"):
        yield Failure(
            str(event.get("errorCode") or "error"), str(event.get("errorMessage") or "no reason given")
        )
    elif event.get("error"):
        yield Failure("error", str(event["error"]))
