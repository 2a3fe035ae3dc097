"""What the editor says over the stream: two public shapes of events, one set of values. Pure.

Shape 1 is plain (`{"type": "text", "content": …}`). Shape 2 is the Agent Development Kit's
(`{"content": {"parts": [{"text": …}]}, "partial": true, …}`), where partial texts are pieces and a final
event repeats the whole, so that it must be counted once. Nothing in an event raises: what cannot be read is a
sign of life.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ASK_QUESTION: Final = "ask_question"
"""The tool by which the editor asks the person."""

MOST_TEXT: Final = 100_000
"""Letters of an answer that are kept; it goes into a job's log."""

_MOST_WORDS: Final = 2_000
"""Letters that are kept of a failure's message or a question."""

_MOST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Text:
    """Something said. `partial`: a piece of what a final text of the same `speaker` repeats."""

    content: str
    partial: bool = False
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`question`: what is asked, where the tool is `ask_question`; empty if it came without words."""

    name: str
    question: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    name: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing but a sign of life."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error told inside the stream, under HTTP 200. `code` is text whatever it was: "2001", "SAFETY"."""

    code: str
    message: str


Said = Text | ToolCall | ToolResult | Heartbeat | Failure


@dataclass(frozen=True, slots=True)
class Answer:
    """All that one message's stream said. `failure` None: it closed without an error event.

    `question`: what the editor asked by its tool; None if it did not, empty if it asked without words.
    """

    text: str
    tools: tuple[str, ...]
    failure: Failure | None
    question: str | None = None


def read(data: str) -> tuple[Said, ...]:
    """The values in one event's data; what is no JSON object, or says nothing we know, is a heartbeat."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return (Heartbeat(),)
    if not isinstance(event, dict):
        return (Heartbeat(),)
    return tuple(_values(event)) or (Heartbeat(),)


def gather(said: Iterable[Said]) -> Answer:
    """Puts the stream's texts together, each once, without an apology that follows a normal answer.

    Of several failures the first is kept, which is the cause, and of several questions all.
    """
    texts = _Texts()
    tools: list[str] = []
    questions: list[str] = []
    failure = None
    for one in said:
        match one:
            case Text():
                texts.hear(one)
            case ToolCall(name, question):
                texts.pause()
                tools.append(name)
                if question is not None:
                    questions.append(question)
            case ToolResult():
                texts.pause()
            case Failure():
                failure = failure or one
    asked = " ".join(filter(None, dict.fromkeys(questions))) if questions else None
    return Answer(_clip(texts.told(), MOST_TEXT), tuple(tools), failure, asked)


# One event.


def _values(event: Mapping[str, Any]) -> Iterator[Said]:
    match event.get("type"):
        case "heartbeat":
            return
        case "tool_call":
            yield _call(event.get("name"), event.get("args"))
        case "tool_result":
            yield ToolResult(_name(event.get("name")))
        case "error":
            yield _failure(event)
        case kind:
            yield from _plain_text(event, kind)
            yield from _parts(event)
            if _failed(event):
                yield _failure(event)


def _plain_text(event: Mapping[str, Any], kind: object) -> Iterator[Said]:
    """The plain shape's text; an unknown type says something too where it carries one, but for silent thoughts."""
    if kind is None or kind in ("thought", "thinking", "reasoning"):
        return
    for key in ("content", "text"):
        if said := _clean(event.get(key)):
            yield Text(said, bool(event.get("partial")))
            return


def _parts(event: Mapping[str, Any]) -> Iterator[Said]:
    content = event.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    partial = bool(event.get("partial"))
    # Every speaker's pieces are repeated by a final text of its own.
    speaker = "/".join(filter(None, map(_clean, (event.get("author"), event.get("invocationId")))))
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, dict) or part.get("thought") or event.get("author") == "user":
            continue
        if said := _clean(part.get("text")):
            yield Text(said, partial, speaker)
        called = part.get("functionCall") or part.get("function_call")
        # A piece of a call is told again in whole.
        if isinstance(called, dict) and not partial:
            yield _call(called.get("name"), called.get("args"))
        answered = part.get("functionResponse") or part.get("function_response")
        if isinstance(answered, dict):
            yield ToolResult(_name(answered.get("name")))


_CODES: Final = ("code", "errorCode", "error_code", "status")
_MESSAGES: Final = ("message", "errorMessage", "error_message", "error", "content", "detail", "error_type")


def _failed(event: Mapping[str, Any]) -> bool:
    """Whether an event that is not called an error is one: the kit's fields, or an envelope's code."""
    code, message = event.get("errorCode") or event.get("error_code"), event.get("errorMessage")
    # Older kits say of an ending without words that it failed with STOP: google/adk-python issue 2905.
    if message or event.get("error_message") or event.get("error") or (code and code != "STOP"):
        return True
    if "content" in event or "type" in event:
        return False
    # An exception without words is an empty error.
    return event.get("error") == "" or re.fullmatch("-?0*[1-9][0-9]*", _clean(event.get("code"))) is not None


def _failure(event: Mapping[str, Any]) -> Failure:
    """Code and message from the event itself or from an object in it."""
    below = (event.get(key) for key in ("error", "data", "content", "error_details"))
    places = [event, *(one for one in below if isinstance(one, dict))]

    def first(keys: tuple[str, ...], instead: str) -> str:
        found = (_clean(place.get(key)) for key in keys for place in places)
        return next((one for one in found if one not in ("", "0")), instead)

    return Failure(
        _clip(first(_CODES, "error"), _MOST_NAME), _clip(first(_MESSAGES, "no reason given"), _MOST_WORDS)
    )


def _call(name: object, args: object) -> ToolCall:
    called = _name(name)
    # Some models put the module before the tool's name.
    if re.split(r"[.:/]", called)[-1] != ASK_QUESTION:
        return ToolCall(called)
    return ToolCall(called, _clip(" ".join(_question(args, 0)), _MOST_WORDS))


_ASKING: Final = ("question", "questions", "text", "message", "prompt", "content", "query", "label")


def _question(args: object, depth: int) -> Iterator[str]:
    """What is asked, from arguments of any shape: a text, JSON in a text, objects and lists a few levels deep."""
    if isinstance(args, str):
        if depth == 0 and args.lstrip().startswith(("{", "[")):
            try:
                yield from _question(json.loads(args), 1)
                return
            except (ValueError, RecursionError):
                pass
        yield _clean(args).strip()
    elif isinstance(args, list) and depth < 6:
        for one in args[:10]:
            yield from _question(one, depth + 1)
    elif isinstance(args, dict) and depth < 6:
        for key in _ASKING:
            if found := [one for one in _question(args.get(key), depth + 1) if one]:
                yield from found
                if choices := [one for one in _question(args.get("options"), depth + 1) if one]:
                    yield f"({', '.join(choices)})"
                return


def _name(value: object) -> str:
    return _clip(_clean(value), _MOST_NAME) or "tool"


def _clean(value: object) -> str:
    """A scalar as text that can be stored and sent, empty for anything else; 2001.0 is 2001."""
    if isinstance(value, str):
        # JSON can hold half a character, which no database or file takes.
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _clip(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


# All events of a stream.


@dataclass(slots=True, eq=False)
class _Utterance:
    """What one speaker said without a pause: whole, or in pieces that a final text may still repeat."""

    pause: int
    pieces: list[str] = field(default_factory=list)
    letters: int = 0
    """How many, without spaces."""

    def add(self, text: str) -> None:
        self.pieces.append(text)
        self.letters += len(_letters(text))


class _Texts:
    """The texts of a stream, each once and in the order in which they were begun."""

    def __init__(self) -> None:
        self._said: list[_Utterance] = []
        self._last: dict[str, _Utterance] = {}
        self._open: dict[str, list[_Utterance]] = {}
        self._pauses = 0

    def hear(self, text: Text) -> None:
        last = self._last.get(text.speaker)
        still_open = self._open.setdefault(text.speaker, [])
        if not text.content:
            return
        if text.partial:
            if last is None or last not in still_open[-1:] or last.pause != self._pauses:
                last = self._begin(text.speaker)
                still_open.append(last)
            last.add(text.content)
        elif not self._is_repeated(text, last, still_open):
            if last is None or text.speaker or not self._goes_on(last, text.content):
                last = self._begin(text.speaker)
            last.add(text.content)

    def pause(self) -> None:
        """A tool was used: what is said after it is not the end of what was said before."""
        self._pauses += 1

    def told(self) -> str:
        whole = "\n".join(said for one in self._said if (said := "".join(one.pieces).strip()))
        head, tail = whole[:-_LONGEST_APOLOGY], whole[-_LONGEST_APOLOGY:]
        return (head + _APOLOGY.sub("", tail)).rstrip() or whole

    def _begin(self, speaker: str) -> _Utterance:
        self._last[speaker] = _Utterance(self._pauses)
        self._said.append(self._last[speaker])
        return self._last[speaker]

    def _is_repeated(self, final: Text, last: _Utterance | None, still_open: list[_Utterance]) -> bool:
        """Whether a final text was heard before, in pieces or as a whole; pieces that it contains give way to it."""
        letters = _letters(final.content)
        pieces = [_letters("".join(one.pieces)) for one in still_open]
        covered = [one for one, said in zip(still_open, pieces, strict=True) if said in letters]
        if covered:
            for one in covered:
                one.pieces, one.letters = [], 0
                still_open.remove(one)
            covered[0].add(final.content)
            return True
        if letters and any(letters in said for said in pieces):
            still_open.clear()
            return True
        return last is not None and last.letters == len(letters) and _letters("".join(last.pieces)) == letters

    def _goes_on(self, last: _Utterance, text: str) -> bool:
        """Whether a plain text is the next piece of the one before, and not a message of its own."""
        if not last.pieces or last.pause != self._pauses or last is not self._said[-1]:
            return False
        before = last.pieces[-1]
        if before[-1].isspace() or text[0].isspace() or text[0] in ",.;:!?，。；：！？、)）”":
            return True
        return before[-1] not in ".!?。！？…:：" and not text[0].isupper()


def _letters(text: str) -> str:
    return "".join(text.split())


_LONGEST_APOLOGY: Final = 600
_APOLOGY: Final = re.compile(
    r"(?:(?<=[.!?。！？…\n])|^)\s*"
    r"(?:(?:(?:i'?m |i am |we'?re |we are )?(?:very |so )?(?:sorry|apologies|apologi[sz]e|unfortunately)|oops)\b"
    r"[^.\n]{0,30}?[,.:!;—-]?\s*(?:but )?)?"
    r"(?:i|we)(?:['’]ve| have)? (?:just )?(?:encountered|ran into|run into|hit) an? temporary "
    r"(?:issue|problem|error|glitch)\b[^,;.!?\n]{0,80}(?:[.!…]+|$)"
    r"(?:\s*(?:please|you can|you may|kindly|try)\b[^.!\n]{0,120}(?:[.!…]+|$)){0,2}\s*$"
    r"|(?:(?<=[.!?。！？…\n])|^)\s*(?:(?:非常)?(?:抱歉|对不起|不好意思)[，,。!！]?\s*)?"
    r"(?:我|我们|系统)?(?:刚刚|刚才)?(?:遇到|出现|碰到)了?(?:一个|一些|点)?(?:临时|暂时|短暂)性?的?"
    r"(?:小?问题|故障|错误|异常)(?:[。!！…]+|[，,](?=请)|$)\s*(?:请[^。!！\n]{0,40}(?:[。!！…]+|$))?\s*$",
    re.IGNORECASE,
)
"""At the end of an answer, and saying nothing about the edit: "I encountered a temporary issue. Please try again."."""
