"""The result of a trial."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import psutil

from config.errors import SmolwatchError
from daemon.doctor.subprocesses import NoOutputError

T = TypeVar("T")
POLL_SECONDS = 0.05


class Result(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


class TrialFailedError(Exception):
    """The trial failed; the message is the reason."""


class NotApplicableError(Exception):
    """The trial needs something that this machine does not have."""


@dataclass(frozen=True)
class TrialResult:
    name: str
    result: Result
    text: str
    seconds: float = 0.0


def run_trial(name: str, trial: Callable[[], str]) -> TrialResult:
    """Run `trial`, which returns its result as text or raises an error."""
    began = time.monotonic()
    try:
        result, text = Result.PASSED, trial()
    except NotApplicableError as why:
        result, text = Result.NOT_APPLICABLE, str(why)
    except (TrialFailedError, NoOutputError, SmolwatchError, OSError, psutil.Error) as error:
        result, text = Result.FAILED, str(error) or type(error).__name__
    return TrialResult(name, result, text, time.monotonic() - began)


def wait_for(look: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """The first true result of `look`. Raises Failed with `what` if none comes in time."""
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            raise TrialFailedError(f"Not within {seconds:.0f} s: {what}.")
        time.sleep(POLL_SECONDS)
    return found
