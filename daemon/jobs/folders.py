"""Which folders were looked at before: watch folders, and output folders whose sidecars are in the record."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, LargeBinary, insert, literal, or_, select

from daemon.jobs.model import Delivery
from daemon.jobs.schema import deliveries, folders

_OUTPUT: Final = "output"
"""What a folder's own sidecars tell is in the record."""
_OUTPUT_TREE: Final = "output-tree"
"""The same of all folders below it."""


def first_sight(connection: Connection, root: Path, takes: str) -> float | None:
    """When a watch folder was first looked at by a rule that takes these files; None: never.

    Asked of a folder below the watch folder: the same time if it stood there then, None if it came later.
    """
    query = select(folders.c.seen_at).where(folders.c.path == root, folders.c.kind == _watched(takes))
    found = connection.execute(query).scalar()
    return None if found is None else float(found)


def seen(connection: Connection, tree: Iterable[Path], takes: str, now: float) -> None:
    """A watch folder is looked at for the first time; `tree`: itself, and the folders that stand below it."""
    rows = [{"path": path, "kind": _watched(takes), "seen_at": now} for path in tree]
    if rows:
        connection.execute(insert(folders), rows)


def is_read(connection: Connection, folder: Path) -> bool:
    """Whether this output folder's sidecars were read, alone or with a folder above it."""
    mine = (folders.c.path == folder) & folders.c.kind.in_([_OUTPUT, _OUTPUT_TREE])
    above = folders.c.path.in_(list(folder.parents)) & (folders.c.kind == _OUTPUT_TREE)
    return connection.execute(select(folders.c.path).where(or_(mine, above)).limit(1)).first() is not None


def read(connection: Connection, folder: Path, found: Iterable[Delivery], now: float, *, below: bool) -> int:
    """Adds what an output folder's sidecars told, `below`: and those of all folders below it.

    Returns how many of the deliveries were not in the record.
    """
    known = _known_below(connection, folder)
    new = [one for one in found if (one.media, one.media_hash, one.key) not in known]
    if new:
        connection.execute(insert(deliveries), [asdict(one) for one in new])
    kind = _OUTPUT_TREE if below else _OUTPUT
    noted = select(folders.c.path).where(folders.c.path == folder, folders.c.kind == kind)
    if connection.execute(noted).first() is None:
        connection.execute(insert(folders).values(path=folder, kind=kind, seen_at=now))
    return len(new)


def known_below(connection: Connection, folder: Path) -> set[str]:
    """The media below an output folder that are in the record, without their endings."""
    return {str(media.with_suffix("")) for media, _, _ in _known_below(connection, folder)}


def _known_below(connection: Connection, folder: Path) -> set[tuple[Path, str, str]]:
    table, start = deliveries, os.fsencode(folder).rstrip(b"/")
    # "0" follows "/": between the two lies all that is below the folder, found by the index of the paths.
    first, last = literal(start + b"/", LargeBinary), literal(start + b"0", LargeBinary)
    query = select(table.c.media, table.c.media_hash, table.c.key)
    rows = connection.execute(query.where(table.c.media > first, table.c.media < last))
    return {(media, digest, key) for media, digest, key in rows}


def _watched(takes: str) -> str:
    return f"watch {takes}"
