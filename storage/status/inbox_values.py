"""What the daemon reports about each inbox, as frozen values: see `values`. Every inbox has rows of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from config.inboxes import DEFAULT_INBOX
from storage.status.stored_fields import Stored, moment, number, text
from storage.status.values import Status


@dataclass(frozen=True, kw_only=True)
class InboxStatus(Status):
    """A status of one inbox. `inbox`: its name."""

    inbox: str = DEFAULT_INBOX

    @property
    def key(self) -> str:
        return self.key_of(self.inbox)

    @classmethod
    def key_of(cls, inbox: str) -> str:
        """The row of homes that have only one inbox is named by the kind alone."""
        return cls.KEY if inbox == DEFAULT_INBOX else f"{cls.KEY}: {inbox}"


@dataclass(frozen=True, kw_only=True)
class IntakeStatus(InboxStatus):
    """`problem` and `advice`: sentences, or "". `seen`: files in the inbox. `settling`: the number of unsettled files.

    `rescan`: the newest rescan on request. `orphans`: the number of missing files that still have sidecars.
    """

    KEY = "intake"
    watching: bool = False
    observer: str = "none"
    problem: str = ""
    advice: str = ""
    last_sweep: datetime | None = None
    seen: int = 0
    settling: int = 0
    orphans: int = 0
    rescan: Mapping[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        return {
            "watching": self.watching,
            "observer": self.observer,
            "problem": self.problem,
            "advice": self.advice,
            "last_sweep": self.last_sweep and self.last_sweep.isoformat(),
            "seen": self.seen,
            "settling": self.settling,
            "orphans": self.orphans,
            "rescan": dict(self.rescan),
        }

    @classmethod
    def from_json(cls, stored: Stored) -> Self:
        rescan = stored.get("rescan")
        return cls(
            run=text(stored, "run") or "",
            watching=stored.get("watching") is True,
            observer=text(stored, "observer") or "none",
            problem=text(stored, "problem") or "",
            advice=text(stored, "advice") or "",
            last_sweep=moment(stored, "last_sweep"),
            seen=number(stored, "seen") or 0,
            settling=number(stored, "settling") or 0,
            orphans=number(stored, "orphans") or 0,
            rescan=rescan if isinstance(rescan, dict) else {},
        )


@dataclass(frozen=True, kw_only=True)
class InboxDisk(InboxStatus):
    """The device number (st_dev) and inode of the inbox's folder, when they were last seen."""

    KEY = "inbox disk"
    device: int | None = None
    inode: int | None = None

    def facts(self) -> dict[str, Any]:
        return {"device": self.device, "inode": self.inode}

    @classmethod
    def from_json(cls, stored: Stored) -> Self:
        return cls(run=text(stored, "run") or "", device=number(stored, "device"), inode=number(stored, "inode"))


def combined(statuses: Mapping[str, IntakeStatus]) -> IntakeStatus:
    """The status of several inboxes, by name, as one: numbers add up, and each problem names its inbox."""
    if len(statuses) == 1:
        return next(iter(statuses.values()))
    every = statuses.values()
    sweeps = [status.last_sweep for status in every]
    oldest = None if None in sweeps else min(filter(None, sweeps), default=None)
    return IntakeStatus(
        run=next((status.run for status in every), ""),
        watching=all(status.watching for status in every),
        observer=", ".join(dict.fromkeys(status.observer for status in every)) or "none",
        problem=". ".join(f"{name}: {status.problem}" for name, status in statuses.items() if status.problem),
        advice=" ".join(dict.fromkeys(status.advice for status in every if status.advice)),
        last_sweep=oldest,
        seen=sum(status.seen for status in every),
        settling=sum(status.settling for status in every),
        orphans=sum(status.orphans for status in every),
    )
