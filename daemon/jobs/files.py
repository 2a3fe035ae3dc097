"""Which files are known, and whether a settled one is a drop.

A drop is a path where no file stood at the last look, unless the same content has left another path
since. Touching a file, writing equal bytes over it, renaming or moving it are none.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Connection,
    LargeBinary,
    bindparam,
    delete,
    insert,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from daemon.jobs.model import Companion, KnownFile, Source
from daemon.jobs.schema import files

_OF_FILE = ("path", "device", "inode", "size", "mtime_ns", "content")
_BATCH: Final = 1000
"""Files told of at once. All 100,000 as values took 3 s and 65 MB, and nobody else could read meanwhile."""


def known(connection: Connection, path: Path) -> KnownFile | None:
    row = connection.execute(select(files).where(files.c.path == path)).one_or_none()
    return None if row is None else KnownFile(**row._mapping)


def at(connection: Connection, paths: Collection[Path]) -> list[KnownFile]:
    """Known files at these paths (a few hundred at most)."""
    rows = connection.execute(select(files).where(files.c.path.in_(paths)))
    return [KnownFile(**row._mapping) for row in rows]


def standing(connection: Connection, found: Collection[tuple[str, tuple[int, int, int, int]]]) -> set[str]:
    """Those paths at which a file is known with this device, inode, size and mtime in ns (a few hundred at most).

    Rows and not values: it is asked for every file of every scan.
    """
    at = type_coerce(files.c.path, LargeBinary)
    query = select(at, files.c.device, files.c.inode, files.c.size, files.c.mtime_ns)
    wanted = {os.fsencode(path): (path, stat) for path, stat in found}
    rows = connection.execute(query.where(at.in_(wanted), files.c.gone_at.is_(None)))
    return {wanted[path][0] for path, *stat in rows if wanted[path][1] == tuple(stat)}


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
    rows = {one.path: {name: getattr(one, name) for name in _OF_FILE} for one in sources}
    if rows:
        # Two statements for all: a look and a statement for each of 50,000 files took minutes.
        connection.execute(
            delete(files).where(files.c.path == bindparam("at")), [{"at": path} for path in rows]
        )
        connection.execute(insert(files), list(rows.values()))


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
    if known(connection, source) is None:
        return
    connection.execute(delete(files).where(files.c.path == target))
    connection.execute(update(files).where(files.c.path == source).values(path=target, gone_at=None))


def with_contents(connection: Connection, contents: Collection[str]) -> list[KnownFile]:
    """Known files with these contents (a few hundred at most), also those that are gone."""
    rows = connection.execute(select(files).where(files.c.content.in_(contents)))
    return [KnownFile(**row._mapping) for row in rows]
