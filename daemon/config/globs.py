"""What `match` and `ignore` may say: class words and globs, each turned into a regex. Pure.

A regex is tried against a path below the watch folder, with `/` between its parts. Case is ignored; a glob
without `/` fits at any depth, one with `/` is relative to the watch folder, `raw/` is everything below a
folder. Braces and `**` work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

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
