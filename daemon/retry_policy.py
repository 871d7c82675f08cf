"""What becomes of a job that went wrong. Pure: what happened and the time in, a decision out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from storage.lifecycle import Cause

LONGEST_SECONDS = 3600.0
FIRST_SECONDS = 10.0
FACTOR = 4.0

#: A file that changed less long ago may still be on its way, however still it lies: a copy that made room first, or a
#: download that writes through memory.
YOUNG_SECONDS = 600.0
#: Such a file is tried again this often until it is older.
YOUNG_PAUSE = 120.0

#: What the bytes of a file that is still on its way look like.
UNFINISHED_CODES = frozenset({"unfinished", "unreadable"})
#: Files that cannot become a picture as they are, rather than damaged ones: no retry would help.
SKIP_CODES = frozenset({"not-allowed", "not-regular", "too-large"})
#: The bytes that were queued are no longer at the path; what is there now is another file, for intake to admit.
GONE_CODES = frozenset({"gone", "changed"})


class Action(StrEnum):
    FAIL = "fail"  #: give up, with the reason
    SKIP = "skip"  #: never to be described as it is
    GONE = "gone"  #: nothing is left to describe
    RELEASE = "release"  #: not the job's fault: the attempt is given back
    RETRY = "retry"  #: again, not before a given moment
    WAIT = "wait"  #: the same, and the attempt is given back: nothing was learnt about the file


@dataclass(frozen=True, kw_only=True)
class Failure:
    """`attempts` counts this one; `young`: the file changed a moment ago; `waited`: seconds since it was queued."""

    cause: Cause
    code: str
    attempts: int
    max_attempts: int
    young: bool = False
    waited: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`not_before` is set for RETRY and WAIT alone."""

    action: Action
    not_before: datetime | None = None


def decide(failure: Failure, now: datetime, random: Callable[[], float]) -> Decision:
    """`random` gives numbers from 0 to 1."""
    if failure.code in GONE_CODES:
        return Decision(action=Action.GONE)
    if failure.code in SKIP_CODES:
        return Decision(action=Action.SKIP)
    if failure.cause is Cause.MODEL:
        return Decision(action=Action.RELEASE)
    if failure.cause is Cause.ENVIRONMENT:
        return put_off(Action.WAIT, now, patience(failure.waited, random))
    if failure.young and failure.code in UNFINISHED_CODES:
        return put_off(Action.WAIT, now, YOUNG_PAUSE)
    if failure.cause is Cause.INPUT or failure.attempts >= failure.max_attempts:
        return Decision(action=Action.FAIL)
    return put_off(Action.RETRY, now, backoff(failure.attempts, random))


def put_off(action: Action, now: datetime, seconds: float) -> Decision:
    return Decision(action=action, not_before=now + timedelta(seconds=seconds))


def backoff(attempts: int, random: Callable[[], float]) -> float:
    """Seconds to wait after the n-th attempt: 10, 40, 160 ... an hour; less up to half, so that many spread out."""
    exponent = min(max(attempts - 1, 0), 10)
    return min(LONGEST_SECONDS, FIRST_SECONDS * FACTOR**exponent) * (0.5 + 0.5 * random())


def patience(waited: float, random: Callable[[], float]) -> float:
    """Seconds to wait for the machine: as long as was waited so far, from 10 seconds to an hour; less up to half."""
    return min(LONGEST_SECONDS, max(FIRST_SECONDS, waited)) * (0.5 + 0.5 * random())


def is_young(stat: os.stat_result, now: datetime) -> bool:
    """Whether bytes or inode changed within the last ten minutes. A time to come says nothing: a clock was wrong."""
    ages = (now.timestamp() - changed_ns / 1e9 for changed_ns in (stat.st_mtime_ns, stat.st_ctime_ns))
    return any(0 <= age < YOUNG_SECONDS for age in ages)
