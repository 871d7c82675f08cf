"""Waits for a thread or a process, with a time limit and no fixed sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T | Literal[False] | None], seconds: float = 15.0, every: float = 0.02) -> T:
    """The first true result of `look`; AssertionError with the last one after `seconds`."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"not within {seconds} s; the last result was {found!r}"
        time.sleep(every)
    return found
