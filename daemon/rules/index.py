"""Which rules a path is worth trying against: found by text that their patterns demand. Pure.

Of each pattern's parts the rarest is looked up: 1,000 rules for 1,000 names are told apart by the names. A
name is cut to the few lengths that parts of its kind have, so a look costs some dictionary hits, however
many rules there are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from daemon.config.globs import Part, folded, parts

_MOST_LENGTHS: Final = {"whole": 0, "start": 8, "end": 8, "inside": 2}
"""Lengths that are told apart, for each kind of part; longer parts are known by their first or last letters."""

_FEW: Final = 4
"""Rules that are tried one after the other in less time than a look for them takes."""

_Places = dict[str, list[int]]


class Index:
    """Places of rules by the parts of their `match`; `rules` gives each place with its patterns."""

    def __init__(self, rules: Iterable[tuple[int, Sequence[str]]]) -> None:
        rules = list(rules)
        self._few = [place for place, _ in rules] if len(rules) <= _FEW else None
        demands = [(place, some) for place, entries in rules for entry in entries for some in parts(entry)]
        often = Counter(part for _, some in demands for part in some)
        chosen = [
            (place, min(some, key=lambda part: (often[part], -len(part.text))) if some else None)
            for place, some in demands
        ]
        self._always = sorted({place for place, part in chosen if part is None})
        self._names = _Table([(part, place) for place, part in chosen if part and part.of == "name"])
        self._folders = _Table([(part, place) for place, part in chosen if part and part.of == "folder"])

    def candidates(self, relative: str) -> list[int]:
        """The places of all rules that may fit a path below the watch folder, in no order, some of them twice."""
        if self._few is not None:
            return self._few
        names = folded(relative).split("/")
        found = self._always.copy()
        self._names.find(names.pop(), found)
        if self._folders.used:
            for folder in names:
                self._folders.find(folder, found)
        return found


class _Table:
    """Parts of names, by where in a name they stand and how long they are."""

    def __init__(self, chosen: Sequence[tuple[Part, int]]) -> None:
        self.used = bool(chosen)
        self._whole: _Places = defaultdict(list)
        cut: dict[str, dict[int, _Places]] = {"start": {}, "end": {}, "inside": {}}
        kept = {how: _kept([part.text for part, _ in chosen if part.how == how], how) for how in cut}
        for part, place in chosen:
            if part.how == "whole":
                self._whole[part.text].append(place)
                continue
            length = max(length for length in kept[part.how] if length <= len(part.text))
            text = part.text[-length:] if part.how == "end" else part.text[:length]
            cut[part.how].setdefault(length, {}).setdefault(text, []).append(place)
        self._starts, self._ends, self._insides = (
            list(cut[how].items()) for how in ("start", "end", "inside")
        )

    def find(self, name: str, found: list[int]) -> None:
        """Adds the places of what one name holds."""
        if name in self._whole:
            found += self._whole[name]
        for length, places in self._starts:
            if (start := name[:length]) in places:
                found += places[start]
        for length, places in self._ends:
            if (end := name[-length:]) in places:
                found += places[end]
        for length, places in self._insides:
            for at in range(len(name) - length + 1):
                if (inside := name[at : at + length]) in places:
                    found += places[inside]


def _kept(texts: Sequence[str], how: str) -> set[int]:
    """The lengths that most of the texts have, and the shortest, so that each has one."""
    lengths = Counter(map(len, texts))
    return {length for length, _ in lengths.most_common(_MOST_LENGTHS[how])} | set(sorted(lengths)[:1])
