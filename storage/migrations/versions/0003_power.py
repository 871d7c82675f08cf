"""Adds the power source to a description's statistics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("stats", sa.Column("power", sa.Text))
