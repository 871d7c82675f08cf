"""One run of the daemon, from its start to its end, for what it writes and for its workers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DaemonRun:
    """`id`: a new one at each start, also in the lock file. `launched_by`: "terminal", "program" or the service."""

    id: str
    launched_by: str
