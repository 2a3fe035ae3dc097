"""From an instruction to operations. Pure: the same words always mean the same.

A sentence is cut into clauses wherever that lets every clause be read by one family of the grammar. If there
is no such cut, nothing is understood: half a wish carried out would be a result nobody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from daemon.studio.grammar import cuts, picture, sound, texts
from daemon.studio.grammar.common import Unclear, used_up
from daemon.studio.grammar.sentence import EXPORT, SEPARATOR, STOP, THEN
from daemon.studio.measures import HAN, Marked, mark
from daemon.studio.operations import AddText, Keep, Named, Operation, Remove
from daemon.studio.words import Language, Said

_LONGEST: Final = 2000
"""Characters; more is a script, and no instruction for this studio."""

_MOST_WISHES: Final = 60
_MOST_PIECES: Final = 8
_TOLD_PIECES: Final = 3
_TOLD_CHARACTERS: Final = 80

_FAMILIES: Final = (
    sound.read_absence,
    cuts.read,
    sound.read_loudness,
    sound.read_music,
    picture.read_speed,
    picture.read_shape,
    texts.read,
)
_CARRIED: Final[dict[type[Operation], tuple[str, str]]] = {
    Keep: ("keep ", "保留"),
    Remove: ("remove ", "删除"),
    AddText: ("add the text ", "添加文字"),
}
"""`remove the first 2 s and the last 3 s`: the verb that a clause without one takes over."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an instruction asks for, in order; or, with `refused`, why it was not understood."""

    operations: tuple[Operation, ...]
    refused: tuple[Said, ...]
    language: Language


@dataclass(frozen=True, slots=True)
class _Wish:
    """An operation, whether its verb was carried over, and whether it is about the timeline as it is by then."""

    operation: Operation
    carried: bool = False
    then: bool = False


def understand(instruction: str, files: Sequence[Named] = ()) -> Heard:
    if len(instruction) > _LONGEST:
        return Heard((), (Said("too-long", {"limit": _LONGEST}),), language_of(instruction))
    marked = mark(instruction)
    language = language_of(marked.text)
    reading = _Reading(marked)
    if max(reading.pieces, len(marked.values)) > _MOST_WISHES:
        return Heard((), (Said("too-many", {"limit": _MOST_WISHES}),), language)
    wishes = reading.wishes(0, None)
    if wishes is None:
        return Heard((), reading.doubts(), language)
    if not wishes:
        return Heard((), (Said("nothing-asked"),), language)
    return Heard(_joined(wishes), (), language)


def language_of(text: str) -> Language:
    return "zh" if re.search(rf"[{HAN}]", text) else "en"


def _joined(wishes: tuple[_Wish, ...]) -> tuple[Operation, ...]:
    """The operations; cuts of one breath are about one timeline and become one: `the first 2 s and the last 3 s`."""
    operations: list[Operation] = []
    for wish in wishes:
        last = operations[-1] if operations else None
        match last, wish.operation:
            case Remove(before), Remove(spans) if not wish.then:
                operations[-1] = Remove((*before, *spans))
            case Keep(before), Keep(spans) if wish.carried:
                operations[-1] = Keep((*before, *spans))
            case _:
                operations.append(wish.operation)
    return tuple(operations)


class _Reading:
    """One sentence being read. Positions are indexes into the marked text."""

    def __init__(self, marked: Marked) -> None:
        self._marked = marked
        self._text = marked.text
        self._cuts = [found for found in SEPARATOR.finditer(self._text) if found.start() > 0]
        self._known: dict[tuple[int, type[Operation] | None], tuple[_Wish, ...] | None] = {}
        self._furthest = 0

    @property
    def pieces(self) -> int:
        return len(self._cuts) + 1

    def wishes(self, start: int, before: type[Operation] | None) -> tuple[_Wish, ...] | None:
        """What is wished for from `start` on, or None; `before`: what the clause before asked for.

        Shorter clauses are tried first, so that a text without quotes does not swallow the next wish.
        """
        if (start, before) not in self._known:
            self._known[start, before] = self._search(start, before)
        return self._known[start, before]

    def _search(self, start: int, before: type[Operation] | None) -> tuple[_Wish, ...] | None:
        self._furthest = max(self._furthest, start)
        if not self._text[start:].strip():
            return ()
        for clause, following, separator in self._clauses(start):
            try:
                read = self._read(clause, before)
            except Unclear:
                continue
            if read is None:
                continue
            last = type(read[-1].operation) if read else before
            rest = self.wishes(following, None if STOP.search(separator) else last)
            if rest is not None:
                if rest and THEN.search(separator):
                    rest = (replace(rest[0], then=True), *rest[1:])
                return (*read, *rest)
        return None

    def _clauses(self, start: int) -> Iterator[tuple[str, int, str]]:
        """The clauses that can begin at `start`, shortest first, each with where the next begins."""
        ends = [found for found in self._cuts if found.start() >= start]
        for found in ends[:_MOST_PIECES]:
            yield self._text[start : found.start()], found.end(), found[0]
            if STOP.search(found[0]):
                return
        if len(ends) < _MOST_PIECES:
            yield self._text[start:], len(self._text), ""

    def _read(self, clause: str, before: type[Operation] | None) -> tuple[_Wish, ...] | None:
        """Raises Unclear, of the first family that the clause belongs to and that cannot grant it."""
        if used_up(clause, EXPORT):
            return ()
        unclear: Unclear | None = None
        for family in _FAMILIES:
            try:
                read = family(clause, self._marked)
            except Unclear as why:
                unclear = unclear or why
                continue
            if read is not None:
                return tuple(_Wish(one) for one in read)
        if before in _CARRIED and (before is not AddText or "<q" in clause):
            family = texts.read if before is AddText else cuts.read
            read = family(_CARRIED[before][language_of(clause) == "zh"] + clause, self._marked)
            if read is not None:
                return tuple(_Wish(one, carried=True) for one in read)
        if unclear is not None:
            raise unclear
        return None

    def doubts(self) -> tuple[Said, ...]:
        """What could not be read, from the first clause of it on; neighbours that are unknown are told as one."""
        said: list[Said] = []
        unknown: list[int] = []
        start = self._furthest
        while start < len(self._text):
            doubt, end, following = self._doubt(start)
            if doubt is None or doubt.name != "unknown":
                said += self._unknown(unknown)
                unknown = []
            if doubt is not None and doubt.name != "unknown":
                said.append(doubt)
            elif doubt is not None:
                unknown = [unknown[0] if unknown else start, end]
            start = following
        return (*said, *self._unknown(unknown))[:_TOLD_PIECES]

    def _doubt(self, start: int) -> tuple[Said | None, int, int]:
        """(what is wrong with the clause at `start`, where it ends, where the next begins)."""
        # A cut without a word in it (before `with`) may split what belongs together.
        clauses = [one for one in self._clauses(start) if one[2].strip() or not one[2]]
        clauses = clauses or [(self._text[start:], len(self._text), "")]
        for clause, following, _ in clauses:
            try:
                if self._read(clause, None) is not None:
                    return None, start + len(clause), following
            except Unclear as unclear:
                return unclear.said, start + len(clause), following
        clause, following, _ = clauses[0]
        return Said("unknown"), start + len(clause), following

    def _unknown(self, place: list[int]) -> tuple[Said, ...]:
        if not place:
            return ()
        told = self._marked.restored(self._text[place[0] : place[1]])
        if len(told) > _TOLD_CHARACTERS:
            told = f"{told[:_TOLD_CHARACTERS]} …"
        return (Said("unknown", {"clause": told}),)
