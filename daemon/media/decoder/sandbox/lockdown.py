"""What the system offers to keep a process in: no files, no network, no other programs, from the call on.

Where the system refuses, the process runs on with what it has, and says why there is no more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from daemon.media.decoder.sandbox import landlock, seatbelt, seccomp

Lock = Callable[[], None]

#: Each may raise OSError; none needs the others.
MEASURES: dict[str, dict[str, Lock]] = {
    "linux": {"landlock": landlock.lock, "seccomp": seccomp.lock},
    "darwin": {"seatbelt": seatbelt.lock},
}


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """`kind` names what holds, such as "landlock+seccomp", or is "none"; `reason` says what does not hold, and why."""

    kind: str
    reason: str = ""


def lock_in() -> Sandbox:
    """For the calling process, once, after everything that it needs is loaded. It cannot be undone."""
    return locked_by(MEASURES.get(sys.platform, {}))


def locked_by(measures: Mapping[str, Lock]) -> Sandbox:
    held, refused = [], []
    for name, lock in measures.items():
        try:
            lock()
        except OSError as error:
            refused.append(f"{name}: {error.strerror or error}")
        else:
            held.append(name)
    if not measures:
        refused.append(f"smolwatch knows no sandbox for {sys.platform}")
    return Sandbox(kind="+".join(held) or "none", reason="; ".join(refused))
