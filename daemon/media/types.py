"""Which files the editor takes, by name and by their first bytes.

The list and the size limit are the service's own (files section of its public documents).
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Final, Literal

Kind = Literal["video", "audio", "image", "text", "link"]

EXTENSIONS: Final[dict[str, Kind]] = {
    "mp4": "video",
    "mov": "video",
    "avi": "video",
    "webm": "video",
    "mkv": "video",
    "jpg": "image",
    "jpeg": "image",
    "png": "image",
    "gif": "image",
    "webp": "image",
    "mp3": "audio",
    "wav": "audio",
    "m4a": "audio",
    "aac": "audio",
    "txt": "text",
    "md": "text",
    "url": "link",
    "webloc": "link",
    "urls.txt": "link",
}
"""By ending. A link is a small file that says where the media lies: Windows', macOS' or a list of our own."""

MAX_BYTES: Final = 500 * 1000 * 1000
"""The largest file the service takes, in bytes ("500 MB")."""

HEAD_BYTES: Final = 64
"""How many bytes `sniff` wants to see."""

ACCEPTED: Final = (
    "mp4, mov, avi, webm, mkv, jpg, png, gif, webp, mp3, wav, m4a, aac "
    "(a script: txt, md; a link: url, webloc, urls.txt)"
)


def kind_of(name: PurePath | str) -> Kind | None:
    """The class a file name belongs to by its extension, or None when it is not taken at all."""
    _, *endings = os.fspath(name).rpartition("/")[2].lstrip(".").lower().split(".")
    return EXTENSIONS.get(".".join(endings[-2:])) or EXTENSIONS.get(endings[-1] if endings else "")


def sniff(head: bytes) -> str | None:
    """The container that `head` (a file's first bytes) begins, as an extension; None if it is none of ours.

    mp4, mov and m4a are one family (ISO base media) and all answer `mp4`; mkv and webm answer `mkv`.
    """
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "mkv"
    if head[:4] in (b"RIFF", b"RF64"):
        return {b"AVI ": "avi", b"WAVE": "wav", b"WEBP": "webp"}.get(head[8:12])
    if head[:3] == b"\xff\xd8\xff":
        return "jpg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:3] == b"ID3":
        return "mp3"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        # Layer bits 00 are ADTS (aac); any other layer is MPEG audio.
        return "aac" if head[1] & 0x06 == 0 else "mp3"
    return None
