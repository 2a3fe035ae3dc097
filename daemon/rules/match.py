"""Which rule takes a file. Pure: paths are compared as text, nothing is asked of the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from daemon.config.globs import CLASSES, entry_regex
from daemon.config.model import Rule

_Refusal = Literal["outside", "output", "deeper", "pattern", "hidden", "ignored"]


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
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        rules = tuple(rules)
        outputs = tuple(dict.fromkeys(os.fspath(rule.output) for rule in rules))
        self._entries = tuple(_Compiled(rule, outputs) for rule in rules)
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

    def __init__(self, rule: Rule, outputs: tuple[str, ...]) -> None:
        self.rule = rule
        # The deepest first: below two nested watch folders of one rule, a file belongs to the nearer one.
        self.roots = {
            os.fspath(root): root for root in sorted(rule.watch, key=lambda root: -len(os.fspath(root)))
        }
        # Relative to each watch folder: an output folder that is the watch folder itself would leave no input.
        self._outputs = {
            root: tuple(f"{_below(output, root)}/" for output in outputs if output.startswith(f"{root}/"))
            for root in self.roots
        }
        self._match = _compiled(rule.match, hidden=False)
        self._ignore = _compiled(rule.ignore, hidden=True) if rule.ignore else None

    def root_of(self, text: str) -> str | None:
        """The nearest watch folder of this rule that the path lies below."""
        return next(
            (root for root in self.roots if text.startswith(root if root == "/" else f"{root}/")), None
        )

    def refusal(self, root: str, relative: str) -> _Refusal | None:
        """Why a file below the watch folder is not for this rule; None if it is."""
        if relative.startswith(self._outputs[root]):
            return "output"
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
        if refusal == "deeper":
            return f"not directly in its watch folder {root}, and the rule says `recursive: false`"
        if refusal == "ignored":
            fits = [one for one in self.rule.ignore if _compiled((one,), hidden=True).fullmatch(relative)]
            return f"left out by ignore `{fits[0]}`"
        patterns = ", ".join(one if one in CLASSES else f"`{one}`" for one in self.rule.match)
        if refusal == "hidden":
            return (
                f"its name or its folder's begins with a dot, and match ({patterns}) does not name such files"
            )
        return f"no pattern of match ({patterns}) fits {file.suffix or file.name}"


def _below(text: str, root: str) -> str:
    return text[len(root) :].lstrip("/")


def _compiled(entries: tuple[str, ...], *, hidden: bool) -> re.Pattern[str]:
    return re.compile("|".join(entry_regex(entry, hidden=hidden) for entry in entries))
