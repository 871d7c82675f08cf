"""Jobs know what they ask: task, recipe, inbox and priority. A path can have several recipes.

A job from before has the recipe of its description. One without a description has that of the newest description, and
an unknown digest; the daemon's next start gives it the recipe of its inbox.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

NEWEST = "(SELECT recipe_name FROM descriptions ORDER BY id DESC LIMIT 1)"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("task", sa.Text, nullable=False, server_default="describe"))
    op.add_column("jobs", sa.Column("recipe_name", sa.Text, nullable=False, server_default="default"))
    op.add_column("jobs", sa.Column("recipe_digest", sa.Text, nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("inbox", sa.Text, nullable=False, server_default="inbox"))
    op.add_column("jobs", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    for column, otherwise in (("recipe_name", f"coalesce({NEWEST}, 'default')"), ("recipe_digest", "''")):
        own = f"(SELECT {column} FROM descriptions WHERE descriptions.job_id = jobs.id)"
        op.execute(f"UPDATE jobs SET {column} = coalesce({own}, {otherwise})")
    op.drop_index("one_queued_job_a_path", "jobs")
    op.drop_index("one_claimed_job_a_path", "jobs")
    op.drop_index("jobs_in_line", "jobs")
    one_per_recipe("one_queued_job_a_recipe", "state = 'queued'")
    one_per_recipe("one_claimed_job_a_recipe", "state IN ('running', 'publishing')")
    op.create_index("jobs_in_line", "jobs", ["state", "priority", "queued_at", "id"])


def one_per_recipe(name: str, where: str) -> None:
    condition = sa.text(where)
    columns = ["path_id", "task", "recipe_name"]
    op.create_index(name, "jobs", columns, unique=True, sqlite_where=condition, postgresql_where=condition)
