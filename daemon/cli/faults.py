"""The faults file of `reeldrop studio --faults`: YAML in, a rehearsal or all of its faults out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from daemon.config.document import NOTHING, Loc, Node, Spot, path_text, printable, read
from daemon.config.located import nearest
from daemon.config.quantities import parse_size, parse_time
from daemon.errors import Fault, RulesError, UsageError
from daemon.studio import faults as schema
from daemon.studio.faults import Key, Mishap, Place, Rehearsal, Then, keys

MOST_BYTES: Final = 1 << 20
"""A film that was named by mistake is not read into memory."""

T = TypeVar("T")


class FaultsFile:
    """The file as it stands now. Called before each call of the studio; a faulty one changes nothing.

    Raises UsageError (RulesError with all faults) when it is opened; after that it only says so, on stderr.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # A pipe (`--faults <(command)`) has nothing more to say, and would be waited for.
        self._again = path.is_file()
        self._raw = _bytes(path)
        self._now = parse(_decoded(self._raw, path), path)

    def __call__(self) -> Rehearsal:
        if self._again:
            try:
                self._look()
            except UsageError as error:
                click.echo(f"{error}\n{self._path} is not taken: what it said before goes on.", err=True)
        return self._now

    def _look(self) -> None:
        try:
            raw = _bytes(self._path)
        except UsageError:
            # An editor that saves by renaming takes the file away for a moment.
            return
        if raw != self._raw:
            self._raw = raw
            self._now = parse(_decoded(raw, self._path), self._path)
            click.echo(f"{self._path} was read again.", err=True)


def parse(text: str, path: Path) -> Rehearsal:
    """The rehearsal in `text`; `path` names it in faults. Raises RulesError with all faults, in its order."""
    root, found = read(text, path)
    reader = _Reader(path, found)
    rehearsal = reader.section(Rehearsal, root, ()) if root else None
    if root is None:
        reader.fault(Spot(1, 1), (), "expected `faults:` or `service:`, found nothing")
    if rehearsal is None or reader.faults:
        raise RulesError(tuple(sorted(reader.faults, key=lambda one: (one.line, one.column, one.key))))
    return rehearsal


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError("--faults", f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise UsageError("--faults", f"{path} is larger than 1 MiB, so it is no faults file")
    return raw


def _decoded(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError("--faults", f"{path}:{line}: not UTF-8 text") from None


class _Reader:
    """From nodes to the schema's values; what does not fit becomes a fault, and its default stays."""

    def __init__(self, file: Path, found: list[Fault]) -> None:
        self._file = file
        self.faults = list(found)

    def fault(self, spot: Spot, loc: Loc, message: str) -> None:
        self.faults.append(Fault(self._file, spot.line, spot.column, path_text(loc), message))

    def section(self, kind: type[T], node: Node, loc: Loc) -> T:
        """A section of the file; raises nothing, and notes every fault in it."""
        known = keys(kind)
        values: dict[str, Any] = {}
        for name, below in self._written(node, loc).items():
            here = (*loc, name)
            if name not in known:
                near = nearest(name, known) or f" (known here: {', '.join(known)})"
                self.fault(node.keys[name], here, f"no such key{near}")
                continue
            try:
                values[name] = self._value(known[name], name, below, here)
            except ValueError as error:
                self.fault(below.spot, here, f"expected {error}{_found(below)}{_near(known[name], below)}")
        return kind(**values)

    def _written(self, node: Node, loc: Loc) -> Mapping[str, Node]:
        if node.value is NOTHING:
            return {}
        if not isinstance(node.value, dict):
            self.fault(node.spot, loc, f"expected keys below it, each `key: value`{_found(node)}")
            return {}
        return node.value

    def _value(self, key: Key, name: str, node: Node, loc: Loc) -> Any:
        if key.kind == "faults":
            return tuple(self._mishap(one, (*loc, place)) for place, one in enumerate(_list(node)))
        if key.kind in ("section", "then"):
            return self.section(_SECTIONS[name], node, loc)
        if key.kind == "word":
            if node.value not in key.words:
                raise ValueError(f"one of {', '.join(key.words)}")
            return node.value
        return _READERS[key.kind](node)

    def _mishap(self, node: Node, loc: Loc) -> Mishap:
        mishap = self.section(Mishap, node, loc)
        written = node.value if isinstance(node.value, dict) else {}
        for name in ("call", "then"):
            if written and name not in written:
                self.fault(node.spot, loc, f"expected a `{name}`")
        if "then" in written:
            self._then(mishap, written["then"], (*loc, "then"))
        return mishap

    def _then(self, mishap: Mishap, node: Node, loc: Loc) -> None:
        written = node.value if isinstance(node.value, dict) else {}
        if node.value is NOTHING or node.value == {}:
            self.fault(node.spot, loc, f"expected at least one of {', '.join(keys(Then))}")
        for name, why in schema.objections(mishap.call, mishap.then, frozenset(written)):
            self.fault(node.keys[name], (*loc, name), why)


_SECTIONS: Final[dict[str, type]] = {
    "service": schema.Service,
    "prices": schema.Prices,
    "anonymous": schema.Anonymous,
    "rate": schema.Rate,
    "then": Then,
}


def _found(node: Node) -> str:
    if node.value is NOTHING:
        return ", found nothing"
    if isinstance(node.value, str):
        return f', found "{printable(node.value)}"'
    return ", found a list" if isinstance(node.value, list) else ", found keys (a mapping)"


def _near(key: Key, node: Node) -> str:
    return nearest(node.value, key.words) if isinstance(node.value, str) else ""


def _list(node: Node) -> list[Node]:
    if node.value is NOTHING:
        return []
    if not isinstance(node.value, list):
        raise ValueError("a list, each entry beginning with `- `")
    return node.value


def _body(node: Node) -> str:
    if not isinstance(node.value, str):
        raise ValueError("text")
    return node.value


def _line(node: Node) -> str:
    text = _body_or(node, "text of one line")
    if not text.strip() or not text.isprintable():
        raise ValueError("text of one line")
    return text


def _body_or(node: Node, what: str) -> str:
    if not isinstance(node.value, str):
        raise ValueError(what)
    return node.value


def _time(node: Node) -> float:
    what = "a time, such as 500ms, 5s, 2m, 7d or seconds"
    try:
        return parse_time(_body_or(node, what))
    except ValueError:
        raise ValueError(what) from None


def _number(node: Node, what: str, low: int, high: int) -> int:
    text = _body_or(node, what)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise ValueError(what)
    return int(text)


def _period(node: Node) -> float:
    seconds = _time(node)
    if seconds == 0:
        raise ValueError("a time above 0, such as 500ms or 5s")
    return seconds


def _count(node: Node) -> int | None:
    return None if node.value == "none" else _number(node, "a whole number above 0, or none", 1, 10**9)


def _credits(node: Node) -> int:
    return _number(node, "a number of credits", 0, 10**9)


def _limit(node: Node) -> int | None:
    return None if node.value == "none" else _number(node, "a number of credits, or none", 0, 10**9)


def _flag(node: Node) -> bool:
    if node.value not in ("true", "false"):
        raise ValueError("true or false")
    return node.value == "true"


def _share(node: Node) -> float:
    what = "a share, such as 0.3 or 30%"
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) ?(%?)", _body_or(node, what))
    share = float(found[1]) / (100 if found[2] else 1) if found else -1
    if not 0 <= share <= 1:
        raise ValueError(what)
    return share


def _part(node: Node) -> Place:
    what = "bytes or a share, such as 5000, 64kB or 60%"
    text = _body_or(node, what)
    try:
        return Place(_share(node), "share") if text.endswith("%") else Place(parse_size(text))
    except ValueError:
        raise ValueError(what) from None


def _place(node: Node) -> Place:
    what = "bytes, a share or events, such as 5000, 64kB, 50% or 3 events"
    found = re.fullmatch(r"([0-9]{1,9}) events?", _body_or(node, what))
    if found:
        return Place(int(found[1]), "events")
    try:
        return _part(node)
    except ValueError:
        raise ValueError(what) from None


def _nth(node: Node) -> schema.Runs:
    many = node.value if isinstance(node.value, list) else [node]
    try:
        runs = tuple(run for one in many for run in schema.parse_nth(_body(one)))
    except ValueError:
        runs = ()
    if not runs:
        raise ValueError("which times, counted from 1: 2, [1, 3], 2..4, 3.. or every")
    return runs


def _headers(node: Node) -> Mapping[str, str]:
    what = "headers, each `Name: value` in plain ASCII"
    if not isinstance(node.value, dict):
        raise ValueError(what)
    for name, below in node.value.items():
        text = below.value
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not isinstance(text, str):
            raise ValueError(what)
        if not text.isascii() or not text.isprintable():
            raise ValueError(what)
    return {name: str(below.value) for name, below in node.value.items()}


def _events(node: Node) -> tuple[Any, ...]:
    return tuple(_event(one) for one in (node.value if isinstance(node.value, list) else [node]))


def _event(node: Node) -> Any:
    if isinstance(node.value, str) and not re.search(r"[\r\n]", node.value):
        return node.value
    if not isinstance(node.value, dict):
        raise ValueError("an event such as {type: text, content: …}, or the text of one line")
    return _plain(node)


def _plain(node: Node) -> Any:
    """A free value: `true`, `false` and numbers are what they look like."""
    if isinstance(node.value, dict):
        return {name: _plain(below) for name, below in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(one) for one in node.value]
    if not isinstance(node.value, str):
        return None
    if re.fullmatch(r"true|false|-?[0-9]{1,15}(\.[0-9]{1,15})?", node.value):
        try:
            return json.loads(node.value)
        except ValueError:
            return node.value
    return node.value


_READERS: Final[dict[str, Callable[[Node], Any]]] = {
    "time": _time,
    "period": _period,
    "status": lambda node: _number(node, "an HTTP status from 200 to 599", 200, 599),
    "code": lambda node: _number(node, "a code such as 2001", 0, 999_999),
    "line": _line,
    "body": _body,
    "headers": _headers,
    "place": _place,
    "part": _part,
    "flag": _flag,
    "events": _events,
    "nth": _nth,
    "share": _share,
    "whole": lambda node: _number(node, "a whole number", 0, 10**9),
    "count": _count,
    "credits": _credits,
    "limit": _limit,
}
