"""Jobs can have a model of their own; an empty one is that of the settings. Each model has its own queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("model_name", sa.Text, nullable=False, server_default=""))
    op.drop_index("jobs_in_line", "jobs")
    op.create_index("jobs_in_line", "jobs", ["state", "model_name", "priority", "queued_at", "id"])
