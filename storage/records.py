"""Jobs, claims, files and refusals as frozen values. The rest of the program gets these, never rows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from storage.lifecycle import Cause, JobState

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
