"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _jobs()
    _steps()
    _deliveries()
    _files()


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("variant", sa.Text),
        sa.Column("parent", sa.String(16)),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("device", sa.BigInteger, nullable=False),
        sa.Column("inode", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("content", sa.String(32), nullable=False),
        sa.Column("recipe", sa.JSON, nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("step", sa.String(12)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("not_before", sa.Float),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("outputs", sa.JSON, nullable=False),
        sa.Column("credits", sa.Float),
        sa.Column("account", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("task_id", sa.Text),
        sa.Column("render_id", sa.Text),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    unfinished = sa.text("state IN ('queued', 'running', 'waiting', 'held')")
    op.create_index(
        "jobs_open",
        "jobs",
        [sa.text("priority DESC"), "created_at"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    op.create_index("jobs_identity", "jobs", ["content", "key"])


def _steps() -> None:
    op.create_table(
        "steps",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job", sa.String(16), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("step", sa.String(12), nullable=False),
        sa.Column("index", sa.Integer, nullable=False),
        sa.Column("intent", sa.JSON, nullable=False),
        sa.Column("intent_at", sa.Float, nullable=False),
        sa.Column("outcome", sa.String(12)),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("result_at", sa.Float),
    )
    op.create_index("steps_job", "steps", ["job"])
    op.create_table(
        "timeline",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job", sa.String(16), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("timeline_job", "timeline", ["job"])


def _deliveries() -> None:
    op.create_table(
        "names",
        sa.Column("folder", sa.LargeBinary, primary_key=True),
        sa.Column("base", sa.Text, primary_key=True),
        sa.Column("job", sa.String(16), sa.ForeignKey("jobs.id"), nullable=False),
    )
    op.create_index("names_job", "names", ["job"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("content", sa.String(32), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("job", sa.String(16), nullable=False),
        sa.Column("media", sa.LargeBinary, nullable=False),
        sa.Column("media_hash", sa.String(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("deliveries_identity", "deliveries", ["content", "key"])
    op.create_index("deliveries_media", "deliveries", ["media"])


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("device", sa.BigInteger, nullable=False),
        sa.Column("inode", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("content", sa.String(32), nullable=False),
        sa.Column("gone_at", sa.Float),
    )
    op.create_index("files_content", "files", ["content"])
