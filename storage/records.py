"""Jobs, claims, files and refusals as frozen values. The rest of the program gets these, never rows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from config.groups import Detail
from config.inboxes import DEFAULT_INBOX
from storage.lifecycle import Cause, JobState

#: The device number of an unknown disk; no disk has it.
NO_DEVICE = -1


class MediaKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Identifies the content of a path at one moment; only compared, never interpreted.

    Comparison ignores the device number, since a restart can give a disk another one. To find a file at another path,
    compare its digest too.
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
    """A settled file to describe. `digest` is "blake2b:<hex>" over the whole content.

    `live_id`: the ContentIdentifier of a Live Photo's half. `name_was_free`: as far as is known, its
    name was free before it came, so it is not the file that had that name before.
    """

    path: bytes
    fingerprint: Fingerprint
    digest: str
    kind: MediaKind
    format: str
    live_id: str | None = None
    name_was_free: bool = False


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a path was last refused (code, sentence), or what it waits for.

    `kind`: what the file is instead of a picture or video, a code of `daemon/media/foreign/foreign_kinds.py`. `reason`
    is empty then: the sentence belongs to the kind, so 20,000 songs need not each store it.
    `detail`: a library's own message. `partner`: the path that is described instead.
    """

    path: bytes
    code: str
    reason: str
    at: datetime
    kind: str | None = None
    detail: str | None = None
    partner: bytes | None = None


class JobTask(StrEnum):
    DESCRIBE = "describe"  #: the answers are the file's description
    ASK = "ask"  #: a person's own question


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What a job asks about its file. Jobs of one path with the same task and recipe name replace each other.

    `recipe_digest` is empty while it is unknown: for jobs from before this column. `detail` and `model` (a hub
    name, an absolute folder or "demo"): None is that of the settings when the job runs. `inbox`: the name of the inbox
    that the file came from. `priority`: lower values are claimed first, as in vLLM's priority scheduling.
    """

    recipe: str
    recipe_digest: str
    detail: Detail | None = None
    model: str | None = None
    task: JobTask = JobTask.DESCRIBE
    inbox: str = DEFAULT_INBOX
    priority: int = 0


@dataclass(frozen=True, kw_only=True)
class AnswerKey:
    """What answers depend on beside a file's bytes: `model` is "id@revision", `recipe` a digest."""

    model: str
    recipe: str
    detail: str

    @property
    def model_id(self) -> str:
        return self.model.rpartition("@")[0]


class Admission(StrEnum):
    """The result of admitting a NewFile."""

    QUEUED = "queued"
    ALREADY_QUEUED = "already queued"
    ALREADY_DESCRIBED = "already described"


@dataclass(frozen=True, kw_only=True)
class Job:
    """The processing of one file, in its present state. `fresh`: run the model even if a description is cached.

    `detail`: a library's own message behind the reason. `missing_since`: when the described file was first missed.
    """

    id: int
    path: bytes
    kind: MediaKind
    format: str
    digest: str
    fingerprint: Fingerprint
    spec: JobSpec
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
    """The right to change a job: every later transition requires that the job still has this token."""

    job: Job
    token: int
    owner: str


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One transition of a job, and its reason."""

    at: datetime
    job_id: int
    before: JobState | None
    after: JobState
    note: str
