"""Runs of an evaluation, and their results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "evaluation_runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("smolwatch", sa.Text, nullable=False),
        sa.Column("machine", sa.JSON, nullable=False),
        sa.Column("libraries", sa.JSON, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("weights_digest", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("dtype", sa.Text, nullable=False),
        sa.Column("precision", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("suites", sa.JSON, nullable=False),
        sa.Column("suites_digest", sa.Text, nullable=False),
        sa.Column("folder", sa.Text),
        sa.Column("repeats", sa.Integer, nullable=False),
        sa.Column("case_limit", sa.Integer),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("planned", sa.Integer, nullable=False),
        sa.Column("control", sa.Text),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("is_shared", sa.Boolean, nullable=False),
    )
    op.create_table(
        "evaluation_results",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("evaluation_runs.id"), nullable=False),
        sa.Column("suite", sa.Text, nullable=False),
        sa.Column("case_name", sa.Text, nullable=False),
        sa.Column("repeat_number", sa.Integer, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("finished_at", sa.Double, nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("reference_texts", sa.JSON, nullable=False),
        sa.Column("checks", sa.JSON, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("seconds", sa.JSON, nullable=False),
        sa.Column("tokens_in", sa.Integer, nullable=False),
        sa.Column("tokens_out", sa.Integer, nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger, nullable=False),
        sa.Column("device_memory_bytes", sa.BigInteger, nullable=False),
        sa.Column("seed", sa.BigInteger),
        sa.Column("temperature", sa.Double, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("skipped", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("thumbnail", sa.LargeBinary),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name="score_is_a_share"),
    )
    key = ["run_id", "suite", "case_name", "repeat_number"]
    op.create_index("one_result_a_case", "evaluation_results", key, unique=True)
