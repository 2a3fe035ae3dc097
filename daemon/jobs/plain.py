"""Statements in SQL's own words, for what is done for every file of a scan or a burst.

SQLAlchemy's part of such a statement took several times as long as SQLite's. Everything else goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence, Sized
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Table

_ROWS = 64
"""Rows of one statement. The driver lets the other threads go on, and waits for them, once for each that it runs."""


def fetched(connection: Connection, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of a query, as the driver has them."""
    cursor = connection.exec_driver_sql(query, tuple(values)).cursor
    assert cursor is not None
    return list(cursor.fetchall())


def run(connection: Connection, change: str, values: Sequence[Any]) -> None:
    """A change that gives no rows."""
    connection.exec_driver_sql(change, tuple(values))


def among(connection: Connection, column: Column[Any], values: Collection[Any]) -> list[Any]:
    """Those of the values (a few hundred at most) that stand in a column. Of what was just dropped, it is none."""
    keep = _kept(column, connection.dialect)
    kept = {keep(one) if keep else one: one for one in values}
    query = f"SELECT DISTINCT {column.name} FROM {column.table.name} WHERE {column.name} IN ({marks(kept)})"
    return [kept[one] for (one,) in fetched(connection, query, list(kept))] if kept else []


def add(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Adds rows of these columns."""
    _insert(connection, table, columns, rows, "")


def put(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """The same; a row takes the place of the one with its key, which is the first column."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
    _insert(connection, table, columns, rows, f" ON CONFLICT ({columns[0]}) DO UPDATE SET {changes}")


def marks(values: Sized) -> str:
    """A place for each of the values."""
    return ",".join("?" * len(values))


def _insert(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]], then: str
) -> None:
    keeps = [
        (place, keep)
        for place, name in enumerate(columns)
        if (keep := _kept(table.c[name], connection.dialect))
    ]
    kept: list[Any] = []
    wide, count = len(columns), 0
    for row in rows:
        kept += row
        for place, keep in keeps:
            kept[place - wide] = keep(kept[place - wide])
        count += 1
    names = ", ".join(f'"{name}"' for name in columns)
    for begin in range(0, count, _ROWS):
        some = kept[begin * wide : (begin + _ROWS) * wide]
        places = ",".join([f"({marks(columns)})"] * (len(some) // wide))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES {places}{then}", tuple(some))


@cache
def _kept(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """How a value of the column is kept, as its type says; None: as it is."""
    return column.type.dialect_impl(dialect).bind_processor(dialect)
