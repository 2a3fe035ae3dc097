"""Does a picture go on to its end? The outermost structure of png, jpg and gif, walked without decoding it."""

from __future__ import annotations

import os
import re
from typing import Final

_BLOCK: Final = 1 << 16
"""Bytes read at once."""

_MAX_PARTS: Final = 2_000_000
"""Parts walked at most: a gif of 500 MB has as many blocks of 255 bytes, a hostile file could have more."""

_TYPE: Final = re.compile(rb"[A-Za-z]{4}")
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends a jpg's picture data: neither a stuffed FF, a restart marker nor a fill byte."""


class _Reader:
    """The bytes of an open file from a place on; what lies behind its end is b""."""

    def __init__(self, fd: int, at: int) -> None:
        self._fd = fd
        self._begin = at
        self._block = b""
        self.at = at

    def take(self, count: int) -> bytes:
        """The next bytes, fewer at the end. Raises OSError."""
        found = self.peek(count)
        self.at += count
        return found

    def peek(self, count: int) -> bytes:
        start = self.at - self._begin
        if not 0 <= start <= len(self._block) - count:
            self._begin, start = self.at, 0
            self._block = os.pread(self._fd, max(count, _BLOCK), self.at)
        return self._block[start : start + count]

    def search(self, pattern: re.Pattern[bytes]) -> bytes:
        """The next two bytes that fit, passed over; b"" if none do."""
        while len(block := self.peek(_BLOCK)) > 1:
            found = pattern.search(block)
            if found is not None:
                self.at += found.end()
                return found[0]
            self.at += len(block) - 1
        return b""


def png_ends(fd: int, size: int) -> bool:
    """Whether a PNG's chunks (length, type, data, checksum; ISO/IEC 15948, 5.3) lead to its IEND."""
    reader = _Reader(fd, 8)
    for _ in range(_MAX_PARTS):
        header = reader.take(8)
        reader.at += 4 + int.from_bytes(header[:4], "big")
        if reader.at > size or not _TYPE.fullmatch(header[4:]):
            return False
        if header[4:] == b"IEND":
            return True
    return False


def jpg_ends(fd: int, size: int) -> bool:
    """Whether a JPEG's segments (ITU-T T.81, B.1.1) lead to its EOI. What stands behind that is not looked at."""
    reader = _Reader(fd, 2)
    for _ in range(_MAX_PARTS):
        marker = reader.search(_MARKER)
        if marker == b"\xff\xd9":
            return True
        # Pictures inside the picture, as cameras put them into an APP segment, have ends of their own.
        reader.at += 0 if marker == b"\xff\x01" else int.from_bytes(reader.peek(2), "big")
        if not marker or reader.at > size:
            return False
    return False


def gif_ends(fd: int, size: int) -> bool:
    """Whether a GIF's blocks (GIF89a, 12 to 27) lead to its trailer."""
    reader = _Reader(fd, 10)
    reader.take(3 + _colours(reader.peek(1)))
    for _ in range(_MAX_PARTS):
        introducer = reader.take(1)
        if introducer == b";":
            return True
        if introducer == b"!":
            reader.take(1)
        elif introducer == b",":
            reader.take(8)
            reader.take(1 + _colours(reader.peek(1)) + 1)
        elif introducer != b"\0":  # some writers leave an empty block between two
            return False
        if introducer != b"\0" and not _passes_blocks(reader, size):
            return False
    return False


def _colours(flags: bytes) -> int:
    """Bytes of the colour table that these flags announce."""
    packed = flags[0] if flags else 0
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _passes_blocks(reader: _Reader, size: int) -> bool:
    for _ in range(_MAX_PARTS):
        length = reader.take(1)
        if length == b"\0":
            return True
        if not length or reader.at > size:
            return False
        reader.at += length[0]
    return False
