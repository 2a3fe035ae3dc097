"""A multipart body, part by part, straight to disk.

Starlette's own form parser spools every file to the temporary folder first, and a 500 MB clip would be
written twice; so the parser's callbacks are read here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from daemon.errors import FileRefused, Refused
from daemon.media.types import ACCEPTED, HEAD_BYTES, MAX_BYTES, kind_of, sniff
from daemon.nemo.wire import FILE_TOO_LARGE, UNSUPPORTED_FILE

_FIELD: Final = b"files"
_BLOCK: Final = 1 << 20
_NAME_LENGTH: Final = 200
_MOST_FILES: Final = 200
"""In one upload: each is looked at with an ffmpeg of its own, two at a time."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Received:
    """A file that came whole: its name, where it lies, SHA-256 in hex, bytes."""

    name: str
    path: Path
    hash: str
    size: int


async def receive(body: AsyncIterator[bytes], content_type: str, folder: Path) -> list[Received]:
    """Stores every file of a multipart body in `folder`, synced, hashed on the way.

    Raises Refused, and FileRefused for a type or size that is not taken. The rest of the body is read all
    the same: a client that is still sending would lose our answer with the connection. The caller removes
    the folder.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise _bad_body("the body is no multipart form")
    parts = _Parts(options[b"boundary"])
    files: list[Arriving] = []
    refused: FileRefused | None = None
    try:
        async for chunk in body:
            for event in parts.feed(chunk):
                if refused is None:
                    try:
                        await _store(event, files, folder)
                    except FileRefused as error:
                        refused = error
    finally:
        for file in files:
            file.close()
    if refused is not None:
        raise refused
    if not parts.ended:
        raise _bad_body("the form ends too early")
    if not files:
        raise _bad_body('the form has no file in a field "files"')
    return [file.received() for file in files]


async def _store(event: _Event, files: list[Arriving], folder: Path) -> None:
    if isinstance(event, str):
        if len(files) == _MOST_FILES:
            raise FileRefused(
                "upload",
                f"there are more than {_MOST_FILES} files in it",
                "Upload them in parts.",
                api_code=FILE_TOO_LARGE,
            )
        files.append(Arriving(event, folder / f"{len(files)}"))
    elif event:
        await files[-1].add(event)
    else:
        await files[-1].finish()


_Event = str | bytes
"""A file begins (its name), goes on (some bytes), or ends (no bytes)."""


class _Parts:
    """From chunks of the body to the events of its files; other fields are passed over."""

    def __init__(self, boundary: bytes) -> None:
        self.ended = False
        self._events: list[_Event] = []
        self._ours = False
        self._header = b""
        self._value = b""
        self._disposition = b""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_end,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _bad_body(str(error)) from None

    def feed(self, chunk: bytes) -> list[_Event]:
        self._events = []
        try:
            if chunk:
                self._parser.write(chunk)
        except FormParserError as error:
            raise _bad_body(f"the form is broken: {error}") from None
        return self._events

    def _part_begin(self) -> None:
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        self._ours = options.get(b"name") == _FIELD and b"filename" in options
        if self._ours:
            self._events.append(clean_name(options[b"filename"]))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._ours and end > start:
            self._events.append(data[start:end])

    def _part_end(self) -> None:
        if self._ours:
            self._events.append(b"")
        self._ours = False

    def _end(self) -> None:
        self.ended = True


def clean_name(raw: bytes) -> str:
    """A file name for people and for a URL: no folders, no control characters, at most 200 characters."""
    name = PurePosixPath(raw.decode("utf-8", "replace").replace("\\", "/")).name
    name = _CONTROL.sub("", name).strip()
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    return stem[: _NAME_LENGTH - len(suffix)] + suffix if len(suffix) < 10 else name[:_NAME_LENGTH]


class Arriving:
    """One file on its way to disk, in blocks of 1 MiB written and hashed off the loop. Raises FileRefused."""

    def __init__(self, name: str, path: Path) -> None:
        if kind_of(name) in (None, "text", "link"):
            raise _unsupported(name, f"It takes {ACCEPTED.partition(' (')[0]}.")
        self._name = name
        self._path = path
        self._hash = hashlib.sha256()
        self._size = 0
        self._block = bytearray()
        self._file: BinaryIO = path.open("xb", buffering=0)

    async def add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_BYTES:
            raise FileRefused(
                "upload",
                f"{self._name} is larger than 500 MB",
                "Compress or trim it.",
                api_code=FILE_TOO_LARGE,
            )
        if self._size - len(data) < HEAD_BYTES <= self._size:
            self._check(bytes(self._block + data[:HEAD_BYTES]))
        self._block += data
        if len(self._block) >= _BLOCK:
            await self._write()

    async def finish(self) -> None:
        if self._size < HEAD_BYTES:
            self._check(bytes(self._block))
        await self._write()
        await asyncio.to_thread(os.fsync, self._file.fileno())
        self.close()

    def close(self) -> None:
        self._file.close()

    def received(self) -> Received:
        return Received(self._name, self._path, self._hash.hexdigest(), self._size)

    async def _write(self) -> None:
        block, self._block = self._block, bytearray()
        await asyncio.to_thread(self._put, block)

    def _put(self, block: bytearray) -> None:
        self._hash.update(block)
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _check(self, head: bytes) -> None:
        if sniff(head) is None:
            raise _unsupported(self._name, "Its first bytes are no video, picture or sound.")


def _bad_body(cause: str) -> Refused:
    return Refused("upload", cause, status=400)


def _unsupported(name: str, hint: str) -> FileRefused:
    return FileRefused(
        "upload", f"{name or 'a file without a name'} is not taken", hint, api_code=UNSUPPORTED_FILE
    )
