"""Finds moved files for any device number of their disk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.drop_index("jobs_of_a_file", "jobs")
    op.create_index("jobs_of_a_file", "jobs", [sa.text("ltrim(fingerprint, '-0123456789')"), "id"])
