"""What becomes of a job that went wrong. Pure: cause, attempts and time in, a decision out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from storage.lifecycle import Cause

LONGEST_SECONDS = 3600.0
FIRST_SECONDS = 10.0
FACTOR = 4.0

#: Files that are not meant for smolwatch at all, rather than damaged ones.
SKIP_CODES = frozenset({"not-allowed", "not-regular"})
#: The bytes that were queued are no longer at the path; what is there now is another file, for intake to admit.
GONE_CODES = frozenset({"gone", "changed"})


class Action(StrEnum):
    FAIL = "fail"  #: give up, with the reason
    SKIP = "skip"  #: not a file that can be described
    GONE = "gone"  #: nothing is left to describe
    RELEASE = "release"  #: not the job's fault: the attempt is given back
    RETRY = "retry"  #: again, not before a given moment


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`not_before` is set for RETRY alone."""

    action: Action
    not_before: datetime | None = None


def decide(
    cause: Cause, code: str, attempts: int, max_attempts: int, now: datetime, random: Callable[[], float]
) -> Decision:
    """`attempts` counts this one; `random` gives numbers from 0 to 1."""
    if code in GONE_CODES:
        return Decision(action=Action.GONE)
    if code in SKIP_CODES:
        return Decision(action=Action.SKIP)
    if cause is Cause.MODEL:
        return Decision(action=Action.RELEASE)
    if cause is Cause.INPUT or attempts >= max_attempts:
        return Decision(action=Action.FAIL)
    return Decision(action=Action.RETRY, not_before=now + timedelta(seconds=backoff(attempts, random)))


def backoff(attempts: int, random: Callable[[], float]) -> float:
    """Seconds to wait after the n-th attempt: 10, 40, 160 ... an hour; less up to half, so that many spread out."""
    exponent = min(max(attempts - 1, 0), 10)
    return min(LONGEST_SECONDS, FIRST_SECONDS * FACTOR**exponent) * (0.5 + 0.5 * random())
