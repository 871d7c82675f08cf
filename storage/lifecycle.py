"""The states of a job and the transitions between them. Pure.

queued → running → publishing → done
running → queued (released, retried, reaped)      running → failed | skipped | gone; queued → skipped | gone
publishing → publishing (written again)           failed → queued on request, or when the cause is gone
done → publishing when the file was moved or its sidecars are missing; gone → queued when the file was moved
(nothing) → done when a description is imported from its sidecar
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    QUEUED = "queued"  #: waits for a worker
    RUNNING = "running"  #: a worker holds it, under a lease
    PUBLISHING = "publishing"  #: described; its sidecars are being written
    DONE = "done"  #: described, and its sidecars are written
    FAILED = "failed"  #: given up, with a reason; the file is untouched
    SKIPPED = "skipped"  #: not a file that can be described, with a reason
    GONE = "gone"  #: the file disappeared before it was described

    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({JobState.DONE, JobState.FAILED, JobState.SKIPPED, JobState.GONE})

TRANSITIONS: frozenset[tuple[JobState, JobState]] = frozenset(
    {
        (JobState.QUEUED, JobState.RUNNING),
        (JobState.QUEUED, JobState.GONE),
        (JobState.QUEUED, JobState.SKIPPED),
        (JobState.RUNNING, JobState.QUEUED),
        (JobState.RUNNING, JobState.PUBLISHING),
        (JobState.RUNNING, JobState.FAILED),
        (JobState.RUNNING, JobState.SKIPPED),
        (JobState.RUNNING, JobState.GONE),
        (JobState.PUBLISHING, JobState.DONE),
        (JobState.FAILED, JobState.QUEUED),
        (JobState.SKIPPED, JobState.QUEUED),
        (JobState.DONE, JobState.PUBLISHING),
        (JobState.GONE, JobState.QUEUED),
    }
)


#: The reason code of a job that was skipped on request.
CANCELLED = "cancelled"


class Cause(StrEnum):
    """The cause of a failure; it decides what happens next."""

    TRANSIENT = "transient"  #: temporary: retry later
    ENVIRONMENT = "environment"  #: the machine's: disk, mount, permission
    INPUT = "input"  #: the file's own: do not retry
    MODEL = "model"  #: the engine's: no attempt is charged
