"""The outcomes of admitting a file."""

from __future__ import annotations

from enum import StrEnum


class AdmitResult(StrEnum):
    """The outcome for a settled path."""

    QUEUED = "queued"  #: it has a new job
    KNOWN = "known"  #: it had a job with the same content
    CHANGED = "changed"  #: a comparison found other content than its job's
    ASIDE = "aside"  #: half of a Live Photo, described together with its other half
    REFUSED = "refused"  #: refused until its content changes
    FOREIGN = "foreign"  #: refused for certain: its head shows another format
    LATER = "later"  #: the machine is the cause: the next sweep tries again
    AGAIN = "again"  #: it changed while it was read: it must settle again
    GONE = "gone"  #: it no longer exists

    @property
    def is_final(self) -> bool:
        """Whether nothing is to be done until the file changes."""
        settled = {
            AdmitResult.QUEUED,
            AdmitResult.KNOWN,
            AdmitResult.CHANGED,
            AdmitResult.ASIDE,
            AdmitResult.REFUSED,
            AdmitResult.FOREIGN,
        }
        return self in settled
