"""Frozen values that the rest of the program may hold. Rows never leave `storage`; these do.

`Description.record()` is the one place where the record's words are put together: the JSON sidecar, the database's
answers and `show --json` all say the same (absent rather than null where a field does not apply).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from storage.json_values import exact, moment_of, present, stamp
from storage.lifecycle import Cause, JobState

SCHEMA = 1
#: The number of a disk that is not known: no disk has it.
NO_DEVICE = -1


class MediaKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Which bytes a path held when it was looked at; compared, never interpreted.

    The disk's number is left out when two are compared: a restart of the system gives disks other numbers, and a file
    is no other for that. Whoever asks for a file at another path compares its digest too.
    """

    device: int = field(compare=False)
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Fingerprint:
        return cls(device=stat.st_dev, inode=stat.st_ino, size=stat.st_size, mtime_ns=stat.st_mtime_ns)


@dataclass(frozen=True, kw_only=True)
class NewFile:
    """A settled file that intake wants described. `digest` is "blake2b:<hex>" over the whole content.

    `live_id`: the ContentIdentifier of a Live Photo's half. `newcomer`: for all that is known, its name was free before
    it came, so it is not the file that had that name before.
    """

    path: bytes
    fingerprint: Fingerprint
    digest: str
    kind: MediaKind
    format: str
    live_id: str | None = None
    newcomer: bool = False


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The last word on why a path was not taken (code, sentence), or what it waits for.

    `kind`: what the file is instead of a picture or video, a code of `daemon/media/foreign/foreign_kinds.py`. `reason`
    is empty then: the sentence is the kind's, and 20,000 songs need not all keep it.
    `detail`: a library's own words behind it. `partner`: the path that stands for this one.
    """

    path: bytes
    code: str
    reason: str
    at: datetime
    kind: str | None = None
    detail: str | None = None
    partner: bytes | None = None


class Admission(StrEnum):
    """What became of a NewFile."""

    QUEUED = "queued"
    ALREADY_QUEUED = "already queued"
    ALREADY_DESCRIBED = "already described"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file's way through the house, as it stands now. `fresh`: to be asked again, even if its answers are known.

    `detail`: a library's own words behind the reason. `missing_since`: the described file was not found from then on.
    """

    id: int
    path: bytes
    kind: MediaKind
    format: str
    digest: str
    fingerprint: Fingerprint
    state: JobState
    attempts: int
    max_attempts: int
    not_before: datetime | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cause: Cause | None
    reason_code: str | None
    reason: str | None
    detail: str | None = None
    missing_since: datetime | None = None
    fresh: bool = False

    @property
    def name(self) -> str:
        """The file's name for people; undecodable bytes show as surrogates."""
        return os.fsdecode(self.path).rpartition(os.sep)[2]

    @property
    def file(self) -> Path:
        return Path(os.fsdecode(self.path))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to speak for a running job: every later transition needs this token to be the job's still."""

    job: Job
    token: int
    owner: str


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One arrow that a job took, and why."""

    at: datetime
    job_id: int
    before: JobState | None
    after: JobState
    note: str


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
    id: str
    revision: str
    engine: str
    device: str
    dtype: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class RecipeFacts:
    name: str
    version: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class Stats:
    """What one description cost, in seconds, tokens and memory.

    The phases in `seconds`: "queued", "decode", "preprocess", "vision", "prefill", "generate", "total".
    `power`: "mains" or "battery", where that was known.
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


@dataclass(frozen=True, kw_only=True)
class Quality:
    """`verdict`: "ok" or "suspect". A reason names the answer, or the medium, and its fault: "caption: loop"."""

    verdict: str = "ok"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Description:
    """What was said about one file, by whom, and at what cost. Sidecars are pure functions of it."""

    smolwatch: str
    described_at: datetime
    path: bytes
    digest: str
    fingerprint: Fingerprint
    media: Media
    answers: dict[str, str]
    timeline: tuple[Segment, ...] = ()
    quality: Quality = field(default_factory=Quality)
    model: ModelFacts
    recipe: RecipeFacts
    stats: Stats

    @property
    def name(self) -> str:
        return os.fsdecode(self.path).rpartition(os.sep)[2]

    def record(self) -> dict[str, Any]:
        """The record of DESIGN: plain JSON values, in its order, nothing null."""
        stats = self.stats
        whole: dict[str, Any] = {
            "schema": SCHEMA,
            "smolwatch": self.smolwatch,
            "described_at": stamp(self.described_at),
            "file": {
                **exact("name", os.path.basename(self.path)),
                "digest": self.digest,
                "bytes": self.fingerprint.size,
                "modified": stamp(moment_of(self.fingerprint.mtime_ns)),
            },
            "media": present(
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
                **present(power=stats.power),
            },
        }
