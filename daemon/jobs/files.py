"""Which files are known, and whether a settled one is a drop.

A drop is a path where no file stood at the last look, unless the same content has left another path
since. Touching a file, writing equal bytes over it, renaming or moving it are none.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    bindparam,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from daemon.jobs import plain
from daemon.jobs.model import Companion, KnownFile, Source
from daemon.jobs.schema import files

_OF_FILE = ("path", "device", "inode", "size", "mtime_ns", "content", "gone_at")
_of_file = attrgetter(*_OF_FILE[:-1])
_BATCH: Final = 1000
"""Files told of at once. All 100,000 as values took 3 s and 65 MB, and nobody else could read meanwhile."""


def known(connection: Connection, path: Path) -> KnownFile | None:
    row = connection.execute(select(files).where(files.c.path == path)).one_or_none()
    return None if row is None else KnownFile(**row._mapping)


def at(connection: Connection, paths: Collection[Path]) -> list[KnownFile]:
    """Known files at these paths (a few hundred at most)."""
    return _known(connection, files.c.path, paths)


Version = tuple[str, tuple[int, int, int, int]]
"""A path; device, inode, size in bytes and mtime in ns of the file there."""


def standing(connection: Connection, found: Collection[Version]) -> set[Version]:
    """Those of these versions that are known to stand there (a few hundred at most).

    By the driver's own cursor: it is asked for every file of every scan, and a file took 3.6 µs instead of 10.
    """
    wanted = {(os.fsencode(one[0]), *one[1]): one for one in found}
    query = "SELECT path, device, inode, size, mtime_ns FROM files WHERE gone_at IS NULL AND path IN"
    rows = plain.fetched(connection, f"{query} ({plain.marks(wanted)})", [path for path, *_ in wanted])
    return {wanted[row] for row in rows if row in wanted}


def count_below(connection: Connection, folder: Path) -> int:
    """How many known files below a folder were there at the last look."""
    above = os.fsencode(folder).rstrip(b"/")
    query = "SELECT count(*) FROM files WHERE gone_at IS NULL AND path > ? AND path < ?"
    [(number,)] = plain.fetched(connection, query, (above + b"/", above + b"0"))
    return int(number)


def among(connection: Connection, paths: Collection[Path], inodes: Collection[int]) -> list[KnownFile]:
    """Known files at these paths, or with these inodes; a few hundred of each at most."""
    rows = connection.execute(select(files).where(or_(files.c.path.in_(paths), files.c.inode.in_(inodes))))
    return [KnownFile(**row._mapping) for row in rows]


def standing_below(connection: Connection, folder: Path, after: bytes) -> list[tuple[bytes, int]]:
    """Path and device of the next known files below a folder that were there at the last look; none: that was all.

    In the order of their paths; `after`: the path to go on from, empty at first.
    """
    start, path = os.fsencode(folder).rstrip(b"/"), type_coerce(files.c.path, LargeBinary)
    # "0" follows "/": between the two lies all that is below the folder, found by the index of the paths.
    first, last = literal(after or start + b"/", LargeBinary), literal(start + b"0", LargeBinary)
    query = select(path, files.c.device).where(path > first, path < last, files.c.gone_at.is_(None))
    return [(name, device) for name, device in connection.execute(query.order_by(path).limit(_BATCH))]


def remember(connection: Connection, sources: Iterable[Source | Companion]) -> None:
    """These files stand at their paths now."""
    rows = {one.path: _of_file(one) for one in sources}
    plain.put(connection, files, _OF_FILE, [(*row, None) for row in rows.values()])


def mark_gone(connection: Connection, paths: Iterable[Path], now: float) -> None:
    rows = [{"at": path, "gone": now} for path in paths]
    if rows:
        change = update(files).where(files.c.path == bindparam("at")).values(gone_at=bindparam("gone"))
        connection.execute(change, rows)


def mark_gone_below(connection: Connection, folder: Path, now: float) -> None:
    """All known files that stood in a folder, and in those below it, went with it."""
    top = os.fsencode(folder)
    # "0" is the byte after "/": what lies between begins with the folder and "/".
    below = type_coerce(files.c.path, LargeBinary).between(top + b"/", top + b"0")
    connection.execute(update(files).where(below, files.c.gone_at.is_(None)).values(gone_at=now))


def moved(connection: Connection, source: Path, target: Path) -> None:
    """A known file has a new path."""
    old, new = os.fsencode(source), os.fsencode(target)
    was_known = "EXISTS (SELECT 1 FROM files WHERE path = ?)"
    plain.run(connection, f"DELETE FROM files WHERE path = ? AND {was_known}", (new, old))
    plain.run(connection, "UPDATE files SET path = ?, gone_at = NULL WHERE path = ?", (new, old))


def with_contents(connection: Connection, contents: Collection[str]) -> list[KnownFile]:
    """Known files with these contents (a few hundred at most), also those that are gone."""
    return _known(connection, files.c.content, contents)


def _known(connection: Connection, column: Column[Any], values: Collection[Any]) -> list[KnownFile]:
    values = plain.among(connection, column, values)
    rows = connection.execute(select(files).where(column.in_(values))) if values else ()
    return [KnownFile(**row._mapping) for row in rows]
