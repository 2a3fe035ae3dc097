"""Jobs that were begun, and messages without an answer, are found without a look at all others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    begun = sa.text("state = 'running' OR state = 'waiting' OR state = 'held'")
    op.drop_index("jobs_begun", "jobs")
    op.create_index(
        "jobs_begun",
        "jobs",
        ["made_by", "state", "not_before", sa.text("priority DESC"), "created_at"],
        sqlite_where=begun,
        postgresql_where=begun,
    )
    in_session = sa.text("state = 'waiting' AND session_id IS NOT NULL")
    op.create_index(
        "jobs_in_session",
        "jobs",
        ["made_by", "state", "created_at"],
        sqlite_where=in_session,
        postgresql_where=in_session,
    )
    unanswered = sa.text("step = 'edit' AND outcome IS NULL")
    op.create_index(
        "steps_unanswered", "steps", ["outcome"], sqlite_where=unanswered, postgresql_where=unanswered
    )
