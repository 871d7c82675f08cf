"""All that the doctor looks at, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daemon.doctor import home_folder, inbox, program, running, runtime
from daemon.doctor.finding import Finding


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was seen at one moment."""

    program: program.ProgramFacts
    house: home_folder.HomeFacts
    inbox: inbox.InboxFacts
    parts: runtime.RuntimeFacts
    running: running.RunningFacts


def look(home: Path | None, environ: Mapping[str, str], now: datetime) -> Facts:
    """Looks, and changes nothing. Raises nothing that a broken home, library or service could bring about."""
    settings, misconfigured = home_folder.settings_or_why(home)
    return Facts(
        program=program.look_at_program(),
        house=home_folder.look_at_house(settings, misconfigured, environ, now),
        inbox=inbox.look_at_inbox(settings, now),
        parts=runtime.look_at_parts(settings),
        running=running.look_at_running(settings, environ),
    )


def lines_of(facts: Facts) -> list[Finding]:
    """One line a thing. Pure."""
    return [
        *program.lines(facts.program),
        *runtime.lines(facts.parts, facts.house.settings),
        *home_folder.lines(facts.house),
        *inbox.lines(facts.inbox),
        *running.lines(facts.running),
    ]
