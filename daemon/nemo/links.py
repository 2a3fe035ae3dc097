"""Dropped links: a small file that says where the media lies. Pure: name and bytes are passed in.

    clip.url        Windows: INI, `URL=` below [InternetShortcut]
    clip.webloc     macOS: a property list, XML or binary, with the key URL
    clip.urls.txt   ours: an address a line; blank lines and lines that begin with # are passed over

No message repeats an address: its query may be a key.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from daemon.errors import SourceError
from daemon.media.types import kind_of

MAX_BYTES: Final = 128 << 10
"""The most of a link file that is read: 20 addresses of 2,000 characters fit in UTF-8 and in UTF-16."""
MOST: Final = 20
LONGEST: Final = 2000
"""Characters of one address; most servers take no longer ones."""

_NOT_TAKEN: Final = ("youtube.com", "youtu.be", "spotify.com")
"""Pages, no files: the service's public documents say that it does not take them."""


def is_link(path: PurePath | str) -> bool:
    """Whether a file name is that of a link."""
    return kind_of(path) == "link"


def read_links(name: str, data: bytes) -> tuple[str, ...]:
    """The addresses in a link file, in its order, each once. `data` is what it holds (MAX_BYTES and one more).

    Raises SourceError with what is wrong and where, without the address itself.
    """
    operation = f"read {name}"
    if len(data) > MAX_BYTES:
        raise SourceError(operation, f"it is larger than {MAX_BYTES >> 10} KiB, so it is no link")
    found = dict.fromkeys(url for url in _addresses(operation, name, data) if url)
    if not found:
        raise SourceError(operation, "it holds no address", "Write one that begins with https:// into it.")
    if len(found) > MOST:
        raise SourceError(operation, f"it holds {len(found)} addresses", f"Give each file at most {MOST}.")
    for place, url in enumerate(found, 1):
        wrong, hint = _fault(url)
        if wrong:
            which = "its address" if len(found) == 1 else f"address {place} of {len(found)}"
            raise SourceError(operation, f"{which} {wrong}", hint)
    return tuple(found)


def _addresses(operation: str, name: str, data: bytes) -> Iterator[str]:
    if name.lower().endswith(".webloc"):
        yield _webloc(operation, data)
        return
    lines = re.split(r"\r\n?|\n", _text(data))
    if name.lower().endswith(".url"):
        yield _shortcut(lines)
        return
    for line in lines:
        if not line.lstrip().startswith("#"):
            yield line.strip()


def _webloc(operation: str, data: bytes) -> str:
    try:
        held = plistlib.loads(data)
    except Exception:
        # plistlib lets through what its parsers raise: ExpatError, InvalidFileException, RecursionError and more.
        raise SourceError(operation, "it is no property list as macOS writes links") from None
    url = held.get("URL", "") if isinstance(held, dict) else ""
    return url.strip() if isinstance(url, str) else ""


def _shortcut(lines: list[str]) -> str:
    """The first URL of the section InternetShortcut; Windows asks for both in any case."""
    section = ""
    for line in map(str.strip, lines):
        if line.startswith("["):
            section = line.strip("[]").strip().lower()
        key, _, value = line.partition("=")
        if section == "internetshortcut" and key.strip().lower() == "url":
            return value.strip()
    return ""


def _text(data: bytes) -> str:
    """UTF-16 by its mark or its zeros, UTF-8 with or without a mark, else Latin-1, which takes everything."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        every_other = data[first:64:2]
        if every_other.count(0) > len(every_other) / 2:
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _fault(url: str) -> tuple[str, str]:
    """What is wrong with an address, ending the sentence "its address …", and what to do; both empty: nothing."""
    if len(url) > LONGEST:
        return f"is longer than {LONGEST} characters", ""
    if re.search(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\\ufffd]", url):
        return "holds a space, a backslash or an invisible character", "Write them as %20 and the like."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "cannot be read", ""
    if parts.scheme not in ("http", "https"):
        begins = f"begins with {parts.scheme}:" if parts.scheme else "has no http:// or https:// before it"
        return begins, "Only http and https addresses are taken."
    if "@" in parts.netloc:
        return (
            "holds a user name or a password",
            "They would end in logs; give an address that needs none.",
        )
    if not host or port == 0:
        return "names no host", ""
    if any(f".{host}".endswith(f".{one}") for one in _NOT_TAKEN):
        return (
            f"is a page of {host}, which the editor does not take",
            "Save the clip and drop the file.",
        )
    return "", ""
