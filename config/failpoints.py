"""Places on a file's way where a test has a process die, to see what the next one makes of it."""

from __future__ import annotations

import os
import signal

#: The name of a place, or "name:2" for the second time it is passed. Unset outside tests.
VARIABLE = "SMOLWATCH_CRASH_AT"

_passed: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Nothing, unless the environment names this place: then the process dies at once, as by kill -9."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if wanted in (name, f"{name}:{_passed[name]}"):
        os.kill(os.getpid(), signal.SIGKILL)
