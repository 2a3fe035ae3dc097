"""Which files are known, and whether a settled one is a drop.

A drop is a path where no file stood at the last look, unless the same content has left another path
since. Touching a file, writing equal bytes over it, renaming or moving it are none.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from daemon.jobs.model import KnownFile, Source
from daemon.jobs.schema import files


def known(connection: Connection, path: Path) -> KnownFile | None:
    row = connection.execute(select(files).where(files.c.path == path)).one_or_none()
    return None if row is None else KnownFile(**row._mapping)


def all_standing(connection: Connection) -> list[KnownFile]:
    """All known files that were there at the last look."""
    rows = connection.execute(select(files).where(files.c.gone_at.is_(None)))
    return [KnownFile(**row._mapping) for row in rows]


def remember(connection: Connection, source: Source) -> None:
    connection.execute(delete(files).where(files.c.path == source.path))
    connection.execute(
        insert(files).values(
            path=source.path,
            device=source.device,
            inode=source.inode,
            size=source.size,
            mtime_ns=source.mtime_ns,
            content=source.content,
        )
    )


def mark_gone(connection: Connection, paths: Iterable[Path], now: float) -> None:
    for path in paths:
        connection.execute(update(files).where(files.c.path == path).values(gone_at=now))


def moved(connection: Connection, source: Path, target: Path) -> None:
    """A known file has a new path."""
    if known(connection, source) is None:
        return
    connection.execute(delete(files).where(files.c.path == target))
    connection.execute(update(files).where(files.c.path == source).values(path=target, gone_at=None))


def same_content(connection: Connection, content: str) -> list[KnownFile]:
    """Known files with this content that stood somewhere at the last look."""
    rows = connection.execute(select(files).where(files.c.content == content, files.c.gone_at.is_(None)))
    return [KnownFile(**row._mapping) for row in rows]
