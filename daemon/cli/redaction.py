"""Taking out of a report what is nobody else's business. Pure: what is private here is passed in.

Tokens, what follows `?` in an address and the name before its host, e-mail addresses, the home folder, the names
of user and host go; media files and the folders below a watch folder get stand-ins, the same one everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from daemon.media.types import EXTENSIONS

# Words have a longest length here, or one of a megabyte would take minutes to look through.
_TOKENS: Final = re.compile(r"\b((?:nmv|clm)_|bearer\s+)[^\s\"',;<>]+", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.\-]{0,30})://([^\s\"'<>]*)", re.IGNORECASE)
_MAIL: Final = re.compile(r"[\w.+\-]{1,64}@[\w\-]+(?:\.[\w\-]+)+")
_HOMES: Final = re.compile(r"(/(?:home|Users|run/media|media)/)[^/\s\"']+")
# Not after `*` and the like: what a rule's `match` says is no file's name.
_MEDIA_WORD: Final = re.compile(
    r"(?<![*?}\]\w.+\-()%~,&!=@#])[\w.+\-()%~,&!=@#]{1,255}\.(?:" + "|".join(EXTENSIONS) + r")\b",
    re.IGNORECASE,
)
_END: Final = r"(?![\w\-])"
_BESIDE: Final = (".json", ".log", ".HELD.txt", ".FAILED.txt")
_PUBLIC_NAMES: Final = frozenset({"", "root", "reeldrop", "localhost"})
_LEAST_SECRET: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Private:
    """What must not be in a report. `stand_ins`: private name or folder → what is written instead."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    home: str = ""
    user: str = ""
    host: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict)


def redacted(text: str, private: Private) -> str:
    """The text without what is private."""
    for secret in sorted(private.secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "<secret>")
    text = _TOKENS.sub(r"\1<secret>", text)
    if private.stand_ins:
        longest_first = sorted(private.stand_ins, key=len, reverse=True)
        names = re.compile("|".join(re.escape(name) + _END * name.startswith("/") for name in longest_first))
        text = names.sub(lambda found: private.stand_ins[found[0]], text)
    text = _MAIL.sub("<e-mail>", _ADDRESS.sub(_bare, text))
    if private.home not in ("", "/"):
        text = re.sub(re.escape(private.home) + _END, "~", text)
    text = _HOMES.sub(r"\1<user>", text)
    known = ((private.host, "<host>"), (private.host.partition(".")[0], "<host>"), (private.user, "<user>"))
    for name, instead in known:
        if name not in _PUBLIC_NAMES:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", instead, text, flags=re.IGNORECASE)
    return text


def redacted_value(value: Any, private: Private) -> Any:
    """The same for each text in a JSON value, its keys included."""
    if isinstance(value, str):
        return redacted(value, private)
    if isinstance(value, Mapping):
        return {redacted(str(key), private): redacted_value(one, private) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(one, private) for one in value]
    return value


def stand_ins(value: Any, paths: Iterable[Path], trees: Mapping[Path, Path]) -> dict[str, str]:
    """`file-1.mp4`, … for the media files in `paths` and in the texts of `value`, and `folder-1`, … for folders.

    `trees`: folder → the root that it lies below, whose own name stays.
    """
    texts = list(_texts(value))
    named = [path.name for path in paths]
    named += [
        Path(text).name
        for text in texts
        if text.startswith("/") and Path(text).suffix[1:].lower() in EXTENSIONS
    ]
    named += [word for text in texts for word in _MEDIA_WORD.findall(text)]
    numbers: dict[str, int] = {}
    found: dict[str, str] = {}
    for name in dict.fromkeys(named):
        stem, suffix = Path(name).stem, Path(name).suffix
        number = numbers.setdefault(stem, len(numbers) + 1)
        for ending in (suffix, *_BESIDE):
            found |= dict.fromkeys(_spellings(stem + ending), f"file-{number}{ending}")
    below = {folder.relative_to(root): None for folder, root in trees.items() if folder != root}
    for number, tree in enumerate(below, 1):
        for folder, root in trees.items():
            if folder == root / tree:
                found |= dict.fromkeys(_spellings(str(folder)), str(root / f"folder-{number}"))
    return found


def _spellings(name: str) -> set[str]:
    """As it is, as the record keeps what is no UTF-8, and as an address has it."""
    return {name, name.encode("utf-8", "replace").decode(), quote(name, errors="replace")}


def _bare(found: re.Match[str]) -> str:
    """An address without user, password, query and fragment; of a scheme that is not the web's, nothing at all."""
    scheme, rest = found[1], found[2]
    if scheme.lower() not in ("http", "https"):
        return f"{scheme}://<secret>"
    place = re.split(r"[?#]", rest, maxsplit=1)
    host, slash, path = place[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}{'?<secret>' if len(place) > 1 else ''}"


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
