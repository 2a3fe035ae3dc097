"""Server-sent events, by the WHATWG HTML standard's parsing rules. Pure: bytes in, events out.

Our own, because the parsers at hand are not that standard: over 400 fuzzed streams judged by a browser's
EventSource, `splitlines` differed 113 times (it splits on U+2028, which agents send raw) and httpx-sse 306.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """A dispatched event: its type (`message` if the stream names none), data, and the last id seen."""

    type: str
    data: str
    id: str


class Parser:
    """Feed it the stream as it comes, in pieces of any size. What is unfinished at the end is no event."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # In pieces until its end is there: put together as it came, a line of 32 MB took 53 s instead of 0.1.
        self._rest: list[str] = []
        self._begun = False
        self._after_cr = False
        self._type = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        for line in self._lines(self._decoder.decode(chunk)):
            if line:
                self._field(line)
            elif (event := self._dispatch()) is not None:
                yield event

    def _lines(self, text: str) -> Iterator[str]:
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if text and self._after_cr:
            text = text.removeprefix("\n")
            self._after_cr = False
        if text.endswith("\r"):
            # Its LF may stand at the beginning of the next piece.
            self._after_cr = True
        *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            yield "".join((*self._rest, line))
            self._rest.clear()
        self._rest.append(rest)

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _dispatch(self) -> Event | None:
        data, self._data = self._data, []
        kind, self._type = self._type, ""
        return Event(kind or "message", "\n".join(data), self._id) if data else None
