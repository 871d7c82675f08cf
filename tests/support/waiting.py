"""Waiting for something that a thread or a process will do, with a limit and no fixed sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T], seconds: float = 15.0, every: float = 0.02) -> T:
    """The first true answer; AssertionError with the last one when time is over."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"waited {seconds} s in vain; the last answer was {found!r}"
        time.sleep(every)
    return found
