"""Builders of records, without files on disk; and the state of a file on disk."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from storage.description import Description, Media, ModelFacts, Quality, RecipeFacts, Segment, Stats
from storage.lifecycle import JobState
from storage.records import AnswerKey, Claim, Fingerprint, Job, JobSpec, MediaKind, NewFile
from tests.fakes.clock import START

MODEL_ID = "smolwatch-demo"
REVISION = "1"
#: What `JobStore.admit` is given for descriptions made here.
MODEL = f"{MODEL_ID}@{REVISION}"
RECIPE = "0011223344556677"
SPEC = JobSpec(recipe="default", recipe_digest=RECIPE)
#: What the answers of a description made here depend on.
KEY = AnswerKey(model=MODEL, recipe=RECIPE, detail="balanced")


def file_state(path: Path) -> tuple[int, ...]:
    """Everything that a change or replacement of the file alters, to the nanosecond; reading it does not."""
    found = os.lstat(path)
    owner = (found.st_uid, found.st_gid)
    return found.st_mode, found.st_ino, found.st_nlink, *owner, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def digest_of(content: bytes) -> str:
    """The digest as intake writes it."""
    return "blake2b:" + hashlib.blake2b(content, digest_size=32).hexdigest()


def new_file(
    path: bytes = b"/inbox/beach.jpg",
    content: bytes = b"waves",
    *,
    kind: MediaKind = MediaKind.IMAGE,
    format: str = "jpeg",
    inode: int = 7,
    mtime_ns: int = 1_764_000_000_000_000_000,
) -> NewFile:
    """A settled file; another `content` is another digest and size."""
    return NewFile(
        path=path,
        fingerprint=Fingerprint(device=1, inode=inode, size=len(content), mtime_ns=mtime_ns),
        digest=digest_of(content),
        kind=kind,
        format=format,
    )


def claim_of(number: int) -> Claim:
    """A claim on a job that was never tried before; `number` is its id."""
    file = new_file(path=b"/inbox/%d.jpg" % number, content=b"waves %d" % number)
    job = Job(
        id=number,
        path=file.path,
        kind=file.kind,
        format=file.format,
        digest=file.digest,
        fingerprint=file.fingerprint,
        spec=SPEC,
        state=JobState.RUNNING,
        attempts=1,
        max_attempts=3,
        not_before=None,
        queued_at=START,
        started_at=START,
        finished_at=None,
        cause=None,
        reason_code=None,
        reason=None,
    )
    return Claim(job=job, token=1, owner="worker")


def description_of(  # noqa: PLR0913 - one parameter a field
    file: NewFile,
    *,
    answers: dict[str, str] | None = None,
    timeline: tuple[Segment, ...] = (),
    quality: Quality | None = None,
    model_id: str = MODEL_ID,
    revision: str = REVISION,
    recipe: str = RECIPE,
    seconds: float = 2.6,
    described_at: datetime = START,
) -> Description:
    """A possible description of the file; `seconds` is the total."""
    video = file.kind is MediaKind.VIDEO
    return Description(
        smolwatch="0.1.0",
        described_at=described_at,
        path=file.path,
        digest=file.digest,
        fingerprint=file.fingerprint,
        media=Media(
            kind=file.kind,
            format=file.format,
            width=1280,
            height=720,
            seconds=8.0 if video else None,
            frame_rate=24.0 if video else None,
            frames_seen=8 if video else None,
        ),
        answers={"caption": "A beach.", "summary": "A beach with waves."} if answers is None else answers,
        timeline=timeline,
        quality=quality or Quality(),
        model=ModelFacts(
            id=model_id, revision=revision, engine="torch", device="cpu", dtype="float32", detail="balanced"
        ),
        recipe=RecipeFacts(name="default", version=1, digest=recipe),
        stats=Stats(
            seconds={"queued": 0.4, "decode": 0.2, "generate": 1.1, "total": seconds},
            tokens_in=660,
            tokens_out=96,
            tokens_per_second=87.0,
            batch_rows=2,
            peak_memory_bytes=1_930_000_000,
            device_memory_bytes=0,
            cold_start=False,
            launched_by="terminal",
        ),
    )


def by_recipe(description: Description, name: str) -> Description:
    """The same description by the recipe of this name."""
    return replace(description, recipe=RecipeFacts(name=name, version=1, digest=digest_of(name.encode())[-16:]))
