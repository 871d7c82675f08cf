"""The tables of evaluations, beside those of `storage.db.tables`. A change here needs a migration."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from storage.db.column_types import SafeText, UtcTime
from storage.db.tables import metadata

#: One row for each run of an evaluation; see `storage.evaluation.evaluation_records.NewRun`.
evaluation_runs = Table(
    "evaluation_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("smolwatch", Text, nullable=False),
    Column("machine", JSON, nullable=False),
    Column("libraries", JSON, nullable=False),
    Column("model_id", SafeText, nullable=False),
    Column("revision", Text, nullable=False),
    Column("weights_digest", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("dtype", Text, nullable=False),
    Column("precision", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("suites", JSON, nullable=False),
    Column("suites_digest", Text, nullable=False),
    Column("folder", SafeText),
    Column("repeats", Integer, nullable=False),
    Column("case_limit", Integer),
    Column("seed", BigInteger, nullable=False),
    Column("planned", Integer, nullable=False),
    Column("control", Text),
    Column("options", JSON, nullable=False),
    Column("is_shared", Boolean, nullable=False),
)

#: One row for each result; see `storage.evaluation.evaluation_records.CaseResult`.
evaluation_results = Table(
    "evaluation_results",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("evaluation_runs.id"), nullable=False),
    Column("suite", Text, nullable=False),
    Column("case_name", Text, nullable=False),
    Column("repeat_number", Integer, nullable=False),
    Column("category", Text, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("finished_at", UtcTime, nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("question", SafeText, nullable=False),
    Column("answer", SafeText, nullable=False),
    Column("reference_texts", JSON, nullable=False),
    Column("checks", JSON, nullable=False),
    Column("score", Double, nullable=False),
    Column("weight", Double, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("seconds", JSON, nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("peak_memory_bytes", BigInteger, nullable=False),
    Column("device_memory_bytes", BigInteger, nullable=False),
    Column("seed", BigInteger),
    Column("temperature", Double, nullable=False),
    Column("error", SafeText),
    Column("skipped", SafeText),
    Column("note", SafeText),
    Column("thumbnail", LargeBinary),
    Column("is_shared", Boolean, nullable=False),
    CheckConstraint("score BETWEEN 0 AND 1", name="score_is_a_share"),
    Index("one_result_a_case", "run_id", "suite", "case_name", "repeat_number", unique=True),
)
