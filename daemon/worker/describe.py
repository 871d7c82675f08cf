"""Builds the description from the engine's reply. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from config.recipes import Question, Recipe
from config.version import own_version
from daemon.inference.answers.checks import broken_rules, clean, judge
from daemon.inference.engine import Answer, EngineInfo, Figures, Reply
from daemon.worker.questions import filled_recipe
from storage.description import Description, Media, ModelFacts, Quality, RecipeFacts, Stats
from storage.records import Job, MediaKind


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Measured outside the engine: seconds queued, in the decoder and from claim to reply; the peak memory in bytes."""

    queued: float
    decode: float
    total: float
    peak_memory_bytes: int
    launched_by: str
    power: str | None = None


def describe(
    job: Job,
    media: Media,
    reply: Reply,
    info: EngineInfo,
    recipe: Recipe,
    cost: Cost,
    now: datetime,
    defects: Sequence[str] = (),
) -> Description:
    """`reply` holds answers and figures, not an error. `defects`: codes of what the decoder could not show."""
    figures = reply.figures
    if figures is None:
        raise ValueError("the reply has no figures")
    asked = filled_recipe(job, recipe).questions(is_video=media.kind is MediaKind.VIDEO)
    questions = {question.name: question for question in asked}
    return Description(
        smolwatch=own_version(),
        described_at=now,
        path=job.path,
        digest=job.digest,
        fingerprint=job.fingerprint,
        media=media,
        answers={name: clean(answer.text, question=questions[name].ask) for name, answer in reply.answers.items()},
        quality=quality_of(media.kind, defects, reply.answers, questions),
        model=ModelFacts(
            id=info.model_id,
            revision=info.revision,
            engine=info.engine,
            device=info.device,
            dtype=info.dtype,
            detail=info.detail,
        ),
        recipe=RecipeFacts(name=recipe.name, version=recipe.version, digest=recipe.digest),
        stats=stats_of(figures, cost),
    )


def quality_of(
    kind: MediaKind, defects: Sequence[str], answers: Mapping[str, Answer], questions: Mapping[str, Question]
) -> Quality:
    """Suspect if the decoder reports defects or the checks reject an answer. Suspect answers are kept, with reasons."""
    reasons = [f"{kind}: {defect}" for defect in defects]
    for name, answer in answers.items():
        codes = (*judge(answer, questions[name].ask), *broken_rules(answer, questions[name]))
        reasons += [f"{name}: {code}" for code in codes]
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
