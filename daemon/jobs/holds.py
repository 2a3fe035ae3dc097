"""Rules that are held: what is dropped for them waits until a person lets it go on."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from daemon.jobs import plain
from daemon.jobs.schema import holds


def hold(connection: Connection, rules: Iterable[str], now: float) -> None:
    for rule in rules:
        if not is_held(connection, rule):
            connection.execute(holds.insert().values(rule=rule, at=now))


def resume(connection: Connection, rules: Iterable[str]) -> None:
    for rule in rules:
        connection.execute(delete(holds).where(holds.c.rule == rule))


def is_held(connection: Connection, rule: str) -> bool:
    return connection.execute(select(holds.c.rule).where(holds.c.rule == rule)).first() is not None


def held(connection: Connection) -> list[str]:
    """The rules that are held, the longest held first."""
    return [str(rule) for (rule,) in plain.fetched(connection, "SELECT rule FROM holds ORDER BY at")]
