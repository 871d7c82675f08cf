"""A witness's opinion of a result of an evaluation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("evaluation_results", sa.Column("opinion", sa.JSON))
