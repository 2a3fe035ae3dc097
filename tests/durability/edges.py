"""The three edges at which a daemon leaves its own memory, wrapped from outside: commits, requests, renames.

    commit    sqlite3.Connection.commit
    request   httpcore's two pools: httpx's calls and streams go through one, transfers through the other
    rename    os.rename, os.replace, os.link, and the C functions of such names (renameat2)

Whoever is told of a call hears it before and after, under a name that another run of the same jobs gives it
again. What reaches the world in another way (a socket that no pool opened, a statement COMMIT) is told as `past`.
"""

from __future__ import annotations

import ctypes
import os
import re
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final, Literal

import httpcore

When = Literal["before", "after"]
Kind = Literal["commit", "request", "rename", "past"]


@dataclass(frozen=True, slots=True)
class Boundary:
    """A call at one of the edges: what it does, and the how many-th of that kind it is (from 1).

    `told`: the same at length, for people.
    """

    kind: Kind
    what: str
    nth: int
    told: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.told or self.what} ({self.nth})"


Passing = Callable[[When, Boundary], None]

_CHANGE: Final = re.compile(
    r"(INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM|(?:CREATE|DROP|ALTER)(?: UNIQUE)? (?:TABLE|INDEX))"
    r'(?: IF (?:NOT )?EXISTS)? "?(\w+)',
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"'([a-z]{3,12})'")
"""States, steps and outcomes among the values of a statement, so that a person knows the change by its name."""
_ID: Final = re.compile(r"(?=[\w.=-]*\d)(?:render_)?[0-9A-Za-z_.=-]{12,}")
_RENAMING: Final = re.compile(r"rename|link")
_inside: ContextVar[bool] = ContextVar("inside", default=False)


class Edges:
    """Tells `passing` of every call, in the thread that makes it. One for a process; it stays."""

    def __init__(self, passing: Passing) -> None:
        self._passing = passing
        self._count: Counter[tuple[Kind, str]] = Counter()
        self._last_change = "nothing"
        self._lock = threading.Lock()

    @contextmanager
    def call(self, kind: Kind, whats: Iterable[tuple[str, str]]) -> Iterator[None]:
        """Around a call that does all of `whats` at once; each is a name, and what to tell people."""
        with self._lock:
            boundaries = [self._named(kind, what, told) for what, told in whats]
        for boundary in boundaries:
            self._passing("before", boundary)
        try:
            with _as_inside():
                yield
        finally:
            for boundary in boundaries:
                self._passing("after", boundary)

    @contextmanager
    def request(self, method: str, target: str) -> Iterator[None]:
        path = "/".join("*" if _ID.fullmatch(part) else part for part in target.partition("?")[0].split("/"))
        if method == "GET":
            # How often a state is read before it is what was waited for is nobody's to say: reads between two
            # changes are one boundary.
            what = f"GET {path} after {self._last_change}"
            if self._count["request", what]:
                with _as_inside():
                    yield
                return
        else:
            what = f"{method} {path}"
            self._last_change = f"{what} #{self._count['request', what] + 1}"
        with self.call("request", [(what, what)]):
            yield

    def rename(self, how: str, target: object) -> AbstractContextManager[None]:
        path = PurePath(os.fsdecode(target) if isinstance(target, str | bytes | os.PathLike) else "?")
        name = re.sub(r"^(\.reeldrop-)[0-9a-f]+", r"\1*", path.name)
        what = f"{how} {path.parent.name}/{name}"
        return self.call("rename", [(what, what)])

    def past(self, what: str) -> None:
        if not _inside.get():
            with self._lock:
                boundary = self._named("past", what, what)
            self._passing("before", boundary)

    def _named(self, kind: Kind, what: str, told: str) -> Boundary:
        self._count[kind, what] += 1
        return Boundary(kind, what, self._count[kind, what], told)


@contextmanager
def _as_inside() -> Iterator[None]:
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


_edges: Edges | None = None


def tell(passing: Passing) -> None:
    """From now on this process tells of its calls. Before that they only go through."""
    global _edges  # noqa: PLW0603
    _edges = Edges(passing)


def wrap() -> None:
    """Wraps the edges of this process; before the product is imported, which takes hold of some of them then."""
    _wrap_commits()
    _wrap_requests()
    _wrap_renames()
    sys.addaudithook(_past)


class _Database(sqlite3.Connection):
    """Names a commit by its changes: each of them is a savepoint of its own, however many share one commit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._statements: list[str] = []
        self._changes: list[tuple[str, str]] = []
        self._rows = 0
        self.set_trace_callback(self._hear)

    def commit(self) -> None:
        self._end_change()
        changes, self._changes = self._changes, []
        with _as_inside() if _edges is None or not changes else _edges.call("commit", changes):
            super().commit()

    def _hear(self, statement: str) -> None:
        verb = statement.lstrip()[:9].upper()
        if verb.startswith(("SAVEPOINT", "RELEASE")):
            self._end_change()
        elif verb.startswith("ROLLBACK"):
            self._statements.clear()
            if " TO " not in statement.upper():
                self._changes.clear()
        elif verb.startswith(("COMMIT", "END")):
            if _edges is not None:
                _edges.past("the statement COMMIT")
        elif found := _CHANGE.match(statement.lstrip()):
            words = " ".join(dict.fromkeys(_WORD.findall(statement)))
            self._statements.append(f"{found[1].split()[0].lower()} {found[2]} {words}".rstrip())

    def _end_change(self) -> None:
        """A change that has changed nothing is none."""
        rows = self.total_changes
        schema = any(one.startswith(("create", "drop", "alter")) for one in self._statements)
        if self._statements and (schema or rows > self._rows):
            # Named by its last statement: whether those before it had something to do may be a race's outcome.
            self._changes.append((self._statements[-1], ", ".join(dict.fromkeys(self._statements))))
        self._rows = rows
        self._statements.clear()


def _wrap_commits() -> None:
    connect = sqlite3.connect

    def connected(*args: Any, **kwargs: Any) -> Any:
        return connect(*args, **{"factory": _Database, **kwargs})

    sqlite3.connect = sqlite3.dbapi2.connect = connected


def _wrap_requests() -> None:
    ask, ask_async = (
        httpcore.ConnectionPool.handle_request,
        httpcore.AsyncConnectionPool.handle_async_request,
    )

    def asked(pool: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
        if _edges is None:
            return ask(pool, request)
        with _edges.request(request.method.decode(), request.url.target.decode()):
            return ask(pool, request)

    async def asked_async(pool: httpcore.AsyncConnectionPool, request: httpcore.Request) -> httpcore.Response:
        if _edges is None:
            return await ask_async(pool, request)
        with _edges.request(request.method.decode(), request.url.target.decode()):
            return await ask_async(pool, request)

    httpcore.ConnectionPool.handle_request = asked  # type: ignore[assignment,method-assign]
    httpcore.AsyncConnectionPool.handle_async_request = asked_async  # type: ignore[assignment,method-assign]


def _wrap_renames() -> None:
    for name in ("rename", "replace", "link"):
        setattr(os, name, _renaming(name, getattr(os, name)))

    class Library(ctypes.CDLL):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            plain: Any = self._FuncPtr

            class Function(plain):  # type: ignore[misc]
                _flags_ = plain._flags_
                _restype_ = plain._restype_

                def __call__(self, *args: Any) -> Any:
                    if _edges is None or not _RENAMING.search(self.__name__):
                        return super().__call__(*args)
                    target = [one for one in args if isinstance(one, bytes)][-1]
                    with _edges.rename(self.__name__, target):
                        return super().__call__(*args)

            self._FuncPtr = Function

    ctypes.CDLL = Library  # type: ignore[misc]


def _renaming(name: str, call: Callable[..., None]) -> Callable[..., None]:
    def called(source: Any, target: Any, **kwargs: Any) -> None:
        if _edges is None:
            return call(source, target, **kwargs)
        with _edges.rename(name, target):
            return call(source, target, **kwargs)

    return called


def _past(happened: str, args: tuple[Any, ...]) -> None:
    if _edges is None:
        return
    to_network = happened == "socket.connect" and isinstance(args[1], tuple)
    if to_network or happened in ("os.rename", "os.link"):
        _edges.past(happened)
