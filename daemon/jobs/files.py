"""Which files are known, and whether a settled one is a drop.

A drop is a path where no file stood at the last look, unless the same content has left another path
since. Touching a file, writing equal bytes over it, renaming or moving it are none.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable
from dataclasses import asdict
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

from daemon.jobs.model import KnownFile, Source
from daemon.jobs.schema import files

_BATCH: Final = 1000
"""Files told of at once. All 100,000 as values took 3 s and 65 MB, and nobody else could read meanwhile."""


def known(connection: Connection, path: Path) -> KnownFile | None:
    row = connection.execute(select(files).where(files.c.path == path)).one_or_none()
    return None if row is None else KnownFile(**row._mapping)


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


def remember(connection: Connection, source: Source) -> None:
    values = asdict(source) | {"gone_at": None}
    if connection.execute(update(files).where(files.c.path == source.path).values(values)).rowcount == 0:
        connection.execute(insert(files).values(values))


def mark_gone(connection: Connection, paths: Iterable[Path], now: float) -> None:
    rows = [{"at": path, "gone": now} for path in paths]
    if rows:
        change = update(files).where(files.c.path == bindparam("at")).values(gone_at=bindparam("gone"))
        connection.execute(change, rows)


def moved(connection: Connection, source: Path, target: Path) -> None:
    """A known file has a new path."""
    if known(connection, source) is None:
        return
    connection.execute(delete(files).where(files.c.path == target))
    connection.execute(update(files).where(files.c.path == source).values(path=target, gone_at=None))


def same_content(connection: Connection, content: str, since: float = math.inf) -> list[KnownFile]:
    """Known files with this content that stood somewhere at the last look, or went after `since`."""
    stood = or_(files.c.gone_at.is_(None), files.c.gone_at >= since)
    rows = connection.execute(select(files).where(files.c.content == content, stood))
    return [KnownFile(**row._mapping) for row in rows]
