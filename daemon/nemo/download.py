"""One file on its way from a server to the disk: which addresses, how much, how slowly, and where to go on.

A broken download leaves what came; the next try asks for the rest alone. Whether that rest belongs to it is
the server's word, given beforehand: a strong validator (RFC 9110, 8.8.1) under which it was begun.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urljoin

import xxhash

from daemon.config.quantities import format_size
from daemon.errors import ApiError, DeliveryError, NotFound, Refused, Unanswered
from daemon.nemo.addresses import Allowed, check_form, check_found, origin
from daemon.nemo.line import Answer, Line, Reply

_SILENCE: Final = 60.0
"""Seconds without a byte after which a connection counts as broken."""
_SLOW_BYTES: Final = 1024
_SLOW_SECONDS: Final = 300.0
"""Below 1 KiB/s over five minutes a download counts as broken: a connection anew may be a better one."""
_HOPS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SMALL: Final = 64 << 10
"""Bytes: what is no media by its type and no larger than this is words, and said."""
_WORTH: Final = 64 << 10
"""Bytes that a broken try must have brought for another one to follow at once."""
_REPLY: Final = 1 << 20
_CHUNK: Final = 1 << 20

_MEDIA: Final = re.compile(r"(video|audio|image)/.+|(application|binary)/octet-stream|application/(mp4|ogg)|")
_WORDS: Final = re.compile(r"text/.+|application/(json|xml|.+\+(json|xml))")
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_LATER: Final = "It is tried again by itself."


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download brought: bytes, xxh3-128 of them, and the type the server named."""

    size: int
    hash: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Partial:
    """What a file was begun as: all that is needed, beside the file, to go on with it another day.

    `validator`: the server's strong ETag, or its Last-Modified; `total`: bytes of the whole.
    """

    validator: str
    total: int


@dataclass(frozen=True, slots=True)
class Pace:
    """The window that is being looked at: when it began (seconds of any steady clock) and how much had come."""

    since: float
    size: int


def paced(pace: Pace, now: float, size: int) -> Pace | None:
    """The window to go on with; None: it is over, and less than 1 KiB/s came in its five minutes. Pure."""
    if now - pace.since < _SLOW_SECONDS:
        return pace
    return Pace(now, size) if size - pace.size >= _SLOW_BYTES * (now - pace.since) else None


def partial_of(headers: Mapping[str, str], total: int | None) -> Partial | None:
    """What a whole answer could be taken up under; None: not at all. Pure.

    A weak ETag says nothing about bytes; a Last-Modified only where it lies before the answer's Date (RFC 9110,
    8.8.2.2: within one second a file can change twice).
    """
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    if not total:
        return None
    if re.fullmatch(r'"[^"\x00-\x20\x7f]+"', etag):
        return Partial(etag, total)
    try:
        age = parsedate_to_datetime(headers.get("date", "")) - parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return None
    return Partial(modified, total) if age.total_seconds() >= 1 else None


def fits(headers: Mapping[str, str], start: int, resume: Partial) -> bool:
    """Whether a part (HTTP 206) goes on from `start` in the very file that `resume` began. Pure."""
    found = _RANGE.fullmatch(headers.get("content-range", ""))
    if not found:
        return False
    first, last, total = map(int, found.groups())
    named = headers.get("etag" if resume.validator.startswith('"') else "last-modified", resume.validator)
    same = (first, total, named) == (start, resume.total, resume.validator)
    return same and first <= last < total


def next_hop(url: str, location: str) -> str:
    """Where a redirect leads. Raises ValueError, whose text says why it is not followed. Pure."""
    to = urljoin(url, location)
    scheme = origin(to)[0]
    if scheme not in ("http", "https"):
        raise ValueError(f"it leads to {scheme or 'nowhere'}:, and only http and https are followed")
    if url.startswith("https:") and scheme == "http":
        # What was to come encrypted and signed for would come from whoever is on the way.
        raise ValueError("it leads from https to http")
    return to


def first_words(body: bytes) -> str:
    """What a page says, for a message: without its tags, on one line, at most 100 characters. Pure."""
    text = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", body.decode("utf-8", "replace"))
    words = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return words[:100] or "nothing"


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer whose body is the file from `start` on. `total`: bytes of the whole, None: nobody said."""

    answer: Answer
    start: int
    total: int | None
    partial: Partial | None


class Download:
    """One file; `open` and `save` are called in turn, in a thread, until one of them brings the end of it."""

    def __init__(
        self,
        line: Line,
        url: str,
        headers: Mapping[str, str],
        target: Path,
        allowed: Allowed,
        limit: int,
        progress: Callable[[float], None],
    ) -> None:
        self._line = line
        self._operation = line.operation
        self._url = url
        self._headers = headers
        self._target = target
        self._allowed = allowed
        self._limit = limit
        self._progress = progress
        self._before = 0
        self._host = ""
        self._own = False
        self._answer: Answer | None = None

    @property
    def worthwhile(self) -> bool:
        """Whether the last try brought so much that another one may follow at once."""
        return self._there() - self._before >= _WORTH

    def open(self, resume: Partial | None) -> Begun | Reply:
        """Asks for the file, or for what `resume` and the bytes on disk leave of it; a Reply: the API refused.

        Raises Unreachable, Unanswered and Refused.
        """
        self._before = self._there()
        start = 0
        if resume and self._before <= resume.total:
            # Of a file that is whole already, the last byte shows whether it is still that file.
            start = min(self._before, resume.total - 1)
        answer = self._ask(start, resume)
        if start and resume and answer.status in (206, 416):
            if answer.status == 206 and fits(answer.headers, start, resume):
                self._check_encoding(answer)
                self._check_size(resume.total)
                return Begun(answer, start, resume.total, resume)
            answer = self._ask(0, None)
        return self._whole(answer)

    def save(self, begun: Begun) -> Downloaded:
        """Writes what comes behind what is there, synced to the disk at the end.

        Raises Unanswered where it breaks off, DeliveryError for the disk, and Refused past the limit.
        """
        try:
            hasher = xxhash.xxh3_128()
            self._hash_again(begun.start, hasher)
            self._check_running()
            with self._target.open("ab" if begun.start else "wb", buffering=_CHUNK) as file:
                size = self._write(begun, file, hasher)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DeliveryError(
                self._operation, f"{self._target.parent} takes no file ({error.strerror})", _LATER
            ) from None
        finally:
            self.close()
        if not size:
            raise Unanswered(self._operation, "an empty file came")
        if size != (begun.total or size):
            raise Unanswered(self._operation, f"{size} of {begun.total} bytes came")
        return Downloaded(size, hasher.hexdigest(), begun.answer.headers.get("content-type", ""))

    def close(self) -> None:
        """Hangs up. What was stored stays."""
        if self._answer is not None:
            self._answer.close()

    def _write(self, begun: Begun, file: BinaryIO, hasher: xxhash.xxh3_128) -> int:
        size = told = begun.start
        pace = Pace(time.monotonic(), size)
        for piece in begun.answer.pieces():
            file.write(piece)
            hasher.update(piece)
            size += len(piece)
            following = paced(pace, time.monotonic(), size)
            if following is None:
                raise Unanswered(self._operation, "it came more slowly than 1 KiB/s for five minutes")
            pace = following
            if size > self._limit:
                self._target.unlink()
                self._check_size(size)
            if begun.total and (size - told >= _CHUNK or size == begun.total):
                told = size
                self._progress(min(1.0, size / begun.total))
        self._check_running()
        return size

    def _hash_again(self, size: int, hasher: xxhash.xxh3_128) -> None:
        """Feeds the first `size` bytes on disk to `hasher` and cuts off what is behind them. Raises OSError."""
        if not size:
            return
        with self._target.open("r+b") as file:
            left = size
            while left and (chunk := file.read(min(_CHUNK, left))):
                self._check_running()
                hasher.update(chunk)
                left -= len(chunk)
            file.truncate(size)

    def _check_running(self) -> None:
        # A thread that outlives its cancelled download must not touch the file of the next one.
        if self._line.stopped:
            raise Unanswered(self._operation, "it was cancelled")

    def _ask(self, start: int, resume: Partial | None) -> Answer:
        """The answer at the end of all redirects. Our headers go to the API alone, and never again once it led away."""
        url, headers = self._url, self._headers
        ranged = {"Range": f"bytes={start}-", "If-Range": resume.validator} if start and resume else {}
        for _ in range(_HOPS + 1):
            self.close()
            judged = check_form(self._operation, url, self._allowed)
            self._own, self._host = origin(url) == origin(self._allowed.own), origin(url)[1]
            headers = headers if self._own else {}
            self._answer = answer = self._line.ask(
                "GET",
                url,
                {**headers, "Accept": "*/*", "Accept-Encoding": "identity", **ranged},
                silence=_SILENCE,
                judge=self._judge if judged else None,
            )
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            try:
                url = next_hop(url, location)
            except ValueError as error:
                raise Refused(self._operation, f"a redirect is not followed: {error}") from None
        raise Refused(self._operation, f"redirected more than {_HOPS} times")

    def _judge(self, host: str, found: tuple[str, ...]) -> None:
        check_found(self._operation, host, found)

    def _whole(self, answer: Answer) -> Begun | Reply:
        """A whole file's answer, or why it is none."""
        if not answer.is_success:
            reply = answer.reply(_REPLY)
            if self._own:
                return reply
            raise _refusal(self._operation, self._host, reply)
        if answer.status != 200:
            raise Unanswered(self._operation, f"HTTP {answer.status} came, and no whole file")
        self._check_encoding(answer)
        said = answer.headers.get("content-length")
        total = None if said is None else int(said)
        self._check_size(total or 0)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not _MEDIA.fullmatch(kind) and (_WORDS.fullmatch(kind) if total is None else total <= _SMALL):
            reply = answer.reply(_SMALL)
            if self._own and "json" in kind:
                return reply
            raise Unanswered(self._operation, f"{kind} came and no media: {first_words(reply.body)}")
        return Begun(answer, 0, total, partial_of(answer.headers, total))

    def _check_encoding(self, answer: Answer) -> None:
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise Unanswered(self._operation, "it came compressed though that was not asked for")

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise Refused(
                self._operation,
                f"the file is {format_size(size)} or more; `api.max_download` allows {format_size(self._limit)}",
                "Raise `api.max_download` if that is meant.",
            )

    def _there(self) -> int:
        try:
            return self._target.stat().st_size
        except OSError:
            return 0


def _refusal(operation: str, host: str, reply: Reply) -> ApiError:
    """What a foreign server's no is to us: its 401 speaks of no token of ours."""
    told = f"{host} answered HTTP {reply.status}: {first_words(reply.body)}"
    if reply.status in (404, 410):
        return NotFound(operation, told, status=reply.status)
    kind = Unanswered if reply.status >= 500 or reply.status in (408, 425, 429) else Refused
    return kind(operation, told, status=reply.status)
