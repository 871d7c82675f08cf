"""All checks of the doctor: first the facts are collected, then judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daemon.doctor import home_folder, inbox, program, running, runtime
from daemon.doctor.finding import Finding


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was found at one moment."""

    program: program.ProgramFacts
    home: home_folder.HomeFacts
    inboxes: tuple[inbox.InboxFacts, ...]
    runtime: runtime.RuntimeFacts
    running: running.RunningFacts


def look(home: Path | None, environ: Mapping[str, str], now: datetime) -> Facts:
    """Collects the facts and changes nothing. Never raises because of a broken home, library or service."""
    settings, misconfigured = home_folder.settings_or_reason(home)
    return Facts(
        program=program.look_at_program(),
        home=home_folder.look_at_home(settings, misconfigured, environ, now),
        inboxes=inbox.look_at_inboxes(settings, now),
        runtime=runtime.look_at_runtime(settings),
        running=running.look_at_running(settings, environ),
    )


def findings_of(facts: Facts) -> list[Finding]:
    """One finding a check. Pure."""
    return [
        *program.findings(facts.program),
        *runtime.findings(facts.runtime, facts.home.settings),
        *home_folder.findings(facts.home),
        *(finding for one in facts.inboxes for finding in inbox.findings(one)),
        *running.findings(facts.running),
    ]
