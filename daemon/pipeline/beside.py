"""What stands beside a file and belongs with it, as a look at the disk finds it. Blocks; changes nothing."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.config.model import Rule
from daemon.config.own import own_rule
from daemon.errors import UsageError
from daemon.pipeline.arrivals import Stat
from daemon.rules import company
from daemon.rules.match import Match, RuleBook


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that another one may wait for: where it may stand, where it does, and what it is for a person."""

    places: tuple[Path, ...]
    path: Path
    stat: Stat | None
    what: str


@dataclass(frozen=True, slots=True)
class Company:
    """What a look found of a file's company.

    `host`: the clip (or the folder of clips) that it is a companion of; `remuxed`, `recorded`: its other half.
    """

    companions: tuple[tuple[Asked, bool], ...] = ()
    asked: tuple[Asked, ...] = ()
    host: Path | None = None
    remuxed: Asked | None = None
    recorded: Asked | None = None
    own_rules: Asked | None = None


class Beside:
    """Looks for what the rules say belongs together."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    def look(self, match: Match, path: Path) -> Company:
        """What stands beside a file. Blocks. Raises FileNotFoundError where it is gone itself."""
        if not path.exists():
            raise FileNotFoundError(path)
        rule, asked = match.rule, list[Asked]()
        hosts = [(one, host) for one, host in company.taker_of_companion(self._book, path) if host != path]
        for one, host in hosts:
            if _is_folder(host) or (os.path.lexists(host) and self._hosts_it(one, host, path)):
                return Company(host=host)
        clips = tuple(host for one, host in hosts if self._hosts_it(one, host, path))
        if clips:
            asked.append(
                Asked(clips, clips[0], None, f"a clip that it goes up with, such as {clips[0].name}")
            )
        companions = [
            (_asked(place.paths, f"its companion {place.paths[0].name}"), place.shared)
            for place in company.companions_of(rule, path)
        ]
        asked += [one for one, _ in companions]
        remuxed = self._other_half(rule, company.remuxed_of(path), "the mp4 that is made of it")
        asked += [remuxed] if remuxed is not None else []
        own = _asked((company.own_rules_of(path),), f"its own rules {company.own_rules_of(path).name}")
        asked += [own] if own.stat is not None else []
        return Company(
            companions=tuple(companions),
            asked=tuple(asked),
            remuxed=remuxed,
            recorded=_standing(self._other_half(rule, company.recorded_of(path), "its recording")),
            own_rules=_standing(own),
        )

    def _other_half(self, rule: Rule, places: tuple[Path, ...], what: str) -> Asked | None:
        """The other half of a pair, where the rule would take that too."""
        if rule.pairs != "obs" or not places or not self._may_take(rule, places[0]):
            return None
        return _asked(places, what)

    def _hosts_it(self, rule: Rule, clip: Path, path: Path) -> bool:
        return self._may_take(rule, clip) and company.goes_first(rule, clip, path)

    def _may_take(self, rule: Rule, path: Path) -> bool:
        return any(match.rule is rule for match in self._book.matches(path))

    def belongs(self, path: Path) -> str | None:
        """Why a file is no job of its own, for a person; None if it is one. What is not there is not waited for."""
        clip = company.clip_of_own_rules(path)
        if clip is not None:
            return f"it says how {clip.name} alone is edited"
        for rule, host in company.taker_of_companion(self._book, path):
            if _is_folder(host):
                return f"it goes up with the clips of its folder (rule {rule.name}, `with`)"
            if host != path and os.path.lexists(host) and self._hosts_it(rule, host, path):
                return f"it goes up with {host.name} (rule {rule.name}, `with`)"
        for match in self._book.matches(path):
            remuxed = self._other_half(match.rule, company.remuxed_of(path), "")
            if remuxed is not None and remuxed.stat is not None:
                taken = f"rule {match.rule.name}, `pairs: obs`"
                return f"it is the same clip as {remuxed.path.name}, which is taken ({taken})"
        return None

    def of_folder(self, path: Path, match: Match) -> str | None:
        """What is said of a dropped folder's file that is not its first; None for any other that `match` takes."""
        whole = company.bundled(match)
        return goes_with(whole) if whole.is_folder and self.first_of(whole) not in (None, path) else None

    def first_of(self, whole: Match) -> Path | None:
        """The file after which the job of a dropped folder is called."""
        files = tree(whole.root / whole.relative, whole.rule.recursive)
        mine = (one for one in files if self._book.match(one) is not None)
        return min(mine, key=company.in_order, default=None)

    def hosts(self, path: Path) -> list[Path]:
        return [host for _, host in company.taker_of_companion(self._book, path) if host != path]

    def accompanies(self, path: Path, clips: Sequence[Path], rule: Rule) -> bool:
        return any(clip in clips or _is_folder(clip) for clip in company.clips_of(rule, path))

    def companions_among(self, clip: Path, beside: Sequence[Path], rule: Rule) -> list[Path]:
        places = company.companions_of(rule, clip)
        return [path for place in places for path in beside if path in place.paths]


def _asked(places: tuple[Path, ...], what: str) -> Asked:
    """The first place where a file stands, else the first of all."""
    for place in places:
        stat = stat_of(place)
        if stat is not None:
            return Asked(places, place, stat, what)
    return Asked(places, places[0], None, what)


def _standing(one: Asked | None) -> Asked | None:
    return one if one is not None and one.stat is not None else None


def stat_of(path: Path) -> Stat | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (
        (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if modes.S_ISREG(found.st_mode)
        else None
    )


def by_its_own_rules(match: Match, path: Path) -> Match:
    """The match as the clip's own rules file changes it, if there is one. Blocks; raises UsageError for its faults."""
    own = company.own_rules_of(path)
    if not os.path.lexists(own):
        return match
    if own.is_symlink():
        # What it leads to would be quoted in the faults, to everyone who can read the results.
        raise UsageError("", f"{own} is a link; a clip's own rules are a file beside it")
    return replace(match, rule=own_rule(own, match.rule))


def _is_folder(path: Path) -> bool:
    return path.is_dir()


def goes_with(whole: Match) -> str:
    """What is said of a dropped folder's files but for the first."""
    return f"it goes up with the folder {Path(whole.relative).name} (`bundle: folder`)"


def tree(folder: Path, recursive: bool) -> dict[Path, Stat]:
    """All files below a dropped folder, temporary ones too: while any of them changes, the folder is not whole."""
    found: dict[Path, Stat] = {}
    for here, below, names in os.walk(folder):
        if not recursive:
            below.clear()
        for name in names:
            stat = stat_of(Path(here, name))
            if stat is not None:
                found[Path(here, name)] = stat
    return found
