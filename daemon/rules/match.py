"""Which rule takes a file. Pure: paths are compared as text; what links lead to is asked of who is passed in."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from daemon.config.globs import CLASSES, entry_regex
from daemon.config.model import Rule

_Ours = Literal["output", "archive", "quarantine"]
_Refusal = _Ours | Literal["outside", "deeper", "pattern", "hidden", "ignored"]


@dataclass(frozen=True, slots=True)
class Match:
    """A file and the rule that takes it. `root`: the rule's watch folder, `relative`: the path below it."""

    rule: Rule
    root: Path
    relative: PurePath


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of a file, and why, in words for people."""

    rule: Rule
    taken: bool
    why: str


class RuleBook:
    """The rules in their order; the first one that matches a file takes it.

    Patterns are compiled once, one regex for `match` and one for `ignore` of each rule, and rules are found by
    their watch folder: a path is tried against those of its own folders alone.

    `real` follows a folder's symbolic links (`os.path.realpath`): an output, archive or quarantine folder is never
    input, also where a link leads to it below a watch folder.
    """

    def __init__(self, rules: Iterable[Rule], real: Callable[[str], str] = str) -> None:
        rules = tuple(rules)
        ours = {folder: kind for rule in rules for folder, kind in _folders_of(rule)}
        self._entries = tuple(_Compiled(rule, ours, real) for rule in rules)
        self._by_root: dict[str, list[int]] = {}
        for place, entry in enumerate(self._entries):
            for root in entry.roots:
                self._by_root.setdefault(root, []).append(place)

    def match(self, path: PurePath | str) -> Match | None:
        """The rule that takes the file at this absolute, normal path; None if none does."""
        text = os.fspath(path)
        places: set[int] = set()
        end = text.rfind("/")
        while end >= 0:
            places.update(self._by_root.get(text[:end] or "/", ()))
            end = text.rfind("/", 0, end)
        for place in sorted(places):
            entry = self._entries[place]
            root = entry.root_of(text)
            if root is not None and entry.refusal(root, relative := _below(text, root)) is None:
                return Match(entry.rule, entry.roots[root], PurePath(relative))
        return None

    def explain(self, path: PurePath | str) -> tuple[Verdict, ...]:
        """What every rule says of the file, in the rules' order; at most one takes it."""
        text = os.fspath(path)
        verdicts: list[Verdict] = []
        taker = ""
        for entry in self._entries:
            why = entry.why_not(text)
            if why is None:
                why = f"an earlier rule ({taker}) took it" if taker else "taken"
            verdicts.append(Verdict(entry.rule, why == "taken", why))
            taker = entry.rule.name if why == "taken" else taker
        return tuple(verdicts)


class _Compiled:
    """One rule with its patterns as regexes."""

    def __init__(self, rule: Rule, ours: Mapping[str, _Ours], real: Callable[[str], str]) -> None:
        self.rule = rule
        # The deepest first: below two nested watch folders of one rule, a file belongs to the nearer one.
        self.roots = {
            os.fspath(root): root for root in sorted(rule.watch, key=lambda root: -len(os.fspath(root)))
        }
        # Relative to each watch folder: an output folder that is the watch folder itself would leave no input.
        self._ours: dict[str, dict[str, _Ours]] = {
            root: {
                f"{_below(path, top)}/": kind
                for folder, kind in ours.items()
                for path, top in ((folder, root), (real(folder), real(root)))
                if _is_below(path, top)
            }
            for root in self.roots
        }
        self._match = _compiled(rule.match, ignoring=False)
        self._ignore = _compiled(rule.ignore, ignoring=True) if rule.ignore else None

    def root_of(self, text: str) -> str | None:
        """The nearest watch folder of this rule that the path lies below."""
        return next((root for root in self.roots if _is_below(text, root)), None)

    def refusal(self, root: str, relative: str) -> _Refusal | None:
        """Why a file below the watch folder is not for this rule; None if it is."""
        for folder, kind in self._ours[root].items():
            if relative.startswith(folder):
                return kind
        if not self.rule.recursive and "/" in relative:
            return "deeper"
        if not self._match.fullmatch(relative):
            shown = "/".join(part.lstrip(".") for part in relative.split("/"))
            return "hidden" if shown != relative and self._match.fullmatch(shown) else "pattern"
        return "ignored" if self._ignore and self._ignore.fullmatch(relative) else None

    def why_not(self, text: str) -> str | None:
        """The refusal as a sentence; None if the rule would take the file."""
        root = self.root_of(text)
        refusal = "outside" if root is None else self.refusal(root, _below(text, root))
        if refusal is None:
            return None
        relative = _below(text, root) if root else text
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
        if refusal == "hidden":
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


def _is_below(text: str, root: str) -> bool:
    return text.startswith(root if root == "/" else f"{root}/")


def _below(text: str, root: str) -> str:
    return text[len(root) :].lstrip("/")


def _compiled(entries: tuple[str, ...], *, ignoring: bool) -> re.Pattern[str]:
    return re.compile("|".join(entry_regex(entry, ignoring=ignoring) for entry in entries))
