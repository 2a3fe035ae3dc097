"""From a message to operations. Pure: the same words always mean the same.

A sentence is cut into clauses wherever that lets every clause be read by one family of the grammar. If there
is no such cut, nothing is understood: half a wish carried out would be a result nobody asked for.

What stands below the first empty line is the script, or the subtitles, where the words above it ask for a video
from a script or for captions; otherwise it is instruction as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from daemon.studio.grammar import (
    absence,
    background,
    cuts,
    flow,
    framing,
    overlays,
    picture,
    scripts,
    sound,
    texts,
)
from daemon.studio.grammar.common import Unclear, used_up
from daemon.studio.grammar.sentence import CLIPS_OWN, EXPORT, PRONOUN, SEPARATOR, STOP, THEN
from daemon.studio.grammar.wishes import Wish, joined, rivals
from daemon.studio.measures import HAN, Marked, mark
from daemon.studio.names import listed
from daemon.studio.operations import (
    AddMusic,
    AddText,
    Background,
    Captions,
    CropSides,
    CropTo,
    Fade,
    Flip,
    Keep,
    Named,
    Operation,
    Promo,
    Remove,
    Resize,
    Rotate,
    Volume,
    Watermark,
)
from daemon.studio.subtitles import cues
from daemon.studio.words import Language, Said

_LONGEST: Final = 2000
"""Characters of an instruction; more is a script."""

_LONGEST_SCRIPT: Final = 100_000
_MOST_WISHES: Final = 60
_MOST_PIECES: Final = 8
_TOLD_PIECES: Final = 3
_TOLD_CHARACTERS: Final = 80

_PARAGRAPH: Final = re.compile(r"\r?\n[ \t\r]*\n")

_FAMILIES: Final = (
    absence.read,
    scripts.read,
    flow.read_frame,
    flow.read_silence,
    cuts.read,
    background.read,
    sound.read_loudness,
    overlays.read_mark,
    sound.read_music,
    sound.read_volume,
    flow.read_crossfade,
    flow.read_fade,
    flow.read_slides,
    picture.read_speed,
    picture.read_shape,
    framing.read_sides,
    framing.read_turn,
    framing.read_size,
    overlays.read_captions,
    texts.read,
)
_Kind = type[Operation] | Literal["title"]
_CARRIED: Final[dict[_Kind, tuple[str, str]]] = {
    Keep: ("keep ", "保留"),
    Remove: ("remove ", "删除"),
    AddText: ("add the text ", "添加文字"),
    "title": ("add the title ", "添加标题"),
}
"""`remove the first 2 s and the last 3 s`: the verb that a clause without one takes over."""

_LAID: Final = (AddText, "title", AddMusic, Watermark, Captions)
_OF_THE_WHOLE: Final = (Fade, Volume, Rotate, Flip, Resize, CropTo, CropSides)
"""`add the title "X" and fade it in`: after something laid over the clip, `it` is that, and not the clip."""

_OF_BACKGROUNDS: Final = frozenset({"no-scene", "which-scene"})
_BROUGHT: Final = frozenset({"needs-script", "needs-subtitles", "no-file", "no-files"})
_OF_SCRIPTS: Final = frozenset({"odd-promo"})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message asks for, in order; or, with `refused`, why it was not understood.

    `understood`: what was read of it although it is refused. Neither operations nor a refusal: it asks for what
    a timeline does anyway (`join the clips`).
    """

    operations: tuple[Operation, ...]
    refused: tuple[Said, ...]
    language: Language
    understood: tuple[Operation, ...] = ()

    @property
    def lacks(self) -> bool:
        """Whether it is refused only for what comes with a message: a script, subtitles, a file that it names."""
        return bool(self.refused) and all(one.name in _BROUGHT for one in self.refused)

    def doubts(self) -> tuple[Said, ...]:
        """What a refusal says: what was understood, and then why it is refused."""
        return (*([listed(self.understood, self.language)] if self.understood else []), *self.refused)


def understand(message: str, files: Sequence[Named] = ()) -> Heard:
    """What the message asks for. `files`: what it may name. Raises nothing."""
    paragraphs = _PARAGRAPH.split(message.strip(), maxsplit=1)
    if len(paragraphs) == 2:
        above, script = paragraphs
        heard = _understand(above, files, script)
        if len(message) > _LONGEST or _is_about_script(heard):
            return heard
    return _understand(message, files, "")


def _is_about_script(heard: Heard) -> bool:
    read = heard.operations or heard.understood
    return any(isinstance(one, Promo | Captions) for one in read) or any(
        one.name in _OF_SCRIPTS for one in heard.refused
    )


def _understand(instruction: str, files: Sequence[Named], script: str) -> Heard:
    language = language_of(instruction)
    if len(instruction) > _LONGEST:
        return Heard((), (Said("too-long", {"limit": _LONGEST}),), language)
    marked = mark(instruction, files)
    reading = _Reading(marked)
    if max(reading.pieces, len(marked.values)) > _MOST_WISHES:
        return Heard((), (Said("too-many", {"limit": _MOST_WISHES}),), language)
    wishes = reading.wishes(0, None)
    if wishes is None:
        said, understood = reading.refusal()
        return Heard((), said, language, understood)
    if not wishes and not reading.joins:
        return Heard((), (Said("nothing-asked"),), language)
    operations = joined(wishes)
    if (two := rivals(wishes)) is not None:
        clause = " / ".join(marked.restored(one.clause) for one in two)
        rest = tuple(one for one in operations if not isinstance(one, Background))
        return Heard((), (Said("unknown", {"clause": clause}),), language, rest)
    try:
        return Heard(tuple(_filled(one, script) for one in operations), (), language)
    except Unclear as unclear:
        return Heard((), (unclear.said,), language, operations)


def _filled(operation: Operation, script: str) -> Operation:
    """A wish for what stands below the instruction, with it. Raises Unclear where that is missing."""
    match operation:
        case Promo() if not script.strip():
            raise Unclear("needs-script")
        case Promo() if len(script) > _LONGEST_SCRIPT:
            raise Unclear("long-script", limit=_LONGEST_SCRIPT)
        case Promo():
            return replace(operation, script=script.strip())
        case Captions() if not script.strip():
            raise Unclear("needs-subtitles")
        case Captions():
            found = cues(script[:_LONGEST_SCRIPT])
            if not found:
                raise Unclear("no-cues")
            return Captions(found)
        case _:
            return operation


def language_of(text: str) -> Language:
    return "zh" if re.search(rf"[{HAN}]", text) else "en"


def _kind(wish: Wish, before: _Kind | None) -> _Kind:
    """What the clause asked for, as far as the next one may lean on it."""
    if not isinstance(wish.operation, AddText):
        return type(wish.operation)
    titled = before == "title" if wish.carried else texts.is_title(wish.clause)
    return "title" if titled else AddText


class _Reading:
    """One sentence being read. Positions are indexes into the marked text."""

    def __init__(self, marked: Marked) -> None:
        self._marked = marked
        self._text = marked.text
        self._cuts = [found for found in SEPARATOR.finditer(self._text) if found.start() > 0]
        self._after_then = {found.end() for found in self._cuts if THEN.search(found[0])}
        self._known: dict[tuple[int, _Kind | None], tuple[Wish, ...] | None] = {}
        self._furthest = 0
        self._before: _Kind | None = None
        self._came: dict[int, tuple[int, tuple[Wish, ...]]] = {}
        self.joins = False

    @property
    def pieces(self) -> int:
        return len(self._cuts) + 1

    def wishes(self, start: int, before: _Kind | None) -> tuple[Wish, ...] | None:
        """What is wished for from `start` on, or None; `before`: what the clause before asked for.

        Shorter clauses are tried first, so that a text without quotes does not swallow the next wish.
        """
        if (start, before) not in self._known:
            self._known[start, before] = self._search(start, before)
        return self._known[start, before]

    def _search(self, start: int, before: _Kind | None) -> tuple[Wish, ...] | None:
        if start >= self._furthest:
            self._furthest, self._before = start, before
        if not self._text[start:].strip():
            return ()
        for clause, following, separator in self._clauses(start):
            try:
                read = self._read(clause, before)
            except Unclear:
                continue
            if read is None:
                continue
            if start in self._after_then:
                read = tuple(replace(one, then=True) for one in read)
                # `then join the clips with crossfades`: the first half asks for nothing, and `then` is the second's.
                self._after_then |= {following} if not read else set()
            last = _kind(read[-1], before) if read else before
            self._came.setdefault(following, (start, read))
            stops = STOP.search(separator) is not None and last is not Background
            rest = self.wishes(following, None if stops else last)
            if rest is not None:
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

    def _read(self, clause: str, before: _Kind | None) -> tuple[Wish, ...] | None:
        """Raises Unclear, of the first family that the clause belongs to and that cannot grant it."""
        if used_up(clause, EXPORT):
            return ()
        if flow.is_join(clause):
            self.joins = True
            return ()
        unclear: Unclear | None = None
        for family in _FAMILIES:
            try:
                read = family(clause, self._marked)
            except Unclear as why:
                unclear = unclear or why
                continue
            if read is not None:
                self._own(clause, read, before)
                return tuple(Wish(one, clause) for one in read)
        its = background.read_its(clause, self._marked) if before is Background else None
        if its is not None:
            return tuple(Wish(one, clause) for one in its)
        laid = before in (AddText, "title")
        if before in _CARRIED and (not laid or "<q" in clause):
            family = texts.read if laid else cuts.read
            read = family(_CARRIED[before][language_of(clause) == "zh"] + clause, self._marked)
            if read is not None:
                return tuple(Wish(one, clause, carried=True) for one in read)
        if unclear is not None:
            raise unclear
        return None

    def _own(self, clause: str, read: tuple[Operation, ...], before: _Kind | None) -> None:
        """Raises Unclear where `it`, or the volume, is that of what the clause before laid over the clip."""
        whose = before in _LAID and isinstance(read[0], _OF_THE_WHOLE) and PRONOUN.search(clause)
        if whose or (before is AddMusic and isinstance(read[0], Volume) and not CLIPS_OWN.search(clause)):
            raise Unclear("which-it", clause=self._marked.restored(clause))
        if before is AddMusic and isinstance(read[0], AddMusic):
            raise Unclear("two-moods", clause=self._marked.restored(clause))

    def refusal(self) -> tuple[tuple[Said, ...], tuple[Operation, ...]]:
        """(what could not be read, from the first clause of it on; what was read before it and after).

        Neighbours that are unknown are told as one.
        """
        said: list[Said] = []
        unknown: list[int] = []
        wishes = self._on_the_way()
        start, before = self._furthest, self._before
        while start < len(self._text):
            doubt, read, end, following = self._doubt(start, before)
            wishes += read
            if doubt is None or doubt.name != "unknown":
                said += [*self._unknown(unknown), *([doubt] if doubt else [])]
                unknown = []
            else:
                unknown = [unknown[0] if unknown else start, end]
            start, before = following, None
        said += self._unknown(unknown)
        said = said or [*self._unknown([self._furthest, len(self._text)])]
        if any(one.name in _OF_BACKGROUNDS for one in said):
            wishes = [one for one in wishes if not isinstance(one.operation, Background)]
        return tuple(said[:_TOLD_PIECES]), joined(tuple(wishes))

    def _on_the_way(self) -> list[Wish]:
        """What was read before the first clause that could not be read."""
        wishes: list[Wish] = []
        at = self._furthest
        while at in self._came:
            at, came = self._came[at]
            wishes = [*came, *wishes]
        return wishes

    def _doubt(self, start: int, before: _Kind | None) -> tuple[Said | None, tuple[Wish, ...], int, int]:
        """(what is wrong with the clause at `start`, or its wishes; where it ends, where the next begins)."""
        # A cut without a word in it (before `with`) may split what belongs together.
        clauses = [one for one in self._clauses(start) if one[2].strip() or not one[2]]
        clauses = clauses or [(self._text[start:], len(self._text), "")]
        for clause, following, _ in clauses:
            try:
                read = self._read(clause, before)
            except Unclear as unclear:
                return unclear.said, (), start + len(clause), following
            if read is not None:
                return None, read, start + len(clause), following
        clause, following, _ = clauses[0]
        return Said("unknown"), (), start + len(clause), following

    def _unknown(self, place: list[int]) -> tuple[Said, ...]:
        if not place:
            return ()
        told = self._marked.restored(self._text[place[0] : place[1]])
        if len(told) > _TOLD_CHARACTERS:
            told = f"{told[:_TOLD_CHARACTERS]} …"
        return (Said("unknown", {"clause": told}),)
