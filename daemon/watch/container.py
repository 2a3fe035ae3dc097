"""Is the container whole? Read from a file's first bytes and its outermost structure, never by decoding.

    name says     first bytes accepted           end checked
    video         mp4 family, mkv/webm, avi      mp4: boxes; avi: RIFF size
    audio         mp3, aac, wav, mp4 family      wav: RIFF size; mp4: boxes
    image         jpg, png, gif, webp            png: chunks; webp: RIFF size
    text          UTF-8 without NUL bytes
    link          any: what it says is read when it is worked on

A file cut in the middle is told from a whole one wherever the structure carries lengths. Matroska, mp3, aac,
jpg and gif do not, or not outermost: there only the lease and the quiet time protect.
"""

from __future__ import annotations

import codecs
import os
from pathlib import PurePath
from typing import Final

from daemon.media.types import ACCEPTED, HEAD_BYTES, Kind, kind_of, sniff
from daemon.watch.sight import Content, Finding

WHOLE: Final = Finding(Content.WHOLE)

_FAMILIES: Final[dict[Kind, frozenset[str]]] = {
    "video": frozenset({"mp4", "mkv", "avi"}),
    "audio": frozenset({"mp3", "aac", "wav", "mp4"}),
    "image": frozenset({"jpg", "png", "gif", "webp"}),
}
_SAID: Final[dict[Kind, str]] = {
    "video": "mp4, mov, mkv, webm or avi container",
    "audio": "mp3, wav, m4a or aac file",
    "image": "jpg, png, gif or webp picture",
}
_TEXT_BYTES: Final = 65536
_UNKNOWN_LENGTHS: Final = frozenset({0, 0xFFFFFFFF})
"""What stands in a RIFF size while the writer does not know it (streams, RF64)."""

_MAX_PARTS: Final = 100_000
"""Boxes or chunks walked at most: an hour of 1 s fragments has 7,200, a hostile file could have millions."""


def examine(fd: int, size: int, name: PurePath) -> Finding:
    """What the bytes of an open file of `size` bytes say, held against the class that `name` promises.

    Raises OSError where reading fails.
    """
    kind = kind_of(name)
    if kind is None:
        ending = name.suffix or "no extension"
        return _foreign(f"its name ends in {ending}, which the editor does not take (it takes {ACCEPTED})")
    head = os.pread(fd, HEAD_BYTES, 0)
    if not head.strip(b"\0"):
        return _unfinished("it begins with zeros" if head else "it is empty")
    if kind == "link":
        return WHOLE if head.strip() else _unfinished("it holds no words")
    if kind == "text":
        return _text(os.pread(fd, _TEXT_BYTES, 0))
    family = sniff(head)
    if family is None or family not in _FAMILIES[kind]:
        told = f" but {family}" if family else ""
        return _foreign(f"its name says {kind}, its first bytes are no {_SAID[kind]}{told}")
    if family == "mp4":
        return _boxes(fd, size)
    if family == "png":
        return _chunks(fd, size)
    if head[:4] == b"RIFF":
        return _riff(head, size)
    return WHOLE


def _text(head: bytes) -> Finding:
    """Plain text as a script has to be; a character cut at the end of what was read is none of its faults."""
    if b"\0" in head:
        return _foreign("its name says text, it holds binary data")
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return _foreign("its name says text, it is not in UTF-8 (save it as UTF-8)")
    return WHOLE if text.strip() else _unfinished("it holds no words")


def _boxes(fd: int, size: int) -> Finding:
    """Walks the top-level boxes of an ISO media file (ISO/IEC 14496-12, 4.2): 32-bit size, type, 64-bit size.

    Both the index (`moov`) and the media (`mdat`) must be there and nothing may reach past the end.
    """
    seen: set[bytes] = set()
    at = 0
    for _ in range(_MAX_PARTS):
        if at + 8 > size:
            break
        header = os.pread(fd, 16, at)
        length, box = int.from_bytes(header[:4], "big"), header[4:8]
        if not _is_box_type(box):
            # A finished file may carry somebody's bytes behind its boxes; zeros there are not written yet.
            if {b"moov", b"mdat"} <= seen and header.strip(b"\0"):
                return WHOLE
            return _unfinished(f"it is incomplete: nothing readable from byte {at} of {size} on")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        elif length == 0:
            length = size - at
        if length < 8:
            return _unfinished(f"it is damaged at byte {at} of {size}")
        seen.add(box)
        at += length
        if at > size:
            return _unfinished(f"it is incomplete: {at} bytes are announced, {size} are there")
    if b"moov" not in seen:
        return _unfinished("it is incomplete: its index (moov) is not there yet")
    if b"mdat" not in seen:
        return _unfinished("it is incomplete: its media (mdat) is not there yet")
    return WHOLE


def _is_box_type(box: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in box)


def _chunks(fd: int, size: int) -> Finding:
    """Walks the chunks of a PNG (8 bytes of signature, then length, type, data, checksum) to its IEND."""
    at = 8
    for _ in range(_MAX_PARTS):
        header = os.pread(fd, 8, at)
        at += 12 + int.from_bytes(header[:4], "big")
        if at > size:
            break
        if header[4:8] == b"IEND":
            return WHOLE
    return _unfinished(f"it is incomplete: the picture goes on behind its {size} bytes")


def _riff(head: bytes, size: int) -> Finding:
    announced = int.from_bytes(head[4:8], "little")
    if announced in _UNKNOWN_LENGTHS or announced + 8 <= size:
        return WHOLE
    return _unfinished(f"it is incomplete: {announced + 8} bytes are announced, {size} are there")


def _unfinished(why: str) -> Finding:
    return Finding(Content.UNFINISHED, why)


def _foreign(why: str) -> Finding:
    return Finding(Content.FOREIGN, why)
