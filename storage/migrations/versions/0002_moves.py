"""Finds moved files by fingerprint, not by path."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("jobs_of_a_file", "jobs", ["fingerprint", "id"])
