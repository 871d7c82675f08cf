"""Failpoints: places where a test kills the process, to check that the next one recovers."""

from __future__ import annotations

import os
import signal

#: The name of a failpoint, or "name:2" for the second pass. Unset outside tests.
VARIABLE = "SMOLWATCH_CRASH_AT"

_passed: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Kill this process with SIGKILL if the environment names this failpoint; else do nothing."""
    armed = os.environ.get(VARIABLE)
    if armed is None:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if armed in (name, f"{name}:{_passed[name]}"):
        os.kill(os.getpid(), signal.SIGKILL)
