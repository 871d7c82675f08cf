"""How a trial went."""

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
LOOK_SECONDS = 0.05


class Result(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


class Failed(Exception):
    """What was expected did not come; the message says what did."""


class NotHere(Exception):
    """The trial is about something that this machine does not have."""


@dataclass(frozen=True)
class TrialResult:
    name: str
    result: Result
    words: str
    seconds: float = 0.0


def tried(name: str, trial: Callable[[], str]) -> TrialResult:
    """`trial` returns what it saw, or raises what went wrong."""
    began = time.monotonic()
    try:
        result, words = Result.PASSED, trial()
    except NotHere as why:
        result, words = Result.NOT_APPLICABLE, str(why)
    except (Failed, NoOutputError, SmolwatchError, OSError, psutil.Error) as error:
        result, words = Result.FAILED, str(error) or type(error).__name__
    return TrialResult(name, result, words, time.monotonic() - began)


def wait_for(look: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """The first true answer. Raises Failed with `what` had been waited for."""
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            raise Failed(f"Not within {seconds:.0f} s: {what}.")
        time.sleep(LOOK_SECONDS)
    return found
