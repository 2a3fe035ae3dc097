"""Is the container whole? Read from a file's first bytes and its outermost structure.

    name says     first bytes accepted           end checked
    video         mp4 family, mkv/webm, avi      mp4: boxes; mkv/webm: its segment's size; avi: RIFF size
    audio         mp3, aac, wav, mp4 family      wav: RIFF size; mp4: boxes
    image         jpg, png, gif, webp            jpg: segments; png: chunks; gif: blocks; webp: RIFF size
    text          UTF-8 without NUL bytes
    link          any: what it says is read when it is worked on

A file cut in the middle is told from a whole one wherever the structure carries lengths or an end of its own. mp3
and aac have neither, nor has a Matroska file whose writer never came to note its size: there only the lease and
the quiet time protect. A file of full size that is filled by half passes for whole, but for an mp4 that ends in
zeros: of that alone the end is decoded.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from pathlib import PurePath
from typing import Final

from daemon.media.types import ACCEPTED, HEAD_BYTES, Kind, kind_of, sniff
from daemon.watch.pictures import gif_ends, jpg_ends, png_ends
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
"""Boxes walked at most: an hour of 1 s fragments has 7,200, a hostile file could have millions."""

_TAIL_BYTES: Final = 4096
"""What is reserved on a disk and not yet written reads as zeros, by blocks of at least this size."""

_SEGMENT: Final = b"\x18\x53\x80\x67"

_PICTURES: Final = {"png": png_ends, "jpg": jpg_ends, "gif": gif_ends}


def examine(fd: int, size: int, name: PurePath, decodes: Callable[[], bool]) -> Finding:
    """What the bytes of an open file of `size` bytes say, held against the class that `name` promises.

    `decodes`: whether the last seconds of the file can be decoded; asked where nothing cheaper tells. Raises OSError
    where reading fails.
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
        found = _boxes(fd, size)
        if found is WHOLE and _ends_in_zeros(fd, size) and not decodes():
            return _unfinished("it is incomplete: it ends in zeros, and its end cannot be decoded")
        return found
    if family in _PICTURES:
        ends = _PICTURES[family](fd, size)
        return (
            WHOLE if ends else _unfinished(f"it is incomplete: the picture goes on behind its {size} bytes")
        )
    if head[:4] == b"RIFF":
        return _reaching(int.from_bytes(head[4:8], "little"), 8, size, unknown=_UNKNOWN_LENGTHS)
    if family == "mkv":
        return _segment(head, size)
    return WHOLE


def _ends_in_zeros(fd: int, size: int) -> bool:
    tail = os.pread(fd, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return len(tail) == _TAIL_BYTES and not tail.strip(b"\0")


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


def _segment(head: bytes, size: int) -> Finding:
    """The size that a Matroska file's segment announces (RFC 8794, 4 to 6; RFC 9559, 5.1)."""
    at = head.find(_SEGMENT)
    if at < 0 or at + 12 > len(head) or not head[at + 4]:
        return WHOLE
    at += 4
    width = 9 - head[at].bit_length()
    bits = 7 * width
    length = int.from_bytes(head[at : at + width], "big") & (1 << bits) - 1
    return _reaching(length, at + width, size, unknown=frozenset({(1 << bits) - 1}))


def _reaching(length: int, begin: int, size: int, *, unknown: frozenset[int]) -> Finding:
    if length in unknown or begin + length <= size:
        return WHOLE
    return _unfinished(f"it is incomplete: {begin + length} bytes are announced, {size} are there")


def _unfinished(why: str) -> Finding:
    return Finding(Content.UNFINISHED, why)


def _foreign(why: str) -> Finding:
    return Finding(Content.FOREIGN, why)
