"""Which files belong together, by their names: companions of a clip (`with`), pairs, folders, a clip's own rules file.

Pure: paths are text, nothing is looked for on a disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from daemon.config.fields import is_told
from daemon.config.model import Rule
from daemon.media.types import EXTENSIONS
from daemon.rules.match import Match, RuleBook

OWN_RULES: Final = ".reeldrop.yaml"
"""What follows a clip's whole name in the name of the file that says how this clip alone is edited."""

_RECORDED: Final = (".mkv", ".MKV")
_REMUXED: Final = (".mp4", ".MP4")
_PLACEHOLDER: Final = re.compile(r"\{(stem|name|parent)\}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a companion of a clip may stand: as `with` has it, else with its ending in other letters.

    `shared`: every clip of the folder has the same one, so it stays where it is when one of them is moved.
    """

    paths: tuple[Path, ...]
    shared: bool


def companions_of(rule: Rule, clip: Path) -> list[Place]:
    """A place for each name of the rule's `with`; the clip itself is none of its companions."""
    filled = {"stem": clip.stem, "name": clip.name, "parent": clip.parent.name}
    named = [(name, _PLACEHOLDER.sub(lambda found: filled[found[1]], name)) for name in rule.companions]
    places = [Place(_spelled(clip.parent / one), _is_shared(name)) for name, one in named]
    return [place for place in places if clip not in place.paths]


def clips_of(rule: Rule, path: Path) -> Iterator[Path]:
    """The clips that the file at `path` would be a companion of, as far as names tell.

    A name of `with` that holds neither {stem} nor {name} belongs to every clip of its folder: it is told as that
    folder alone.
    """
    for template in rule.companions:
        for folder in _folders(template, path):
            fits = _regex(template, folder.name).fullmatch(str(path.relative_to(folder)))
            if fits is None:
                continue
            told = fits.groupdict()
            if told.get("name"):
                yield folder / told["name"]
            elif told.get("stem"):
                yield from (folder / f"{told['stem']}{ending}" for ending in _endings())
            else:
                yield folder


def own_rules_of(clip: Path) -> Path:
    return clip.with_name(clip.name + OWN_RULES)


def clip_of_own_rules(path: Path) -> Path | None:
    """The clip that this file would say something about; None for every other file."""
    name = path.name.removesuffix(OWN_RULES)
    return path.with_name(name) if name and name != path.name else None


def remuxed_of(path: Path) -> tuple[Path, ...]:
    """Where the mp4 of an mkv may stand; nowhere for another file."""
    return tuple(path.with_suffix(one) for one in _REMUXED) if path.suffix in _RECORDED else ()


def recorded_of(path: Path) -> tuple[Path, ...]:
    """Where the mkv of an mp4 may stand; nowhere for another file."""
    return tuple(path.with_suffix(one) for one in _RECORDED) if path.suffix in _REMUXED else ()


def bundled(match: Match) -> Match:
    """The dropped folder that the file is a part of, where its rule takes folders whole; else the file itself."""
    return as_taken(match, is_folder=match.rule.bundle == "folder")


def as_taken(match: Match, *, is_folder: bool) -> Match:
    """The dropped folder of a file that was taken with all of it, whatever its rule says now; else the file itself."""
    if not is_folder or len(match.relative.parts) < 2:
        return match
    return replace(match, below=match.relative.parts[0], is_folder=True)


def in_order(path: Path) -> tuple[object, ...]:
    """A key that sorts the files of a folder as people count: 2 before 10."""
    parts = re.split(r"([0-9]+)", str(path).casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def taker_of_companion(book: RuleBook, path: Path) -> Iterator[tuple[Rule, Path]]:
    """The clips (and the folders, for a shared name) whose companion this file is by name, each with its rule."""
    for rule in book.accompanied:
        for clip in clips_of(rule, path):
            if any(root == clip or root in clip.parents for root in rule.watch):
                yield rule, clip


def goes_first(rule: Rule, clip: Path, other: Path) -> bool:
    """Whether `clip` is the job where two files name each other as companions."""
    mutual = any(clip in place.paths for place in companions_of(rule, other))
    return not mutual or clip < other


def said_in_words(path: Path) -> bool:
    return is_told(path.name)


def _is_shared(template: str) -> bool:
    return "{stem}" not in template and "{name}" not in template


def _spelled(path: Path) -> tuple[Path, ...]:
    stem, ending = path.stem, path.suffix
    return tuple(
        dict.fromkeys(path.with_name(stem + one) for one in (ending, ending.lower(), ending.upper()))
    )


def _folders(template: str, path: Path) -> Iterator[Path]:
    depth = template.count("/")
    if len(path.parents) > depth:
        yield path.parents[depth]


@lru_cache(4096)
def _regex(template: str, parent: str) -> re.Pattern[str]:
    said, at, seen = "", 0, set[str]()
    for found in _PLACEHOLDER.finditer(template):
        name = found[1]
        said += re.escape(template[at : found.start()])
        if name == "parent":
            said += re.escape(parent)
        else:
            said += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)"
            seen.add(name)
        at = found.end()
    head, dot, ending = template[at:].rpartition(".")
    return re.compile(
        said
        + re.escape(head + dot)
        + f"(?:{'|'.join(map(re.escape, (ending, ending.lower(), ending.upper())))})"
    )


@cache
def _endings() -> tuple[str, ...]:
    return tuple(f".{one}" for end in EXTENSIONS for one in dict.fromkeys((end, end.upper(), end.title())))
