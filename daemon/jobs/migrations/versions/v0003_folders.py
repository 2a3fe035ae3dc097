"""Which folders were looked at, which rules are held, what was begun without a person's word; recipes are shared."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "folders",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.String(48), primary_key=True),
        sa.Column("seen_at", sa.Float, nullable=False),
    )
    op.create_table(
        "holds",
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.add_column("jobs", sa.Column("asked", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("estimate", sa.Float))
    op.add_column("jobs", sa.Column("begun_at", sa.Float))
    unasked = sa.text("begun_at IS NOT NULL")
    op.create_index("jobs_unasked", "jobs", ["begun_at"], sqlite_where=unasked, postgresql_where=unasked)
    priced = sa.text("credits IS NOT NULL AND session_id IS NOT NULL")
    op.create_index(
        "jobs_priced",
        "jobs",
        ["rule", "made_by", "updated_at", "credits"],
        sqlite_where=priced,
        postgresql_where=priced,
    )
    _share_recipes()
    _index_states()


def _share_recipes() -> None:
    op.create_table(
        "recipes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.String(32), nullable=False, unique=True),
        sa.Column("recipe", sa.JSON, nullable=False),
    )
    op.add_column("jobs", sa.Column("recipe_id", sa.Integer))
    op.add_column("jobs", sa.Column("base", sa.Text, nullable=False, server_default=""))
    recipes = sa.table(
        "recipes", sa.column("id", sa.Integer), sa.column("digest"), sa.column("recipe", sa.JSON)
    )
    jobs = sa.table(
        "jobs", sa.column("id"), sa.column("recipe", sa.JSON), sa.column("recipe_id"), sa.column("base")
    )
    connection = op.get_bind()
    known: dict[str, int] = {}
    for job, recipe in connection.execute(sa.select(jobs.c.id, jobs.c.recipe)).all():
        base = recipe.pop("base")
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:32]
        if digest not in known:
            known[digest] = len(known) + 1
            connection.execute(sa.insert(recipes).values(id=known[digest], digest=digest, recipe=recipe))
        connection.execute(sa.update(jobs).where(jobs.c.id == job).values(recipe_id=known[digest], base=base))
    op.drop_column("jobs", "recipe")


def _index_states() -> None:
    op.drop_index("jobs_identity", "jobs")
    op.create_index("jobs_identity", "jobs", ["content"])
    op.drop_index("jobs_open", "jobs")
    queued, begun = sa.text("state = 'queued'"), sa.text("state IN ('running', 'waiting', 'held')")
    op.create_index(
        "jobs_queue",
        "jobs",
        ["made_by", sa.text("priority DESC"), "created_at"],
        sqlite_where=queued,
        postgresql_where=queued,
    )
    op.create_index(
        "jobs_begun",
        "jobs",
        ["made_by", "state", "not_before", sa.text("priority DESC"), "created_at"],
        sqlite_where=begun,
        postgresql_where=begun,
    )
    edits = sa.text("step = 'edit'")
    op.create_index("steps_paid", "steps", ["intent_at"], sqlite_where=edits, postgresql_where=edits)
