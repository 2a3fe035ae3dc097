"""A YAML text as nodes that know their line and column.

Scalars stay text: a key's own type says what its text means. So YAML 1.1's surprises never happen: `no` is
no boolean, `0640` no decimal 416, `1:30` no 90, and `name: 2024` is a name. An empty value is `NOTHING`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

import yaml

from daemon.errors import Fault, RulesError

Loc = tuple[str | int, ...]
"""Where a value stands: `("rules", 2, "retry", "first")`."""

DEEPEST: Final = 24
"""Levels a file may nest; rules need five, and reading is recursive."""


class Nothing(Enum):
    """The value of a key that was written without one."""

    NOTHING = "nothing"


NOTHING: Final = Nothing.NOTHING

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_PLAIN_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")
) | {"!"}


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place, and the places of its keys where it is a mapping."""

    spot: Spot
    value: str | Nothing | list[Node] | dict[str, Node]
    keys: Mapping[str, Spot] = field(default_factory=dict)


def path_text(loc: Loc) -> str:
    """`rules[2].retry.first`."""
    said = ""
    for part in loc:
        said += f"[{part}]" if isinstance(part, int) else f"{'.' if said else ''}{printable(part)}"
    return said


def printable(text: str, most: int = 60) -> str:
    """`text` in one line that any terminal can show, shortened to `most` characters."""
    safe = "".join(one if one.isprintable() else "?" for one in text)
    return safe if len(safe) <= most else f"{safe[: most - 1]}…"


def is_unicode(text: str) -> bool:
    """Whether `text` can be stored and sent: a path, or a variable of the environment, may hold other bytes."""
    return not any("\ud800" <= one <= "\udfff" for one in text)


def read(text: str, file: Path) -> tuple[Node | None, list[Fault]]:
    """The document of `text` (None: it has none) and the faults that did not stop the reading.

    Raises RulesError where YAML itself cannot be read: nothing after that place means anything.
    """
    reader = _Reader(text, file)
    return reader.document(), reader.faults


class _Reader:
    """Builds nodes from the parser's events; the parser itself never recurses, this does up to DEEPEST."""

    def __init__(self, text: str, file: Path) -> None:
        self._text = text
        self._file = file
        self._loader: Any = None
        self._anchors: dict[str, Node] = {}
        self.faults: list[Fault] = []

    def document(self) -> Node | None:
        try:
            self._loader = yaml.BaseLoader(self._text)
            self._event()
            if isinstance(self._loader.peek_event(), yaml.StreamEndEvent):
                return None
            self._event()
            root = self._node(self._event(), (), 0)
            self._event()
            after = self._event()
            if not isinstance(after, yaml.StreamEndEvent):
                self._fault(_spot(after.start_mark), (), "a rules file is one document; this begins a second")
            return root
        except yaml.MarkedYAMLError as error:
            raise self._stopped(_mark_spot(error), _syntax(error)) from None
        except yaml.reader.ReaderError as error:
            spot = _position_spot(self._text, error.position)
            raise self._stopped(spot, f"a character that YAML forbids (#x{error.character:04x})") from None
        except (ValueError, OverflowError):
            # PyYAML passes escapes such as "\UFFFFFFFF" to chr(), and endless version digits to int().
            spot = _spot(self._loader.get_mark()) if self._loader else Spot(1, 1)
            raise self._stopped(spot, "an escape or a number that means no character") from None

    def _event(self) -> yaml.Event:
        event: yaml.Event = self._loader.get_event()
        return event

    def _node(self, event: yaml.Event, loc: Loc, depth: int) -> Node:
        spot = _spot(event.start_mark)
        if depth > DEEPEST:
            raise self._stopped(spot, f"nested more than {DEEPEST} levels deep", loc)
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, spot, loc)
        assert isinstance(event, yaml.NodeEvent)
        node = self._built(event, spot, loc, depth)
        if event.anchor is not None:
            # Known only once it is whole: an alias inside its own anchor would never end.
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: yaml.AliasEvent, spot: Spot, loc: Loc) -> Node:
        if event.anchor not in self._anchors:
            name = printable(event.anchor or "")
            raise self._stopped(
                spot,
                f"`*{name}` refers to no `&{name}` above it; a value that begins with `*` must be in quotes",
                loc,
            )
        return self._anchors[event.anchor]

    def _built(self, event: yaml.NodeEvent, spot: Spot, loc: Loc, depth: int) -> Node:
        if isinstance(event, yaml.SequenceStartEvent):
            self._refuse_tag(event.tag, spot, loc)
            items: list[Node] = []
            while not isinstance(one := self._event(), yaml.SequenceEndEvent):
                items.append(self._node(one, (*loc, len(items)), depth + 1))
            return Node(spot, items)
        if isinstance(event, yaml.MappingStartEvent):
            self._refuse_tag(event.tag, spot, loc)
            return self._mapping(spot, loc, depth)
        assert isinstance(event, yaml.ScalarEvent)
        self._refuse_tag(event.tag, spot, loc)
        text: str = event.value
        if not is_unicode(text):
            self._fault(spot, loc, "half of a surrogate pair is no character")
            text = ""
        return Node(spot, NOTHING if not event.style and text in _NULLS else text)

    def _mapping(self, spot: Spot, loc: Loc, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Spot] = {}
        while not isinstance(event := self._event(), yaml.MappingEndEvent):
            key = self._node(event, loc, depth + 1)
            name = key.value if isinstance(key.value, str) else ""
            below = (*loc, name)
            value = self._node(self._event(), below, depth + 1)
            if not name:
                self._fault(key.spot, loc, "a key must be a word, followed by a colon and a space")
            elif name == "<<":
                self._fault(key.spot, loc, "merge keys (<<) are not read; shared keys stand under `defaults`")
            elif name in values:
                self._fault(key.spot, below, f"written twice; first on line {keys[name].line}")
            else:
                values[name], keys[name] = value, key.spot
        return Node(spot, values, keys)

    def _refuse_tag(self, tag: str | None, spot: Spot, loc: Loc) -> None:
        if tag is not None and tag not in _PLAIN_TAGS:
            said = printable(tag.replace("tag:yaml.org,2002:", "!!"))
            self._fault(
                spot, loc, f"tags such as `{said}` are not read; a value that begins with `!` needs quotes"
            )

    def _fault(self, spot: Spot, loc: Loc, message: str) -> None:
        self.faults.append(Fault(self._file, spot.line, spot.column, path_text(loc), message))

    def _stopped(self, spot: Spot, message: str, loc: Loc = ()) -> RulesError:
        self._fault(spot, loc, message)
        return RulesError(tuple(self.faults))


def _spot(mark: Any) -> Spot:
    return Spot(mark.line + 1, mark.column + 1)


def _mark_spot(error: yaml.MarkedYAMLError) -> Spot:
    # An unclosed quote or bracket is noticed only at the end of the file; people look where it was opened.
    unclosed = (
        error.problem is not None
        and "end" in error.problem
        and error.problem.endswith(("stream", "'<stream end>'"))
    )
    mark = error.context_mark if unclosed and error.context_mark else error.problem_mark
    return _spot(mark) if mark else Spot(1, 1)


def _position_spot(text: str, position: int) -> Spot:
    before = text[:position]
    return Spot(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


_QUOTE: Final = "put the whole value in quotes"
_SAID: Final = (
    (r"found character '\\t'", "a tab; YAML is indented with spaces"),
    (r"scanning an alias", 'a value that begins with * must be in quotes, as in "*.mp4"'),
    (r"scanning an anchor", f"a value cannot begin with &; {_QUOTE}"),
    (r"found character '(.)' that cannot start", rf"a value cannot begin with \1; {_QUOTE}"),
    (r"mapping values are not allowed", f"a second `: ` on a line, or a key indented unlike its neighbours; "
     f"where it is part of the value, {_QUOTE}"),
    (r"scanning a quoted scalar.*end of stream", "a quote that is opened here and never closed"),
    (r"quoted scalar.*unknown escape character '(.)'", r"\\\1 means nothing in double quotes; use single ones"),
    (r"parsing a flow (mapping|sequence).*stream end", "a bracket that is opened here and never closed"),
    (r"parsing a flow (mapping|sequence)", "inside { } and [ ] a comma or the closing bracket is missing, "
     "or a value with brackets or braces of its own is not in quotes"),
    (r"expected <block end>, but found '(<scalar>|\{|\[)", f"a quote or bracket ended before the value did; {_QUOTE}"),
    (r"expected <block end>", "the indentation fits no line above"),
    (r"could not find expected ':'", "a line without `key: value`, or one indented too little"),
    (r"expected the node content, but found '(.*)'", rf"\1 begins no value; {_QUOTE}"),
    (r"block scalar", "a text block (| or >) that cannot be read: its lines must be indented with spaces"),
    (r"directive", f"a line that begins with % is a YAML directive; {_QUOTE}"),
)  # fmt: skip


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """What YAML says of the place, in words that name the usual slip."""
    said = f"{error.context or ''}: {error.problem or ''}"
    for pattern, words in _SAID:
        if found := re.search(pattern, said, re.DOTALL):
            return found.expand(words)
    return printable(error.problem or "YAML cannot be read here", 200)
