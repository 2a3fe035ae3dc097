"""What `match` and `ignore` may say: class words and globs, each turned into a regex. Pure.

A regex is tried against a path below the watch folder, with `/` between its parts. Case is ignored; a glob
without `/` fits at any depth, one with `/` is relative to the watch folder, `raw/` is everything below a
folder. Braces and `**` work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from wcmatch import glob

from daemon.media.types import EXTENSIONS, Kind

CLASSES: Final[dict[str, tuple[Kind, ...]]] = {
    "video": ("video", "link"),
    "audio": ("audio", "link"),
    "image": ("image", "link"),
    "text": ("text",),
    "media": ("video", "audio", "image", "link"),
}
"""Under `match` a link counts as whatever may lie behind it; under `ignore` it is none of these."""

_FLAGS: Final = glob.IGNORECASE | glob.GLOBSTAR | glob.BRACE | glob.FORCEUNIX
_MOST: Final = 200
"""How many globs one entry's braces may unfold to: `{1..100000}` would take minutes and all memory."""


_SAME: Final = str.maketrans({**{chr(code): chr(code).lower() for code in range(65, 91)}, "ı": "i", "İ": "i"})
_SAME.update(str.maketrans({"ſ": "s", "\u212a": "k"}))
"""ASCII letters by their small ones, and the four other letters that a regex which ignores case takes for them."""


class Part(NamedTuple):
    """Text that stands in every path which a pattern fits, in ASCII and `folded`.

    `of`: in the file's name, or in the name of a folder that it lies below.
    """

    of: Literal["name", "folder"]
    how: Literal["whole", "start", "end", "inside"]
    text: str


def folded(path: str) -> str:
    """Paths that differ for no pattern are the same."""
    return path.lower() if path.isascii() else path.translate(_SAME)


def parts(entry: str) -> tuple[tuple[Part, ...], ...]:
    """What the paths have in common that an entry of `match` fits: of one of the alternatives, every part.

    An alternative without a part may fit any path. No path is missed for a part; a pattern that is hard to read
    gets none.
    """
    if entry in CLASSES:
        return tuple(
            (Part("name", "end", f".{end}"),) for end, kind in EXTENSIONS.items() if kind in CLASSES[entry]
        )
    bare = entry
    while (unbraced := re.sub(r"\{[^{}/]*\}", "*", bare)) != bare:
        bare = unbraced
    if re.search(r"[{}\\]|\[[^\]]*/", bare):
        return ((),)
    *folders, name = (f"{bare}**" if bare.endswith("/") else bare).split("/")
    found = [part for folder in folders for part in _parts_of("folder", folder)]
    return ((*found, *_parts_of("name", name)),)


def _parts_of(of: Literal["name", "folder"], pattern: str) -> Iterator[Part]:
    """The literal texts of one name's pattern, between what may be anything."""
    texts = re.split(r"\[.*|[*?]+", pattern)
    if len(texts) == 1:
        if pattern not in ("", "."):
            yield from _part(of, "whole", pattern)
        return
    yield from _part(of, "start", texts[0])
    for text in texts[1:-1]:
        yield from _part(of, "inside", text)
    yield from _part(of, "end", texts[-1])


def _part(
    of: Literal["name", "folder"], how: Literal["whole", "start", "end", "inside"], text: str
) -> Iterator[Part]:
    if text.isascii():
        if text:
            yield Part(of, how, folded(text))
        return
    for run in re.findall(r"[\x00-\x7f]+", text):
        yield Part(of, "inside", folded(run))


@lru_cache(8192)
def entry_regex(entry: str, *, ignoring: bool) -> str:
    """The regex of one entry, as it stands under `match` or (`ignoring`) under `ignore`.

    Under `ignore`, `*` and class words also fit names (of folders too) that begin with a dot, and no class is links.
    Raises ValueError, whose text says what was expected, for an entry that can fit nothing.
    """
    if entry in CLASSES:
        return _class_regex([kind for kind in CLASSES[entry] if kind != "link" or not ignoring], ignoring)
    _refuse_what_fits_nothing(entry)
    folder = entry.endswith("/")
    body = entry.rstrip("/")
    pattern = body if "/" in body else f"**/{body}"
    try:
        included, _ = glob.translate(
            f"{pattern}/**" if folder else pattern,
            flags=_FLAGS | (glob.DOTGLOB if ignoring else 0),
            limit=_MOST,
        )
        regex = "|".join(f"(?:{one})" for one in included)
        re.compile(regex)
    except Exception as error:
        # wcmatch's own errors (too many braces, above all) live in private modules; re's and Python's limits join.
        raise ValueError(f"a glob that can be read, with braces that unfold to at most {_MOST}") from error
    return f"(?:{regex})"


def _class_regex(kinds: Iterable[Kind], hidden: bool) -> str:
    part = "[^/]+" if hidden else "[^/.][^/]*"
    endings = [end for end, kind in EXTENSIONS.items() if kind in kinds]
    # What ends in `urls.txt` also ends in `txt`, and is no text.
    others = [end for end, kind in EXTENSIONS.items() if kind not in kinds and "." in end]
    no_other = "".join(rf"(?<!\.{re.escape(end)})" for end in others)
    return rf"(?i:(?:{part}/)*{part}\.(?:{'|'.join(map(re.escape, endings))}){no_other})"


def _refuse_what_fits_nothing(entry: str) -> None:
    """Slips that are legal globs, yet never fit a file below a watch folder."""
    words = ", ".join(CLASSES)
    if entry.startswith("/"):
        raise ValueError('a glob relative to the watch folder, without the leading "/"')
    if entry.startswith("!"):
        raise ValueError("a glob of files to take; what is to be left out stands under `ignore`")
    if ".." in entry.split("/"):
        raise ValueError("a glob that stays below the watch folder")
    if re.search(r",\s", re.sub(r"\{[^{}]*\}", "", entry)):
        raise ValueError('one glob, or a list such as ["*.mp4", "*.mov"]')
    bare = entry.removeprefix(".").lower()
    if bare in EXTENSIONS:
        raise ValueError(f'{words} or a glob; for files of that type "*.{bare}"')
    if not re.search(r"[*?\[{./]", entry):
        raise ValueError(f'{words}, or a glob such as "*.mp4"')
