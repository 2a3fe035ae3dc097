"""The tables, for SQLite now and PostgreSQL later. A change here is a migration in `migrations/versions`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

REVISION: Final = "0001"
"""The newest migration; a test holds it against the scripts."""


class PathBytes(TypeDecorator[Path]):
    """A path as the bytes the file system has: names that are no UTF-8 exist."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Path | None, dialect: Dialect) -> bytes | None:
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Path | None:
        return None if value is None else Path(os.fsdecode(value))


class Words(TypeDecorator[str]):
    """Text for people. A file name in it may be no UTF-8; what cannot be stored is shown as a question mark."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.encode("utf-8", "replace").decode()


metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("rule", Text, nullable=False),
    Column("variant", Text),
    Column("parent", String(16)),
    Column("path", PathBytes, nullable=False),
    Column("device", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("content", String(32), nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("key", String(32), nullable=False),
    Column("state", String(12), nullable=False),
    Column("step", String(12)),
    Column("attempt", Integer, nullable=False),
    Column("reason", Words),
    Column("not_before", Float),
    Column("priority", Integer, nullable=False),
    Column("outputs", JSON, nullable=False),
    Column("credits", Float),
    Column("account", Text),
    Column("session_id", Text),
    Column("task_id", Text),
    Column("render_id", Text),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
# Partial: with 100,000 finished jobs a pick must still look at the open ones alone.
Index(
    "jobs_open",
    jobs.c.priority.desc(),
    jobs.c.created_at,
    sqlite_where=text("state IN ('queued', 'running', 'waiting', 'held')"),
    postgresql_where=text("state IN ('queued', 'running', 'waiting', 'held')"),
)
Index("jobs_identity", jobs.c.content, jobs.c.key)

steps = Table(
    "steps",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", String(16), ForeignKey("jobs.id"), nullable=False),
    Column("step", String(12), nullable=False),
    Column("index", Integer, nullable=False),
    Column("intent", JSON, nullable=False),
    Column("intent_at", Float, nullable=False),
    Column("outcome", String(12)),
    Column("result", JSON, nullable=False),
    Column("result_at", Float),
)
Index("steps_job", steps.c.job)

timeline = Table(
    "timeline",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", String(16), ForeignKey("jobs.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("text", Words, nullable=False),
)
Index("timeline_job", timeline.c.job)

names = Table(
    "names",
    metadata,
    Column("folder", PathBytes, primary_key=True),
    Column("base", Text, primary_key=True),
    Column("job", String(16), ForeignKey("jobs.id"), nullable=False),
)
Index("names_job", names.c.job)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("content", String(32), nullable=False),
    Column("key", String(32), nullable=False),
    Column("job", String(16), nullable=False),
    Column("media", PathBytes, nullable=False),
    Column("media_hash", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
)
Index("deliveries_identity", deliveries.c.content, deliveries.c.key)
Index("deliveries_media", deliveries.c.media)

files = Table(
    "files",
    metadata,
    Column("path", PathBytes, primary_key=True),
    Column("device", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("content", String(32), nullable=False),
    Column("gone_at", Float),
)
Index("files_content", files.c.content)
