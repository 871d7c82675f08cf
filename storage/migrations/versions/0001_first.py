"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_files()
    create_jobs()
    create_descriptions()
    create_notes()


def create_files() -> None:
    op.create_table(
        "media",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("seconds", sa.Double),
        sa.Column("frame_rate", sa.Double),
        sa.CheckConstraint("digest LIKE 'blake2b:%'", name="digest_names_its_kind"),
        sa.CheckConstraint("kind IN ('image', 'video')", name="kind_is_known"),
    )
    op.create_table(
        "paths",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False, unique=True),
    )


def create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path_id", sa.Integer, sa.ForeignKey("paths.id"), nullable=False),
        sa.Column("media_id", sa.Integer, sa.ForeignKey("media.id"), nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("fresh", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Double),
        sa.Column("owner", sa.Text),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("lease_until", sa.Double),
        sa.Column("queued_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        sa.Column("cause", sa.Text),
        sa.Column("reason_code", sa.Text),
        sa.Column("reason", sa.Text),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'publishing', 'done', 'failed', 'skipped', 'gone')", name="state_is_known"
        ),
        sa.CheckConstraint("attempts BETWEEN 0 AND max_attempts", name="attempts_are_bounded"),
        sa.CheckConstraint(
            "state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL)", name="running_is_leased"
        ),
        sa.CheckConstraint(
            "(state IN ('done', 'failed', 'skipped', 'gone')) = (finished_at IS NOT NULL)", name="final_is_finished"
        ),
    )
    one_per_path("one_queued_job_a_path", "state = 'queued'")
    one_per_path("one_claimed_job_a_path", "state IN ('running', 'publishing')")
    op.create_index("jobs_in_line", "jobs", ["state", "queued_at", "id"])
    op.create_index("jobs_of_a_path", "jobs", ["path_id", "id"])


def one_per_path(name: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "jobs", ["path_id"], unique=True, sqlite_where=condition, postgresql_where=condition)


def create_descriptions() -> None:
    op.create_table(
        "descriptions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("media_id", sa.Integer, sa.ForeignKey("media.id"), nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("smolwatch", sa.Text, nullable=False),
        sa.Column("described_at", sa.Double, nullable=False),
        sa.Column("answers", sa.JSON, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("verdict_reasons", sa.JSON, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("dtype", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("recipe_name", sa.Text, nullable=False),
        sa.Column("recipe_version", sa.Integer, nullable=False),
        sa.Column("recipe_digest", sa.Text, nullable=False),
        sa.Column("frames_seen", sa.Integer),
    )
    op.create_index("descriptions_of_media", "descriptions", ["media_id", "id"])
    op.create_table(
        "segments",
        sa.Column("description_id", sa.Integer, sa.ForeignKey("descriptions.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("start", sa.Double, nullable=False),
        sa.Column("end", sa.Double, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "stats",
        sa.Column("description_id", sa.Integer, sa.ForeignKey("descriptions.id"), primary_key=True),
        sa.Column("seconds", sa.JSON, nullable=False),
        sa.Column("tokens_in", sa.Integer, nullable=False),
        sa.Column("tokens_out", sa.Integer, nullable=False),
        sa.Column("tokens_per_second", sa.Double, nullable=False),
        sa.Column("batch_rows", sa.Integer, nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger, nullable=False),
        sa.Column("device_memory_bytes", sa.BigInteger, nullable=False),
        sa.Column("cold_start", sa.Boolean, nullable=False),
        sa.Column("launched_by", sa.Text, nullable=False),
    )


def create_notes() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("events_of_a_job", "events", ["job_id", "id"])
    op.create_table(
        "decisions",
        sa.Column("path_id", sa.Integer, sa.ForeignKey("paths.id"), primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "daemon_state",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
