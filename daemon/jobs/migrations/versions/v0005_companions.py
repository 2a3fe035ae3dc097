"""The files that go up together with a job's source."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("companions", sa.JSON))
    some = sa.text("companions IS NOT NULL")
    op.create_index("jobs_accompanied", "jobs", ["state"], sqlite_where=some, postgresql_where=some)
