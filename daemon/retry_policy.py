"""Decides what happens to a failed job: a failure and the time in, a decision out. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from storage.lifecycle import Cause

MAX_SECONDS = 3600.0
FIRST_SECONDS = 10.0
FACTOR = 4.0

#: A file that changed less long ago may still be incomplete, even when its size and times are settled: a copy that
#: allocated its size first, or a download that writes through mapped memory.
YOUNG_SECONDS = 600.0
#: Such a file is retried this often until it is older.
YOUNG_PAUSE = 120.0

#: The errors of a file that is still being written.
UNFINISHED_CODES = frozenset({"unfinished", "unreadable"})
#: Files that are not damaged, but cannot be decoded as they are: no retry helps.
SKIP_CODES = frozenset({"not-allowed", "not-regular", "too-large"})
#: The queued bytes are no longer at the path; what is there now is another file, for the intake to admit.
GONE_CODES = frozenset({"gone", "changed"})


class Action(StrEnum):
    FAIL = "fail"  #: give up, with the reason
    SKIP = "skip"  #: cannot be described as it is
    GONE = "gone"  #: the file is gone
    RELEASE = "release"  #: not the job's fault: the attempt is refunded
    RETRY = "retry"  #: again, not before a given time
    WAIT = "wait"  #: the same, with the attempt refunded: the failure shows nothing about the file


@dataclass(frozen=True, kw_only=True)
class Failure:
    """`attempts` includes this one; `young`: see `is_young`; `waited`: seconds since the job was queued."""

    cause: Cause
    code: str
    attempts: int
    max_attempts: int
    young: bool = False
    waited: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`not_before` is set for RETRY and WAIT only."""

    action: Action
    not_before: datetime | None = None


def decide(failure: Failure, now: datetime, random: Callable[[], float]) -> Decision:
    """`random` returns numbers from 0 to 1."""
    if failure.code in GONE_CODES:
        return Decision(action=Action.GONE)
    if failure.code in SKIP_CODES:
        return Decision(action=Action.SKIP)
    if failure.cause is Cause.MODEL:
        return Decision(action=Action.RELEASE)
    if failure.cause is Cause.ENVIRONMENT:
        return postpone(Action.WAIT, now, environment_backoff(failure.waited, random))
    if failure.young and failure.code in UNFINISHED_CODES:
        return postpone(Action.WAIT, now, YOUNG_PAUSE)
    if failure.cause is Cause.INPUT or failure.attempts >= failure.max_attempts:
        return Decision(action=Action.FAIL)
    return postpone(Action.RETRY, now, backoff(failure.attempts, random))


def postpone(action: Action, now: datetime, seconds: float) -> Decision:
    return Decision(action=action, not_before=now + timedelta(seconds=seconds))


def backoff(attempts: int, random: Callable[[], float]) -> float:
    """Seconds to wait after the n-th attempt: 10, 40, 160 ... 3600; minus up to half, so that retries spread out."""
    exponent = min(max(attempts - 1, 0), 10)
    return min(MAX_SECONDS, FIRST_SECONDS * FACTOR**exponent) * (0.5 + 0.5 * random())


def environment_backoff(waited: float, random: Callable[[], float]) -> float:
    """Seconds to wait for the machine: as long as the job has waited, 10 to 3600; minus up to half."""
    return min(MAX_SECONDS, max(FIRST_SECONDS, waited)) * (0.5 + 0.5 * random())


def is_young(stat: os.stat_result, now: datetime) -> bool:
    """Whether bytes or inode changed within the last ten minutes. Times in the future are ignored (wrong clock)."""
    ages = (now.timestamp() - changed_ns / 1e9 for changed_ns in (stat.st_mtime_ns, stat.st_ctime_ns))
    return any(0 <= age < YOUNG_SECONDS for age in ages)
