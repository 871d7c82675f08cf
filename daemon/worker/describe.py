"""Builds the description from a session's result. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from config.groups import Detail
from config.recipes import Recipe
from config.version import own_version
from daemon.inference.engine import EngineInfo, Figures
from daemon.worker.describe_session import SessionResult
from storage.description import Description, Media, ModelFacts, Quality, RecipeFacts, Stats
from storage.records import Job


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Measured outside the engine: seconds queued, in the decoder, and from claim to result; peak memory in bytes."""

    queued: float
    decode: float
    total: float
    peak_memory_bytes: int
    launched_by: str
    power: str | None = None


def describe(
    job: Job,
    media: Media,
    result: SessionResult,
    info: EngineInfo,
    recipe: Recipe,
    cost: Cost,
    now: datetime,
    defects: Sequence[str] = (),
) -> Description:
    """`defects`: codes of what the decoder could not show."""
    return Description(
        smolwatch=own_version(),
        described_at=now,
        path=job.path,
        digest=job.digest,
        fingerprint=job.fingerprint,
        media=media,
        answers=result.answers,
        quality=quality_of([*(f"{media.kind}: {defect}" for defect in defects), *result.reasons]),
        model=ModelFacts(
            id=info.model_id,
            revision=info.revision,
            engine=info.engine,
            device=info.device,
            dtype=info.dtype,
            detail=detail_of(job, info),
            weights=info.weights,
            control=info.control,
        ),
        recipe=RecipeFacts(name=recipe.name, version=recipe.version, digest=recipe.digest),
        stats=stats_of(result.figures, cost),
    )


def detail_of(job: Job, info: EngineInfo) -> Detail:
    """The job's own detail, else the engine's."""
    return job.spec.detail or info.detail


def quality_of(reasons: Sequence[str]) -> Quality:
    """Suspect if the decoder reports defects or the checks reject an answer. Suspect answers are kept, with reasons."""
    return Quality(verdict="suspect" if reasons else "ok", reasons=tuple(reasons))


def stats_of(figures: Figures, cost: Cost) -> Stats:
    generate_seconds = figures.seconds.get("generate", 0.0)
    return Stats(
        seconds={"queued": cost.queued, "decode": cost.decode} | figures.seconds | {"total": cost.total},
        tokens_in=figures.tokens_in,
        tokens_out=figures.tokens_out,
        tokens_per_second=figures.tokens_out / generate_seconds if generate_seconds else 0.0,
        batch_rows=figures.batch_rows,
        peak_memory_bytes=cost.peak_memory_bytes,
        device_memory_bytes=figures.device_memory_bytes,
        cold_start=figures.cold_start,
        launched_by=cost.launched_by,
        power=cost.power,
    )


def with_path_of(job: Job, cached: Description) -> Description:
    """The description of the same bytes at another path, for this job's path."""
    return replace(cached, path=job.path, fingerprint=job.fingerprint)
