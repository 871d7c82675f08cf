"""What to do about a file, in a sentence or two; never what cannot help. Pure, except that it reads the lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from config.inboxes import Inbox
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
from daemon.intake.filters import Rejection, reject_mode
from daemon.lock import holder
from storage.json_values import iso_utc
from storage.lifecycle import CANCELLED, Cause, JobState
from storage.records import Job, JobEvent, Refusal

RETRIED = "No action needed: it is retried automatically."
START = "start it with: smolwatch run"
#: States of a job that continues without a person.
LIVE = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING})


@dataclass(frozen=True)
class Known:
    """All that is known about a path. `look`: its lstat, or None. `inbox`: that it is in. `rejection`: by its rules.

    `verdict`: why intake would refuse a file that it has not seen yet. `is_paused`: a person has paused all work.
    """

    path: bytes
    look: os.stat_result | None
    inbox: Inbox | None
    rejection: Rejection | None
    verdict: MediaError | None = None
    refusal: Refusal | None = None
    job: Job | None = None
    events: tuple[JobEvent, ...] = ()
    engine_advice: str = ""
    is_paused: bool = False


def what_to_do(known: Known, settings: Settings, time_text: Callable[[datetime], str] = iso_utc) -> str:
    """Safe to print. `time_text` writes moments."""
    if known.look is None:
        return safe_text(of_absent(known, settings))
    if known.refusal and known.refusal.partner:
        return safe_text(f"To read its description: smolwatch show {os.fsdecode(known.refusal.partner)}")
    if known.refusal and (known.job is None or known.job.state not in LIVE):  # newer than the job's end
        refused = (
            of_rejection(known.rejection, settings) if known.rejection else of_refusal(known, known.refusal, settings)
        )
        return safe_text(refused)
    if known.job:
        return safe_text(of_job(known, known.job, settings, time_text))
    if rejection := known.rejection or reject_mode(known.look.st_mode):
        return safe_text(of_rejection(rejection, settings))
    if known.verdict:
        return safe_text(of_verdict(known.verdict))
    if known.inbox is None:
        return safe_text(f"Move or copy it into the inbox: {settings.inbox_path}")
    if not is_running(settings):
        return f"The daemon is not running; {START}"
    return f"It was not noticed yet; the whole inbox is checked every {known.inbox.sweep_seconds:.0f} s."


def of_absent(known: Known, settings: Settings) -> str:
    """The path does not exist now."""
    job = known.job
    if known.inbox and not known.inbox.path.is_dir():
        return "The whole inbox is missing: connect its disk, or restore the folder; then work continues automatically."
    if job is None:
        return "It is gone; no action needed."
    if job.state in (JobState.DONE, JobState.PUBLISHING):
        return f"It is gone; its description is kept: smolwatch show {job.id}"
    return "It is gone; to describe it, put it back into the inbox."


def of_refusal(known: Known, refusal: Refusal, settings: Settings) -> str:
    if refusal.code in refusal_texts.SKIPPED:
        return refusal_texts.advice_of(refusal)
    if refusal.code == NotDownloadedError.code:
        return NotDownloadedError.advice
    if refusal.code not in refusal_texts.WAITING:
        return "No action needed."
    if not is_running(settings):
        return f"It is waiting, and the daemon is not running; {START}"
    if refusal.code == NoAccessError.code:
        seconds = (known.inbox or settings.inbox).sweep_seconds
        return f"Fix what its reason names; it is retried within {seconds:.0f} s."
    return RETRIED


def of_verdict(verdict: MediaError) -> str:
    if verdict.code in refusal_texts.SKIPPED:
        return refusal_texts.kind_of(verdict.code, getattr(verdict, "kind", None)).advice
    return verdict.advice or RETRIED


def of_rejection(rejection: Rejection, settings: Settings) -> str:
    """A rule of the inbox excludes the name, or it is not a file."""
    if rejection.code == NotDownloadedError.code:
        return NotDownloadedError.advice
    if rejection.code in refusal_texts.SKIPPED:
        return refusal_texts.kind_of(rejection.code, None).advice
    if rejection.allowed_by:
        return f"Rename or move it; or write {rejection.allowed_by} in {settings.config_file}, and restart the daemon."
    if rejection.code.startswith("ignored"):
        return f"Rename or move it, or change the rule in {settings.config_file}, and restart the daemon."
    return "No action needed: such files are not described."


def of_job(known: Known, job: Job, settings: Settings, time_text: Callable[[datetime], str]) -> str:
    if job.state is JobState.DONE:
        return f"It is described. To read it: smolwatch show {job.id}"
    if job.state is JobState.FAILED:
        return of_failed(job)
    if job.state is JobState.SKIPPED:
        return of_skipped(job)
    if not is_running(settings):
        return f"It is waiting, and the daemon is not running; {START}"
    if job.state is JobState.GONE:
        return RETRIED
    if job.state is JobState.QUEUED and known.is_paused:
        return "It is waiting, since work is paused. Continue with: smolwatch resume"
    if job.state is JobState.QUEUED and known.engine_advice:
        return f"It is waiting for the model. {known.engine_advice}"
    if job.not_before and job.cause is Cause.ENVIRONMENT:
        return f"Fix what its reason names; it is retried automatically after {time_text(job.not_before)}."
    if job.not_before:
        return f"No action needed: it is retried after {time_text(job.not_before)}."
    return RETRIED if job.state is JobState.QUEUED else "No action needed: it is being described."


def of_failed(job: Job) -> str:
    """A retry is offered where it can help; damaged bytes stay damaged."""
    again = f"smolwatch retry {job.id}"
    if job.reason_code == UnreadableError.code:
        return "Replace it with an undamaged copy, which is picked up automatically; the same bytes would fail again."
    if job.reason_code == OutOfMemoryError.code:
        return (
            f"Replace it with a smaller copy, which is picked up automatically; or close other programs, and: {again}"
        )
    return f"The file was not changed. To try it again: {again}"


def of_skipped(job: Job) -> str:
    """Unless it was cancelled, another try on the same bytes would fail."""
    if job.reason_code == CANCELLED:
        return f"It was cancelled. To describe it after all: smolwatch retry {job.id}"
    if job.reason_code == TooLargeError.code:
        return "Replace it with a smaller copy, which is picked up automatically."
    return "The file was not changed. If it changes, it is tried again automatically."


def is_running(settings: Settings) -> bool:
    return holder(settings.lock_file) is not None
