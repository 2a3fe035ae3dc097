"""The tables, for SQLite now and PostgreSQL later. A change here is a migration in `migrations/versions`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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
    false,
    text,
)

REVISION: Final = "0005"
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

recipes = Table(
    "recipes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True),
    Column("recipe", JSON, nullable=False),
)

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
    Column("companions", JSON(none_as_null=True)),
    # Shared by a rule's jobs in one output folder: 480 bytes for each of 100,000 were most of the file.
    Column("recipe_id", Integer),
    Column("base", Text, nullable=False, server_default=""),
    Column("key", String(32), nullable=False),
    Column("made_by", String(12), nullable=False, server_default="embedded"),
    Column("state", String(12), nullable=False),
    Column("step", String(12)),
    Column("attempt", Integer, nullable=False),
    Column("reason", Words),
    Column("not_before", Float),
    Column("priority", Integer, nullable=False),
    Column("outputs", JSON, nullable=False),
    Column("credits", Float),
    Column("asked", Boolean, nullable=False, server_default=false()),
    Column("estimate", Float),
    Column("begun_at", Float),
    Column("account", Text),
    Column("session_id", Text),
    Column("task_id", Text),
    Column("render_id", Text),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
# Partial, so that a pick meets neither finished jobs nor those that wait for their time or a person. SQLite takes
# such an index only for a query that says the state as a literal: bound parameters made it scan all jobs. And ORs, not
# an IN: a query had to repeat that one, and SQLite went through all its states to find the jobs of one.
Index(
    "jobs_queue",
    jobs.c.made_by,
    jobs.c.priority.desc(),
    jobs.c.created_at,
    sqlite_where=text("state = 'queued'"),
    postgresql_where=text("state = 'queued'"),
)
Index(
    "jobs_begun",
    jobs.c.made_by,
    jobs.c.state,
    jobs.c.not_before,
    jobs.c.priority.desc(),
    jobs.c.created_at,
    sqlite_where=text("state = 'running' OR state = 'waiting' OR state = 'held'"),
    postgresql_where=text("state = 'running' OR state = 'waiting' OR state = 'held'"),
)
# Those that wait in a session: a few beside those that wait for a budget or a schedule before they begin.
Index(
    "jobs_in_session",
    jobs.c.made_by,
    jobs.c.state,
    jobs.c.created_at,
    sqlite_where=text("state = 'waiting' AND session_id IS NOT NULL"),
    postgresql_where=text("state = 'waiting' AND session_id IS NOT NULL"),
)
# Without the key: few jobs share a content, and 33 bytes more for each job would be the half of this index.
Index("jobs_identity", jobs.c.content)
Index(
    "jobs_accompanied",
    jobs.c.state,
    sqlite_where=text("companions IS NOT NULL"),
    postgresql_where=text("companions IS NOT NULL"),
)
Index(
    "jobs_unasked",
    jobs.c.begun_at,
    sqlite_where=text("begun_at IS NOT NULL"),
    postgresql_where=text("begun_at IS NOT NULL"),
)
Index(
    "jobs_priced",
    jobs.c.rule,
    jobs.c.made_by,
    jobs.c.updated_at,
    jobs.c.credits,
    sqlite_where=text("credits IS NOT NULL AND session_id IS NOT NULL"),
    postgresql_where=text("credits IS NOT NULL AND session_id IS NOT NULL"),
)

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
Index(
    "steps_paid",
    steps.c.intent_at,
    sqlite_where=text("step = 'edit'"),
    postgresql_where=text("step = 'edit'"),
)
# Messages that wait for their answer: a few of all that were ever sent, and asked for before each one that is sent.
# On the outcome, though it is always the same: else SQLite prefers the index above, and all that were ever sent.
Index(
    "steps_unanswered",
    steps.c.outcome,
    sqlite_where=text("step = 'edit' AND outcome IS NULL"),
    postgresql_where=text("step = 'edit' AND outcome IS NULL"),
)

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

folders = Table(
    "folders",
    metadata,
    Column("path", PathBytes, primary_key=True),
    Column("kind", String(48), primary_key=True),
    Column("seen_at", Float, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("at", Float, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text),
    Column("exported_at", Float),
    Column("bars", JSON, nullable=False),
    Column("room", Float),
    Column("refusals", Integer),
    Column("shut_until", Float),
)
