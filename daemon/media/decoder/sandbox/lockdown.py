"""Enters the system's sandbox: from then on no files, no network, no other programs.

A lock that the system refuses is skipped; the result states the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from daemon.media.decoder.sandbox import landlock, seatbelt, seccomp

Lock = Callable[[], None]

#: Each may raise OSError; they are independent.
LOCKS: dict[str, dict[str, Lock]] = {
    "linux": {"landlock": landlock.lock, "seccomp": seccomp.lock},
    "darwin": {"seatbelt": seatbelt.lock},
}


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """`kind`: the locks in effect, such as "landlock+seccomp", or "none". `reason`: which are not, and why."""

    kind: str
    reason: str = ""


def enter_sandbox() -> Sandbox:
    """Lock the calling process. Call it once, after all modules are loaded; it cannot be undone."""
    return apply_locks(LOCKS.get(sys.platform, {}))


def apply_locks(measures: Mapping[str, Lock]) -> Sandbox:
    held, refused = [], []
    for name, lock in measures.items():
        try:
            lock()
        except OSError as error:
            refused.append(f"{name}: {error.strerror or error}")
        else:
            held.append(name)
    if not measures:
        refused.append(f"smolwatch has no sandbox for {sys.platform}")
    return Sandbox(kind="+".join(held) or "none", reason="; ".join(refused))
