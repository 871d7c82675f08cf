"""Questions are commands: how often one was taken, and its answer so far."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

OPEN = sa.text("answered_at IS NULL")


def upgrade() -> None:
    op.add_column("commands", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.add_column("commands", sa.Column("partial", sa.Text))
    op.create_index("open_commands", "commands", ["run", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
