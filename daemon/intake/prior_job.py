"""Compares a path's job with the file that is there now, before it is read. Pure."""

from __future__ import annotations

from collections.abc import Container

from daemon.intake.birth_time import is_the_same_file
from storage.lifecycle import Cause, JobState
from storage.records import Fingerprint, Job, NewFile


def is_undescribed(job: Job | None, settled: Fingerprint) -> bool:
    """The path has no description and no live job: the file may be half of a Live Photo."""
    has_none = job is None or job.state in (JobState.GONE, JobState.FAILED, JobState.SKIPPED)
    return has_none and not had_its_job(job, settled)


def is_newcomer(file: NewFile, job: Job | None, held: Container[bytes]) -> bool:
    """Whether it may be another file under a freed name: other content than the path's job, and no proof.

    `held`: the names that were never free since they were judged.
    """
    if job is None or job.digest == file.digest or file.path in held:
        return False
    return not is_the_same_file(file.path, file.fingerprint, job)


def had_its_job(job: Job | None, settled: Fingerprint) -> bool:
    """Whether the file is unchanged since its job; cheap, so that a sweep after a restart reads no file."""
    return job is not None and job.state is not JobState.GONE and job.fingerprint == settled


def waits_for_the_machine(job: Job) -> bool:
    """The machine kept it from being opened: if it can be read now, the wait is over."""
    return job.state is JobState.QUEUED and job.cause is Cause.ENVIRONMENT
