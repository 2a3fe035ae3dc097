"""The rules file's values together with their places, and the faults found so far.

Every stage of reading reports here, so that all faults come out at once and in the file's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from daemon.config.document import NOTHING, Loc, Node, Nothing, Spot, path_text, printable
from daemon.config.environment import expand
from daemon.errors import Fault, RulesError

Plain = str | Nothing | list["Plain"] | dict[str, "Plain"]

MOST_VALUES: Final = 100_000
"""Values of a file, with what its anchors repeat: nested anchors multiply without end."""

_TOKEN: Final = re.compile(r"nmv_[A-Za-z0-9_]+")


class Located:
    """A document's plain values (`data`, environment variables filled in) and where each stands."""

    def __init__(self, root: Node, file: Path, environ: Mapping[str, str], faults: Iterable[Fault]) -> None:
        self.file = file
        self._environ = environ
        self._faults = list(faults)
        self._nodes: dict[Loc, Node] = {}
        self._keys: dict[Loc, Spot] = {}
        self._faulted: set[Loc] = set()
        self.data: Plain = self._plain(root, ())

    def fault(self, loc: Loc, message: str, *, at_key: bool = False) -> None:
        """Notes a fault at a value (or its key). Only the first one at a place, or below it, says anything new."""
        if any(loc[:size] in self._faulted for size in range(len(loc) + 1)):
            return
        self._faulted.add(loc)
        spot = self._keys.get(loc) if at_key else None
        spot = spot or self._nodes[self.known(loc)].spot
        self._faults.append(Fault(self.file, spot.line, spot.column, path_text(loc), message))

    def faulty(self, loc: Loc) -> bool:
        """Whether something at, above or below this place is already known to be wrong."""
        size = len(loc)
        return any(one[:size] == loc or loc[: len(one)] == one for one in self._faulted)

    def known(self, loc: Loc) -> Loc:
        """The nearest place, going up, that stands in the file."""
        while loc not in self._nodes:
            loc = loc[:-1]
        return loc

    def line(self, loc: Loc) -> int:
        return self._nodes[self.known(loc)].spot.line

    def keys(self, loc: Loc) -> list[str]:
        """The keys written in the mapping there."""
        value = self._nodes[self.known(loc)].value
        return list(value) if isinstance(value, dict) else []

    def text(self, loc: Loc) -> str:
        """What was written there, before variables were filled in; empty if it is no text."""
        value = self._nodes[self.known(loc)].value
        return value if isinstance(value, str) else ""

    def found(self, loc: Loc) -> str:
        """`, found …`: what stands there. No text below `api` is repeated: a token may be in any line of it."""
        value = self._nodes[self.known(loc)].value
        if value is NOTHING:
            return ", found nothing"
        if isinstance(value, str):
            return "" if loc[:1] == ("api",) else f', found "{printable(value)}"'
        return ", found a list" if isinstance(value, list) else ", found keys (a mapping)"

    def errors(self) -> RulesError | None:
        """All faults in the file's order; None if there are none."""
        if not self._faults:
            return None
        return RulesError(tuple(sorted(self._faults, key=lambda one: (one.line, one.column, one.key))))

    def _plain(self, node: Node, loc: Loc) -> Plain:
        self._nodes[loc] = node
        if len(self._nodes) > MOST_VALUES:
            message = f"more than {MOST_VALUES} values, with what its anchors repeat"
            raise RulesError((*self._faults, Fault(self.file, node.spot.line, node.spot.column, "", message)))
        if isinstance(node.value, dict):
            self._keys.update({(*loc, key): spot for key, spot in node.keys.items()})
            return {key: self._plain(below, (*loc, key)) for key, below in node.value.items()}
        if isinstance(node.value, list):
            return [self._plain(below, (*loc, place)) for place, below in enumerate(node.value)]
        if not isinstance(node.value, str):
            return node.value
        text, wrong = expand(node.value, self._environ)
        if wrong:
            self.fault(loc, "; ".join(wrong))
        return text


def nearest(word: str, choices: Iterable[str]) -> str:
    """`; did you mean "…"?` for the choice most like `word`; empty if none is."""
    by_lower = {one.lower(): one for one in choices}
    near = get_close_matches(word.lower(), by_lower, 1, 0.6)
    return f'; did you mean "{by_lower[near[0]]}"?' if near else ""


def without_secrets(error: RulesError, secrets: Iterable[str]) -> RulesError:
    """The same faults; no token stands in them, wherever in the file it was misplaced."""
    hidden = [secret for secret in secrets if len(secret) > 3]

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "…")
        return _TOKEN.sub("nmv_…", text)

    return RulesError(
        tuple(
            Fault(one.file, one.line, one.column, clean(one.key), clean(one.message)) for one in error.faults
        )
    )
