"""A description and its parts.

`Description.record()` is the only place that builds the record, so the JSON sidecar, the database and `show --json`
agree. A field that does not apply is absent, never null.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage.json_values import from_mtime_ns, iso_utc, name_fields, omit_missing
from storage.origin import Origin
from storage.records import Fingerprint, MediaKind

#: The version of the record's layout.
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Media:
    """Facts of the decoded file. Seconds and frames only for videos; pages where there is more than one."""

    kind: MediaKind
    format: str
    width: int
    height: int
    seconds: float | None = None
    frame_rate: float | None = None
    frames_seen: int | None = None
    pages: int | None = None


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One stretch of a video, in seconds from its start."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """`weights`: their digest. `control`: one of the weights, the precision and the answers about control tiles.

    Both are None where they are unknown: in descriptions from before they were stored, and of engines without weights.
    """

    id: str
    revision: str
    engine: str
    device: str
    dtype: str
    detail: str
    weights: str | None = None
    control: str | None = None

    @property
    def origin(self) -> Origin:
        return Origin(model=self.id, dtype=self.dtype, weights=self.weights, control=self.control)


@dataclass(frozen=True, kw_only=True)
class RecipeFacts:
    name: str
    version: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class Stats:
    """The cost of one description in seconds, tokens and memory.

    The phases in `seconds`: "queued", "decode", "preprocess", "vision", "prefill", "generate", "total".
    `power`: "mains" or "battery", if known.
    """

    seconds: dict[str, float]
    tokens_in: int
    tokens_out: int
    tokens_per_second: float
    batch_rows: int
    peak_memory_bytes: int
    device_memory_bytes: int
    cold_start: bool
    launched_by: str
    power: str | None = None


def caption_of(answers: Mapping[str, str]) -> str | None:
    """What a list shows of a description: its caption, else its first answer."""
    return answers.get("caption") or next(iter(answers.values()), None)


@dataclass(frozen=True, kw_only=True)
class Quality:
    """`verdict`: "ok" or "suspect". A reason names the answer or the medium, and its fault: "caption: loop"."""

    verdict: str = "ok"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SavedAnswer:
    """A person's own question about a file's bytes, and the answer that is kept with the record.

    `options`, as JSON values: what was chosen beside the question (`system`, `temperature`, `top_p`, `seed`), and the
    answer's `faults`.
    """

    question: str
    answer: str
    asked_at: datetime
    model: str
    revision: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        return {
            "answer": self.answer,
            "asked_at": iso_utc(self.asked_at),
            "model": self.model,
            "revision": self.revision,
            **self.options,
        }


@dataclass(frozen=True, kw_only=True)
class Description:
    """The model's answers about one file, with model, recipe and cost. Sidecars are pure functions of it.

    `asked`: the answers to a person's own questions about the same bytes, whatever describes them.
    """

    smolwatch: str
    described_at: datetime
    path: bytes
    digest: str
    fingerprint: Fingerprint
    media: Media
    answers: dict[str, str]
    timeline: tuple[Segment, ...] = ()
    asked: tuple[SavedAnswer, ...] = ()
    quality: Quality = field(default_factory=Quality)
    model: ModelFacts
    recipe: RecipeFacts
    stats: Stats

    @property
    def name(self) -> str:
        return os.fsdecode(self.path).rpartition(os.sep)[2]

    def record(self) -> dict[str, Any]:
        """The record as plain JSON values, in a fixed order, nothing null."""
        stats = self.stats
        whole: dict[str, Any] = {
            "schema": SCHEMA,
            "smolwatch": self.smolwatch,
            "described_at": iso_utc(self.described_at),
            "file": {
                **name_fields("name", os.path.basename(self.path)),
                "digest": self.digest,
                "bytes": self.fingerprint.size,
                "modified": iso_utc(from_mtime_ns(self.fingerprint.mtime_ns)),
            },
            "media": omit_missing(
                kind=str(self.media.kind),
                format=self.media.format,
                width=self.media.width,
                height=self.media.height,
                seconds=self.media.seconds,
                frame_rate=self.media.frame_rate,
                frames_seen=self.media.frames_seen,
                pages=self.media.pages,
            ),
            "answers": dict(self.answers),
        }
        if self.timeline:
            whole["timeline"] = [{"start": s.start, "end": s.end, "text": s.text} for s in self.timeline]
        if self.asked:
            whole["asked"] = {each.question: each.record() for each in self.asked}
        model, recipe = self.model, self.recipe
        return whole | {
            "quality": {"verdict": self.quality.verdict, "reasons": list(self.quality.reasons)},
            "model": {
                "id": model.id,
                "revision": model.revision,
                "engine": model.engine,
                "device": model.device,
                "dtype": model.dtype,
                "detail": model.detail,
                **omit_missing(weights=model.weights, control=model.control),
            },
            "recipe": {"name": recipe.name, "version": recipe.version, "digest": recipe.digest},
            "stats": {
                "seconds": {phase: round(value, 4) for phase, value in stats.seconds.items()},
                "tokens": {"in": stats.tokens_in, "out": stats.tokens_out},
                "tokens_per_second": round(stats.tokens_per_second, 2),
                "batch_rows": stats.batch_rows,
                "peak_memory_bytes": stats.peak_memory_bytes,
                "device_memory_bytes": stats.device_memory_bytes,
                "cold_start": stats.cold_start,
                "launched_by": stats.launched_by,
                **omit_missing(power=stats.power),
            },
        }
