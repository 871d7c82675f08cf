"""Commands to the daemon, each with an answer of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("DELETE FROM daemon_state WHERE key = 'rescan'")  # requests that shared one row
    op.create_table(
        "commands",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("taken_at", sa.Double),
        sa.Column("answered_at", sa.Double),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.CheckConstraint(
            "(answered_at IS NOT NULL) = (result IS NOT NULL OR error IS NOT NULL)", name="answered_has_an_answer"
        ),
    )
