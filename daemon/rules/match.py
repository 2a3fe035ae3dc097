"""Which rule takes a file. Pure: paths are compared as text; what links lead to is asked of who is passed in."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Literal

from daemon.config.globs import CLASSES, entry_regex
from daemon.config.model import Rule
from daemon.rules.index import Index

_Ours = Literal["output", "archive", "quarantine"]
_Refusal = _Ours | Literal["outside", "deeper", "pattern", "ignored"]


@dataclass(frozen=True, slots=True)
class Match:
    """A file and the rule that takes it. `root`: the rule's watch folder, `below`: the path below it.

    `is_folder`: it is a dropped folder, which is one job (`bundle`).
    """

    rule: Rule
    root: Path
    below: str
    is_folder: bool = False

    @property
    def relative(self) -> PurePath:
        """The path below the watch folder."""
        return PurePath(self.below)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of a file, and why, in words for people."""

    rule: Rule
    taken: bool
    why: str


class RuleBook:
    """The rules in their order; the first one that matches a file takes it.

    Rules are found by their watch folder and by text that their patterns demand, so a path is tried against few.
    Patterns are compiled when they are first tried, one regex for `match` and one for `ignore` of each rule.

    `real` follows a folder's symbolic links (`os.path.realpath`): an output, archive or quarantine folder is never
    input, also where a link leads to it below a watch folder.
    """

    def __init__(self, rules: Iterable[Rule], real: Callable[[str], str] = str) -> None:
        rules = tuple(rules)
        ours = _ours_below({os.fspath(root) for rule in rules for root in rule.watch}, rules, real)
        self._entries = tuple(_Compiled(rule, ours) for rule in rules)
        self.accompanied = tuple(rule for rule in rules if rule.companions)
        """The rules whose files have companions (`with`)."""
        by_root: dict[str, list[int]] = {}
        for place, entry in enumerate(self._entries):
            for root in entry.roots:
                by_root.setdefault(root, []).append(place)
        self._by_root = {
            root: Index((place, rules[place].match) for place in places) for root, places in by_root.items()
        }
        lengths = [len(root) if root != "/" else 0 for root in by_root]
        self._shortest, self._longest = min(lengths, default=0), max(lengths, default=0)

    def match(self, path: PurePath | str) -> Match | None:
        """The rule that takes the file at this absolute, normal path by its name; None if none does."""
        return next(self.matches(path), None)

    def matches(self, path: PurePath | str) -> Iterator[Match]:
        """All rules that would take the file by its name, in their order: `where` may leave it to a later one."""
        text = os.fspath(path)
        for place in self._candidates(text):
            entry = self._entries[place]
            if (near := entry.nearest(text)) is not None and entry.refusal(*near) is None:
                root, below = near
                yield Match(entry.rule, entry.roots[root], below)

    def _candidates(self, text: str) -> Iterable[int]:
        """The places of all rules that may take the file, in the rules' order."""
        found: list[int] = []
        end = text.rfind("/", 0, self._longest + 1)
        while end >= self._shortest:
            if (index := self._by_root.get(text[:end] or "/")) is not None:
                found += index.candidates(text[end + 1 :])
            end = text.rfind("/", 0, end)
        return sorted(set(found)) if len(found) > 1 else found

    def explain(
        self, path: PurePath | str, left_out: Callable[[Rule], str | None] = lambda rule: None
    ) -> tuple[Verdict, ...]:
        """What every rule says of the file, in the rules' order; at most one takes it.

        `left_out` says which bound of `where` a file that a rule would take by its name lies outside of.
        """
        text = os.fspath(path)
        verdicts: list[Verdict] = []
        taker = ""
        for entry in self._entries:
            why = entry.why_not(text) or left_out(entry.rule)
            if why is None:
                why = f"an earlier rule ({taker}) took it" if taker else "taken"
            verdicts.append(Verdict(entry.rule, why == "taken", why))
            taker = entry.rule.name if why == "taken" else taker
        return tuple(verdicts)


class _Compiled:
    """One rule with its patterns as regexes."""

    def __init__(self, rule: Rule, ours: Mapping[str, Mapping[str, _Ours]]) -> None:
        self.rule = rule
        # The deepest first: below two nested watch folders of one rule, a file belongs to the nearer one.
        self.roots = {
            os.fspath(root): root for root in sorted(rule.watch, key=lambda root: -len(os.fspath(root)))
        }
        self._starts = tuple((root if root == "/" else f"{root}/", root) for root in self.roots)
        self._ours = ours

    @cached_property
    def _match(self) -> re.Pattern[str]:
        return _compiled(self.rule.match, ignoring=False)

    @cached_property
    def _ignore(self) -> re.Pattern[str] | None:
        return _compiled(self.rule.ignore, ignoring=True) if self.rule.ignore else None

    def nearest(self, text: str) -> tuple[str, str] | None:
        """The nearest watch folder of this rule that the path lies below, and the path below it."""
        for start, root in self._starts:
            if text.startswith(start):
                return root, text[len(start) :]
        return None

    def refusal(self, root: str, relative: str) -> _Refusal | None:
        """Why a file below the watch folder is not for this rule; None if it is."""
        if ours := self._ours.get(root):
            end = relative.find("/")
            while end >= 0:
                if relative[:end] in ours:
                    return ours[relative[:end]]
                end = relative.find("/", end + 1)
        if not self.rule.recursive and "/" in relative:
            return "deeper"
        if not self._match.fullmatch(relative):
            return "pattern"
        return "ignored" if self._ignore and self._ignore.fullmatch(relative) else None

    def why_not(self, text: str) -> str | None:
        """The refusal as a sentence; None if the rule would take the file."""
        near = self.nearest(text)
        root, relative = near or ("", text)
        refusal = self.refusal(root, relative) if near else "outside"
        if refusal is None:
            return None
        file = PurePath(relative)
        if refusal == "outside":
            folders = " or ".join(os.fspath(folder) for folder in self.rule.watch)
            return f"not below its watch folder {folders}"
        if refusal == "output":
            return "it lies in an output folder, and results are never input"
        if refusal in ("archive", "quarantine"):
            return f"it lies in a folder of `{refusal}`, and what was moved there is never input"
        if refusal == "deeper":
            return f"not directly in its watch folder {root}, and the rule says `recursive: false`"
        if refusal == "ignored":
            fits = [one for one in self.rule.ignore if _compiled((one,), ignoring=True).fullmatch(relative)]
            return f"left out by ignore `{fits[0]}`"
        patterns = ", ".join(one if one in CLASSES else f"`{one}`" for one in self.rule.match)
        shown = "/".join(part.lstrip(".") for part in relative.split("/"))
        if shown != relative and self._match.fullmatch(shown):
            return (
                f"its name or its folder's begins with a dot, and match ({patterns}) does not name such files"
            )
        return f"no pattern of match ({patterns}) fits {file.suffix or file.name}"


def _folders_of(rule: Rule) -> Iterator[tuple[str, _Ours]]:
    """Where a rule puts files."""
    if rule.quarantine is not None:
        yield os.fspath(rule.quarantine), "quarantine"
    if rule.archive is not None:
        yield os.fspath(rule.archive), "archive"
    yield os.fspath(rule.output), "output"


def _ours_below(
    roots: Set[str], rules: Iterable[Rule], real: Callable[[str], str]
) -> Mapping[str, Mapping[str, _Ours]]:
    """For each watch folder what we put files into below it, by the path below it.

    Relative to each: an output folder that is the watch folder itself would leave no input.
    """
    leads: dict[str, list[str]] = {}
    for root in roots:
        for name in {root, real(root)}:
            leads.setdefault(name, []).append(root)
    found: dict[str, dict[str, _Ours]] = {}
    for folder, kind in {folder: kind for rule in rules for folder, kind in _folders_of(rule)}.items():
        for path in {folder, real(folder)}:
            for above in PurePath(path).parents:
                for root in leads.get(os.fspath(above), ()):
                    found.setdefault(root, {})[_below(path, os.fspath(above))] = kind
    return found


def _below(text: str, root: str) -> str:
    return text[len(root) :].lstrip("/")


def _compiled(entries: tuple[str, ...], *, ignoring: bool) -> re.Pattern[str]:
    return re.compile("|".join(entry_regex(entry, ignoring=ignoring) for entry in entries))
