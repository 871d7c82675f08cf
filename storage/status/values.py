"""What the daemon reports about itself, as frozen values. Each is stored as plain JSON in a row of its own.

Each value names the run of the daemon that wrote it. Rows of other versions are read as far as they are understood: a
field that is missing, or not of its type, has its default.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from storage.json_values import omit_missing
from storage.status.stored_fields import Stored, moment, number, parsed, text, texts


@dataclass(frozen=True, kw_only=True)
class Status(ABC):
    """`run`: the run of the daemon that wrote it, "" if it is unknown. `KEY`: the row's key."""

    KEY: ClassVar[str]
    run: str = ""

    @property
    def key(self) -> str:
        """Of the row that holds this value."""
        return self.KEY

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """The fields but for `run`, as plain JSON values; without those that do not apply."""

    @classmethod
    @abstractmethod
    def from_json(cls, stored: Stored) -> Self:
        """The value of a stored row."""

    def to_json(self) -> dict[str, Any]:
        """The row to store."""
        return self.facts() | ({"run": self.run} if self.run else {})


@dataclass(frozen=True, kw_only=True)
class DaemonStatus(Status):
    """`state`: "running" or "stopped". `smolwatch`: its version.

    `inbox`: the first folder that this run watches. `inboxes`: all of them by name, in the order of the settings.
    """

    KEY = "daemon"
    state: str = ""
    pid: int | None = None
    started_at: datetime | None = None
    launched_by: str | None = None
    home: str | None = None
    inbox: str | None = None
    inboxes: Mapping[str, str] = field(default_factory=dict)
    smolwatch: str | None = None

    def facts(self) -> dict[str, Any]:
        return omit_missing(
            state=self.state or None,
            pid=self.pid,
            started_at=self.started_at and self.started_at.isoformat(),
            launched_by=self.launched_by,
            home=self.home,
            inbox=self.inbox,
            inboxes=dict(self.inboxes) or None,
            smolwatch=self.smolwatch,
        )

    @classmethod
    def from_json(cls, stored: Stored) -> Self:
        return cls(
            run=text(stored, "run") or "",
            state=text(stored, "state") or "",
            pid=number(stored, "pid"),
            started_at=moment(stored, "started_at"),
            launched_by=text(stored, "launched_by"),
            home=text(stored, "home"),
            inbox=text(stored, "inbox"),
            inboxes=texts(stored, "inboxes"),
            smolwatch=text(stored, "smolwatch"),
        )


@dataclass(frozen=True, kw_only=True)
class EngineStatus(Status):
    """`state`: "idle", "loading", "ready", "restarting", "unavailable" or "safe mode".

    `reason` and `advice`: sentences. The other fields are those of the loaded engine; `notes`: what was decided when
    it was loaded. `control`: a digest of the weights, the precision and the answers about control tiles; `problem`: why
    the model is not trusted after these answers.
    """

    KEY = "engine"
    state: str = ""
    reason: str | None = None
    advice: str | None = None
    model: str | None = None
    revision: str | None = None
    engine: str | None = None
    device: str | None = None
    dtype: str | None = None
    detail: str | None = None
    rows: int | None = None
    control: str | None = None
    problem: str | None = None
    notes: tuple[str, ...] | None = None

    def facts(self) -> dict[str, Any]:
        return omit_missing(
            state=self.state or None,
            reason=self.reason,
            advice=self.advice,
            model=self.model,
            revision=self.revision,
            engine=self.engine,
            device=self.device,
            dtype=self.dtype,
            detail=self.detail,
            rows=self.rows,
            control=self.control,
            problem=self.problem,
            notes=None if self.notes is None else list(self.notes),
        )

    @classmethod
    def from_json(cls, stored: Stored) -> Self:
        notes = stored.get("notes")
        return cls(
            run=text(stored, "run") or "",
            state=text(stored, "state") or "",
            reason=text(stored, "reason"),
            advice=text(stored, "advice"),
            model=text(stored, "model"),
            revision=text(stored, "revision"),
            engine=text(stored, "engine"),
            device=text(stored, "device"),
            dtype=text(stored, "dtype"),
            detail=text(stored, "detail"),
            rows=number(stored, "rows"),
            control=text(stored, "control"),
            problem=text(stored, "problem"),
            notes=tuple(map(str, notes)) if isinstance(notes, list) else None,
        )


@dataclass(frozen=True, kw_only=True)
class FeatureCacheStatus(Status):
    """Kept image features: their size in bytes, and how many tiles were found there (`hits`), or encoded (`misses`)."""

    KEY = "feature cache"
    memory_bytes: int = 0
    disk_bytes: int = 0
    hits: int = 0
    misses: int = 0

    def facts(self) -> dict[str, Any]:
        return {
            "memory_bytes": self.memory_bytes,
            "disk_bytes": self.disk_bytes,
            "hits": self.hits,
            "misses": self.misses,
        }

    @classmethod
    def from_json(cls, stored: Stored) -> Self:
        return cls(
            run=text(stored, "run") or "",
            memory_bytes=number(stored, "memory_bytes") or 0,
            disk_bytes=number(stored, "disk_bytes") or 0,
            hits=number(stored, "hits") or 0,
            misses=number(stored, "misses") or 0,
        )


@dataclass(frozen=True, kw_only=True)
class PowerStatus(Status):
    """`pace`: "full", "slow" or "paused", with a `reason` unless it is full. `source`: what powers the machine."""

    KEY = "power"
    pace: str = ""
    reason: str | None = None
    source: str | None = None

    def facts(self) -> dict[str, Any]:
        return omit_missing(pace=self.pace or None, reason=self.reason, source=self.source)

    @classmethod
    def from_json(cls, stored: Stored) -> Self:
        return cls(
            run=text(stored, "run") or "",
            pace=text(stored, "pace") or "",
            reason=text(stored, "reason"),
            source=text(stored, "source"),
        )


@dataclass(frozen=True, kw_only=True)
class StartsStatus(Status):
    """When the daemon was started since its last clean end, oldest first."""

    KEY = "starts"
    at: tuple[datetime, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {"at": [start.isoformat() for start in self.at]}

    @classmethod
    def from_json(cls, stored: Stored) -> Self:
        found = stored.get("at")
        starts = map(parsed, found) if isinstance(found, list) else ()
        return cls(run=text(stored, "run") or "", at=tuple(start for start in starts if start is not None))
