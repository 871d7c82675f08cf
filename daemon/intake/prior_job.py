"""What a path's job says about the file that is there now, before it is read. Pure."""

from __future__ import annotations

from collections.abc import Container

from daemon.intake.birth_time import is_the_same_file
from storage.lifecycle import Cause, JobState
from storage.records import Fingerprint, Job, NewFile


def is_undescribed(job: Job | None, settled: Fingerprint) -> bool:
    """Nothing was said of the path, nor is about to be: the file may turn out to be half of a Live Photo."""
    nothing_said = job is None or job.state in (JobState.GONE, JobState.FAILED, JobState.SKIPPED)
    return nothing_said and not had_its_job(job, settled)


def is_newcomer(file: NewFile, job: Job | None, held: Container[bytes]) -> bool:
    """Whether it may have come under a name that was free: other bytes than the path's job was about, and no proof.

    `held`: the names that were never free since they were last judged.
    """
    if job is None or job.digest == file.digest or file.path in held:
        return False
    return not is_the_same_file(file.path, file.fingerprint, job)


def had_its_job(job: Job | None, settled: Fingerprint) -> bool:
    """A cheap answer for a file that stands untouched since its job: a sweep after a restart reads none of them."""
    return job is not None and job.state is not JobState.GONE and job.fingerprint == settled


def waits_for_the_machine(job: Job) -> bool:
    """Something was in the way of the file when it was to be opened: if it can be read now, the wait is over."""
    return job.state is JobState.QUEUED and job.cause is Cause.ENVIRONMENT
