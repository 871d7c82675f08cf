"""Jobs can have a detail of their own; an empty one is that of the settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("model_detail", sa.Text, nullable=False, server_default=""))
