"""Descriptions have their origin: the weights' digest, and that of the answers about control tiles; and which count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

#: Descriptions with a newer one of the same path and recipe.
SUPERSEDED = sa.text(
    "UPDATE descriptions SET is_current = false WHERE EXISTS ("
    "SELECT 1 FROM jobs AS mine "
    "JOIN jobs AS newer ON newer.path_id = mine.path_id AND newer.id > mine.id "
    "AND newer.task = mine.task AND newer.recipe_name = mine.recipe_name "
    "JOIN descriptions AS later ON later.job_id = newer.id "
    "WHERE mine.id = descriptions.job_id)"
)


def upgrade() -> None:
    op.add_column("descriptions", sa.Column("weights", sa.Text))
    op.add_column("descriptions", sa.Column("control", sa.Text))
    op.add_column("descriptions", sa.Column("is_current", sa.Boolean, nullable=False, server_default=sa.true()))
    op.execute(SUPERSEDED)
    columns = ["is_current", "model_id", "dtype", "weights", "control", "described_at"]
    op.create_index("descriptions_by_origin", "descriptions", columns)
