"""Pages, Live Photos, foreign files, a library's own message behind a reason, and missing files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("media", sa.Column("pages", sa.Integer))
    op.add_column("media", sa.Column("live_id", sa.Text))
    op.create_index("media_of_a_live_photo", "media", ["live_id"])
    op.add_column("jobs", sa.Column("detail", sa.Text))
    op.add_column("jobs", sa.Column("missing_since", sa.Double))
    op.add_column("decisions", sa.Column("kind", sa.Text))
    op.add_column("decisions", sa.Column("detail", sa.Text))
    op.add_column("decisions", sa.Column("partner", sa.LargeBinary))
    op.create_index("decisions_of_a_partner", "decisions", ["partner"])
