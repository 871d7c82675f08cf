"""All that the doctor looks at, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daemon.doctor import house, inbox, parts, program, running
from daemon.doctor.line import Line


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was seen at one moment."""

    program: program.Program
    house: house.House
    inbox: inbox.Inbox
    parts: parts.Parts
    running: running.Running


def look(home: Path | None, environ: Mapping[str, str], now: datetime) -> Facts:
    """Looks, and changes nothing. Raises nothing that a broken home, library or service could bring about."""
    settings, misconfigured = house.settings_or_why(home)
    return Facts(
        program=program.look_at_program(),
        house=house.look_at_house(settings, misconfigured, now),
        inbox=inbox.look_at_inbox(settings, now),
        parts=parts.look_at_parts(settings),
        running=running.look_at_running(settings, environ),
    )


def lines_of(facts: Facts) -> list[Line]:
    """One line a thing. Pure."""
    return [
        *program.lines(facts.program),
        *parts.lines(facts.parts, facts.house.settings),
        *house.lines(facts.house),
        *inbox.lines(facts.inbox),
        *running.lines(facts.running),
    ]
