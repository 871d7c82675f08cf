"""The tables. Private to storage: others get `records`. A change here needs a migration."""

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
    MetaData,
    Table,
    Text,
    text,
    true,
)

from storage.db.column_types import DIGITS, FingerprintText, SafeText, UtcTime

metadata = MetaData()

#: One row for each content, whatever paths it has. The facts from `width` to `pages` are known after decoding.
#: `live_id`: the ContentIdentifier that the picture and the video of a Live Photo share.
media = Table(
    "media",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("bytes", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("seconds", Double),
    Column("frame_rate", Double),
    Column("pages", Integer),
    Column("live_id", Text),
    CheckConstraint("digest LIKE 'blake2b:%'", name="digest_names_its_kind"),
    CheckConstraint("kind IN ('image', 'video')", name="kind_is_known"),
    Index("media_of_a_live_photo", "live_id"),
)

#: Paths as bytes, as the system reports them.
paths = Table(
    "paths",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", LargeBinary, nullable=False, unique=True),
)

#: One row for each time that a recipe is to be answered about a content at a path. `token` is a fence: it grows with
#: every claim. `task`, `recipe_name`, `recipe_digest`, `inbox`, `priority`: see `records.JobSpec`.
#: `model_detail`, `model_name`: the spec's detail and model; empty is that of the settings.
#: `detail`: a library's own message behind `reason`. `missing_since`: when a finished job's file was first missed.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path_id", ForeignKey("paths.id"), nullable=False),
    Column("media_id", ForeignKey("media.id"), nullable=False),
    Column("fingerprint", FingerprintText, nullable=False),
    Column("state", Text, nullable=False),
    Column("fresh", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("not_before", UtcTime),
    Column("owner", Text),
    Column("token", Integer, nullable=False),
    Column("lease_until", UtcTime),
    Column("queued_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("cause", Text),
    Column("reason_code", Text),
    Column("reason", SafeText),
    Column("detail", SafeText),
    Column("missing_since", UtcTime),
    Column("task", Text, nullable=False, server_default="describe"),
    Column("recipe_name", Text, nullable=False, server_default="default"),
    Column("recipe_digest", Text, nullable=False, server_default=""),
    Column("inbox", Text, nullable=False, server_default="inbox"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("model_detail", Text, nullable=False, server_default=""),
    Column("model_name", Text, nullable=False, server_default=""),
    CheckConstraint(
        "state IN ('queued', 'running', 'publishing', 'done', 'failed', 'skipped', 'gone')", name="state_is_known"
    ),
    CheckConstraint("attempts BETWEEN 0 AND max_attempts", name="attempts_are_bounded"),
    CheckConstraint("state <> 'running' OR (owner IS NOT NULL AND lease_until IS NOT NULL)", name="running_is_leased"),
    CheckConstraint(
        "(state IN ('done', 'failed', 'skipped', 'gone')) = (finished_at IS NOT NULL)", name="final_is_finished"
    ),
    # At most one job of a path, task and recipe is queued, and at most one claimed. PostgreSQL's conditions are in the
    # migration only: here they would make every command load its dialect.
    Index(
        "one_queued_job_a_recipe",
        "path_id",
        "task",
        "recipe_name",
        unique=True,
        sqlite_where=text("state = 'queued'"),
    ),
    Index(
        "one_claimed_job_a_recipe",
        "path_id",
        "task",
        "recipe_name",
        unique=True,
        sqlite_where=text("state IN ('running', 'publishing')"),
    ),
    Index("jobs_in_line", "state", "model_name", "priority", "queued_at", "id"),
    Index("jobs_of_a_path", "path_id", "id"),
    Index("jobs_of_a_file", text(f"ltrim(fingerprint, '{DIGITS}')"), "id"),  # whatever number its disk has
)

#: At most one description for a job. `weights`, `control`: see `description.ModelFacts`.
#: `is_current`: none of the same path and recipe was stored later.
descriptions = Table(
    "descriptions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False, unique=True),
    Column("media_id", ForeignKey("media.id"), nullable=False),
    Column("fingerprint", FingerprintText, nullable=False),
    Column("smolwatch", Text, nullable=False),
    Column("described_at", UtcTime, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("verdict_reasons", JSON, nullable=False),
    Column("model_id", SafeText, nullable=False),
    Column("revision", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("dtype", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("recipe_name", Text, nullable=False),
    Column("recipe_version", Integer, nullable=False),
    Column("recipe_digest", Text, nullable=False),
    Column("frames_seen", Integer),
    Column("weights", Text),
    Column("control", Text),
    Column("is_current", Boolean, nullable=False, server_default=true()),
    Index("descriptions_of_media", "media_id", "id"),
    Index("descriptions_by_origin", "is_current", "model_id", "dtype", "weights", "control", "described_at"),
)

#: A video's timeline.
segments = Table(
    "segments",
    metadata,
    Column("description_id", ForeignKey("descriptions.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("start", Double, nullable=False),
    Column("end", Double, nullable=False),
    Column("text", SafeText, nullable=False),
)

#: The answers to a person's own questions that are kept: of each question about a content, the last one.
#: `options`: see `description.SavedAnswer`.
saved_answers = Table(
    "saved_answers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("media_id", ForeignKey("media.id"), nullable=False),
    Column("question", SafeText, nullable=False),
    Column("answer", SafeText, nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("model", SafeText, nullable=False),
    Column("revision", Text, nullable=False),
    Column("options", JSON, nullable=False),
    Index("one_saved_answer_a_question", "media_id", "question", unique=True),
)

#: The cost of a description. `seconds` by phase.
stats = Table(
    "stats",
    metadata,
    Column("description_id", ForeignKey("descriptions.id"), primary_key=True),
    Column("seconds", JSON, nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("tokens_per_second", Double, nullable=False),
    Column("batch_rows", Integer, nullable=False),
    Column("peak_memory_bytes", BigInteger, nullable=False),
    Column("device_memory_bytes", BigInteger, nullable=False),
    Column("cold_start", Boolean, nullable=False),
    Column("launched_by", Text, nullable=False),
    Column("power", Text),
)

#: Every transition of a job, written in the same transaction.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("note", SafeText, nullable=False),
    Index("events_of_a_job", "job_id", "id"),
)

#: Why a path was last refused. `kind`: what the file is instead of a picture or video. `partner`: the path that is
#: described instead, such as a Live Photo's picture.
decisions = Table(
    "decisions",
    metadata,
    Column("path_id", ForeignKey("paths.id"), primary_key=True),
    Column("code", Text, nullable=False),
    Column("reason", SafeText, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("kind", Text),
    Column("detail", SafeText),
    Column("partner", LargeBinary),
    Index("decisions_of_a_partner", "partner"),
)

#: What the running daemon reports about itself; and whether work is paused.
daemon_state = Table(
    "daemon_state",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", JSON, nullable=False),
)

#: Commands to one run of the daemon. Only the `sender`, a secret, reads the answer: a result or an error.
#: `attempts`, `partial`: of questions that the worker answers, how often one was taken, and its answer so far.
commands = Table(
    "commands",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("sender", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("taken_at", UtcTime),
    Column("answered_at", UtcTime),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("partial", SafeText),
    CheckConstraint(
        "(answered_at IS NOT NULL) = (result IS NOT NULL OR error IS NOT NULL)", name="answered_has_an_answer"
    ),
    Index("open_commands", "run", "id", sqlite_where=text("answered_at IS NULL")),
)
