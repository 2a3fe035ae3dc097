"""What is known of the accounts that pay: functions over a connection, run by the store."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert, select, update

from daemon.jobs.model import AccountRecord, Bar
from daemon.jobs.schema import accounts


def account(connection: Connection, account_id: str) -> AccountRecord:
    """The account's record; one of which nothing is known yet where there is none."""
    row = connection.execute(select(accounts).where(accounts.c.id == account_id)).one_or_none()
    if row is None:
        return AccountRecord(id=account_id)
    held = dict(row._mapping)
    return AccountRecord(**held | {"bars": {code: Bar(**bar) for code, bar in held["bars"].items()}})


def set_bar(connection: Connection, account_id: str, code: str, bar: Bar | None) -> None:
    """New paid steps of this account wait for `code` from now on; None: no more."""
    bars = {kept: asdict(it) for kept, it in account(connection, account_id).bars.items() if kept != code}
    _set(connection, account_id, bars=bars if bar is None else {**bars, code: asdict(bar)})


def exported(connection: Connection, account_id: str, now: float) -> None:
    """An export of this account has succeeded."""
    if account(connection, account_id).exported_at is None:
        _set(connection, account_id, exported_at=now)


def named(connection: Connection, account_id: str, user_id: str) -> None:
    """The service's own name for the account."""
    _set(connection, account_id, user_id=user_id)


def paced(connection: Connection, account_id: str, room: float, refusals: int, shut_until: float) -> None:
    """How fast the account may go; kept so that a restart does not ask before it may."""
    _set(connection, account_id, room=room, refusals=refusals, shut_until=shut_until)


def _set(connection: Connection, account_id: str, **values: Any) -> None:
    changed = connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(accounts).values(**{"id": account_id, "bars": {}, **values}))
