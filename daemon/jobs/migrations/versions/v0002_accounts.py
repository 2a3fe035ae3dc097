"""Who edits a job as a column, and what is known of the accounts that pay."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("made_by", sa.String(12), nullable=False, server_default="embedded"))
    jobs = sa.table("jobs", sa.column("id"), sa.column("recipe"), sa.column("made_by"))
    connection = op.get_bind()
    for job, recipe in connection.execute(sa.select(jobs.c.id, jobs.c.recipe)).all():
        kept = json.loads(recipe) if isinstance(recipe, str) else recipe
        connection.execute(sa.update(jobs).where(jobs.c.id == job).values(made_by=kept["by"]))
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text),
        sa.Column("exported_at", sa.Float),
        sa.Column("bars", sa.JSON, nullable=False),
        sa.Column("room", sa.Float),
        sa.Column("refusals", sa.Integer),
        sa.Column("shut_until", sa.Float),
    )
