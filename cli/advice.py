"""What a person can do about a file, in a sentence or two; never what cannot help. Pure, but for a look at the lock."""

from __future__ import annotations

import os
from dataclasses import dataclass

from config.safe_text import safe_text
from config.settings import Settings
from daemon.errors import (
    MediaError,
    NoAccessError,
    NotDownloadedError,
    OutOfMemoryError,
    TooLargeError,
    UnreadableError,
)
from daemon.intake import refusal_texts
from daemon.intake.filters import Rejection, of_mode
from daemon.lock import holder
from storage.json_values import stamp
from storage.lifecycle import Cause, JobState
from storage.records import Job, JobEvent, Refusal

PATIENCE = "Nothing needs doing: it is looked at again by itself."
START = "start it with: smolwatch run"
#: States of a job that goes on by itself.
LIVE = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING})


@dataclass(frozen=True)
class Known:
    """All that there is to know about a path. `look` is its own lstat, None where there is none.

    `verdict`: why intake would not take a file that it has not seen yet.
    """

    path: bytes
    look: os.stat_result | None
    inside: bool
    rejection: Rejection | None
    verdict: MediaError | None = None
    refusal: Refusal | None = None
    job: Job | None = None
    events: tuple[JobEvent, ...] = ()
    engine_advice: str = ""


def what_to_do(known: Known, settings: Settings) -> str:
    """Safe to show."""
    if known.look is None:
        return safe_text(of_absent(known, settings))
    if known.refusal and known.refusal.partner:
        return safe_text(f"Its description is read with: smolwatch show {os.fsdecode(known.refusal.partner)}")
    if known.refusal and (known.job is None or known.job.state not in LIVE):  # it is newer than the job's end
        refused = of_rejection(known.rejection, settings) if known.rejection else of_refusal(known.refusal, settings)
        return safe_text(refused)
    if known.job:
        return safe_text(of_job(known.job, known.engine_advice, settings))
    if turned := known.rejection or of_mode(known.look.st_mode):
        return safe_text(of_rejection(turned, settings))
    if known.verdict:
        return safe_text(of_verdict(known.verdict))
    if not known.inside:
        return safe_text(f"Move or copy it into {settings.inbox_path}: only files there are described.")
    if not is_running(settings):
        return f"No daemon is running; {START}"
    return f"It was not seen yet; the whole inbox is listed every {settings.inbox.sweep_seconds:.0f} s."


def of_absent(known: Known, settings: Settings) -> str:
    """Nothing stands at the path now."""
    job = known.job
    if known.inside and not settings.inbox_path.is_dir():
        return "The whole inbox is missing: connect its disk, or put the folder back; then work goes on by itself."
    if job is None:
        return "It is gone; nothing needs doing."
    if job.state in (JobState.DONE, JobState.PUBLISHING):
        return f"It is gone; its description is kept: smolwatch show {job.id}"
    return "It is gone; to have it described, put it back into the inbox."


def of_refusal(refusal: Refusal, settings: Settings) -> str:
    if refusal.code in refusal_texts.SKIPPED:
        return refusal_texts.advice_of(refusal)
    if refusal.code == NotDownloadedError.code:
        return NotDownloadedError.advice
    if refusal.code not in refusal_texts.WAITING:
        return "Nothing needs doing."
    if not is_running(settings):
        return f"It waits, and no daemon is running; {START}"
    if refusal.code == NoAccessError.code:
        return f"Do what its reason says; it is looked at again within {settings.inbox.sweep_seconds:.0f} s."
    return PATIENCE


def of_verdict(verdict: MediaError) -> str:
    if verdict.code in refusal_texts.SKIPPED:
        return refusal_texts.kind_of(verdict.code, getattr(verdict, "kind", None)).advice
    return verdict.advice or PATIENCE


def of_rejection(turned: Rejection, settings: Settings) -> str:
    """A rule of the inbox turns the name away, or the system says that it is no file."""
    if turned.code == NotDownloadedError.code:
        return NotDownloadedError.advice
    if turned.code in refusal_texts.SKIPPED:
        return refusal_texts.kind_of(turned.code, None).advice
    if turned.allowed_by:
        return f"Give it another name or place; or write {turned.allowed_by} in {settings.config_file}, and restart."
    if turned.code.startswith("ignored"):
        return f"Give it another name or place, or change the rule in {settings.config_file}."
    return "Nothing needs doing: such files are not described."


def of_job(job: Job, engine: str, settings: Settings) -> str:
    if job.state is JobState.DONE:
        return f"It is described; read it with: smolwatch show {job.id}"
    if job.state is JobState.FAILED:
        return of_failed(job)
    if job.state is JobState.SKIPPED:
        return of_skipped(job)
    if not is_running(settings):
        return f"It waits, and no daemon is running; {START}"
    if job.state is JobState.GONE:
        return PATIENCE
    if job.state is JobState.QUEUED and engine:
        return f"It waits for the model. {engine}"
    if job.not_before and job.cause is Cause.ENVIRONMENT:
        return f"See to what its reason says; it is tried again by itself after {stamp(job.not_before)}."
    if job.not_before:
        return f"Nothing needs doing: it is tried again after {stamp(job.not_before)}."
    return PATIENCE if job.state is JobState.QUEUED else "Nothing needs doing: it is being worked on."


def of_failed(job: Job) -> str:
    """The file was left as it is. What may pass may be tried again; damaged bytes stay damaged."""
    again = f"smolwatch retry {job.id}"
    if job.reason_code == UnreadableError.code:
        return "Put an undamaged copy in its place, which is picked up by itself: the same bytes would fail again."
    if job.reason_code == OutOfMemoryError.code:
        return f"Put a smaller copy in its place, which is picked up by itself; or close other programs, and: {again}"
    return f"The file was left as it is. Try it again with: {again}"


def of_skipped(job: Job) -> str:
    """Its bytes cannot be described as they are, however often they are tried."""
    if job.reason_code == TooLargeError.code:
        return "Put a smaller copy in its place: it is picked up by itself."
    return "The file was left as it is. Should it change, it is looked at again by itself."


def is_running(settings: Settings) -> bool:
    return holder(settings.lock_file) is not None
