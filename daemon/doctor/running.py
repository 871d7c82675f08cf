"""The running daemon, the service that starts it, and the environment of this command."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil

from config.errors import SmolwatchError
from config.inbox_checks import is_same
from config.load import load_settings
from config.settings import Settings
from config.version import own_version
from daemon.doctor.finding import Finding, not_applicable, ok, problem, warning
from daemon.errors import ServiceError
from daemon.lock import holder, noted
from daemon.service.detect import service_here
from daemon.service.service_spec import spec_for, unseen_settings
from daemon.service.service_state import RunState, ServiceState
from daemon.service.start_failure import StartFailure, read_failure
from storage.db.database import open_database
from storage.json_values import iso_utc
from storage.library import Library

AGAIN = "smolwatch service install"


@dataclass(frozen=True, kw_only=True)
class RunningFacts:
    """`pid`: the daemon of this home. `rivals`: daemons of other homes with the same inbox.

    `model_problem`: why its model is not trusted.
    `service` is its state, or why there can be none; `outdated`: its definition is not what would be written now;
    `program_missing`: the program that it starts is no longer there.
    `context`: what is odd about the place where this was typed.
    """

    settings: Settings
    pid: int | None = None
    unreadable_lock: str = ""
    daemon_problem: str = ""
    version: str = ""
    paused_since: datetime | None = None
    model_problem: str = ""
    failure: StartFailure | None = None
    rivals: Sequence[int] = ()
    service: ServiceState | str = ""
    outdated: bool = False
    program_missing: bool = False
    place: str = ""
    warnings: Mapping[str, str] = field(default_factory=dict)


def look_at_running(settings: Settings, environ: Mapping[str, str]) -> RunningFacts:
    pid, unreadable = holder_or_reason(settings)
    service, outdated = look_at_service(settings, environ)
    return RunningFacts(
        settings=settings,
        pid=pid,
        unreadable_lock=unreadable,
        daemon_problem=noted(settings.lock_file) if pid is not None else "",
        version=version_of_daemon(settings) if pid is not None else "",
        paused_since=paused_since(settings),
        model_problem=model_problem(settings) if pid is not None else "",
        failure=read_failure(settings.home) if pid is None else None,
        rivals=rivals_of(settings, pid),
        service=service,
        outdated=outdated,
        program_missing=isinstance(service, ServiceState) and not os.path.exists(service.program or ""),
        place=place(environ),
        warnings=oddities(environ, service),
    )


def holder_or_reason(settings: Settings) -> tuple[int | None, str]:
    try:
        return holder(settings.lock_file), ""
    except OSError as error:
        return None, f"{settings.lock_file}: {error.strerror}"


def version_of_daemon(settings: Settings) -> str:
    """The version that the running daemon has stored; empty if it cannot be read."""
    with suppress(SmolwatchError), closing(open_database(settings.database_place, read_only=True)) as database:
        return Library(database).status.daemon().smolwatch or ""
    return ""


def paused_since(settings: Settings) -> datetime | None:
    """None while work is not paused, or there is no database that can be read."""
    with suppress(SmolwatchError), closing(open_database(settings.database_place, read_only=True)) as database:
        return Library(database).status.paused_since()
    return None


def model_problem(settings: Settings) -> str:
    """Why the running daemon's model is not trusted; empty if it is, or if that cannot be read."""
    with suppress(SmolwatchError), closing(open_database(settings.database_place, read_only=True)) as database:
        return Library(database).status.engine().problem or ""
    return ""


def rivals_of(settings: Settings, pid: int | None) -> list[int]:
    """Process ids of this user's daemons for other homes that share an inbox."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError, SmolwatchError, ValueError):
            text = process.cmdline()
            if process.pid in (pid, os.getpid()) or "run" not in text or not is_smolwatch(text):
                continue
            home = Path(text[text.index("--home") + 1]) if "--home" in text else None
            theirs = load_settings(home=home and process.cwd() / home, environ=process.environ())
            if share_an_inbox(theirs, settings) and holder(theirs.lock_file) == process.pid:
                found.append(process.pid)
    return found


def share_an_inbox(one: Settings, other: Settings) -> bool:
    return any(is_same(inbox.path, theirs.path) for inbox in one.inboxes for theirs in other.inboxes)


def is_smolwatch(text: Sequence[str]) -> bool:
    return "cli.main" in text or any(Path(word).name == "smolwatch" for word in text[:2])


def look_at_service(settings: Settings, environ: Mapping[str, str]) -> tuple[ServiceState | str, bool]:
    try:
        service = service_here(environ)
        state = service.state()
    except ServiceError as error:
        return f"{str(error).rstrip('.')}. {error.advice}".strip(), False
    if not state.installed or state.home != settings.home:
        return state, False
    try:
        return state, not service.is_current(spec_for(settings, environ))
    except SmolwatchError:  # nothing to compare it with
        return state, False


def place(environ: Mapping[str, str]) -> str:
    """The kind of session of this command: with a screen, over SSH, or without a screen."""
    if environ.get("SSH_CONNECTION"):
        return "over SSH"
    if platform.system() == "Darwin":
        asked = subprocess.run(["/bin/launchctl", "managername"], capture_output=True, check=False)
        session = asked.stdout.decode(errors="replace").strip()
        return "in a session at the screen" if session == "Aqua" else f"in a session without the screen ({session})"
    return "on this machine"


def oddities(environ: Mapping[str, str], service: ServiceState | str) -> dict[str, str]:
    """Unusual facts about the environment, each with its advice."""
    found = {}
    if os.geteuid() == 0 and environ.get("SUDO_USER"):
        found["This command runs with sudo"] = (
            "Run this as your normal user: you could not change what root creates in the home."
        )
    if (home := environ.get("HOME")) and os.geteuid() != 0 and Path(home) != own_home():
        found[f"HOME is {home}, not your own home folder"] = (
            "The service uses your own home folder: give smolwatch's home with --home."
        )
    first = shutil.which("smolwatch", path=environ.get("PATH"))
    mine = Path(sys.executable).with_name("smolwatch")
    if first is not None and mine.exists() and not Path(first).samefile(mine):
        found[f"Another smolwatch comes first on PATH: {first}"] = f"Remove one of the two; this one is {mine}"
    if isinstance(service, ServiceState) and service.installed and (names := unseen_settings(environ)):
        held = "Put them into config/smolwatch.toml: the service does not see them."
        found[f"{', '.join(names)} set in this terminal only"] = held
    return found


def own_home() -> Path:
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:  # a user id without an entry, as in a container
        return Path.home()


def findings(running: RunningFacts) -> Iterator[Finding]:
    yield daemon_line(running)
    yield service_line(running)
    yield context_line(running)


def daemon_line(running: RunningFacts) -> Finding:
    if running.unreadable_lock:
        advice = f'Take ownership of it: sudo chown -R "$(id -un)" "{running.settings.home}"'
        return problem("daemon", f"The lock cannot be read: {running.unreadable_lock}", advice)
    if running.rivals:
        others = ", ".join(map(str, running.rivals))
        advice = "Stop it, or give each home an inbox of its own. Otherwise both describe every file."
        return problem("daemon", f"A daemon of another home watches the same inbox (process {others})", advice)
    if running.pid is None:
        if running.failure is not None:
            text = f"The service did not start it: {running.failure.reason}"
            return problem("daemon", text, running.failure.advice or "Fix that, then run: smolwatch service start")
        if running.paused_since is not None:
            text = f"not running, and work is paused since {iso_utc(running.paused_since)}"
            return warning("daemon", text, "To go on: smolwatch resume")
        return ok("daemon", "not running; start it with: smolwatch run")
    if running.daemon_problem:
        return problem(
            "daemon",
            f"Process {running.pid} reports a problem: {running.daemon_problem}",
            "For details: smolwatch status",
        )
    if running.version and running.version != own_version():
        text = f"Process {running.pid} still runs smolwatch {running.version}; this is {own_version()}"
        return warning("daemon", text, f"Start the new version: {AGAIN}, or stop it and run: smolwatch run")
    if running.paused_since is not None:
        text = f"Process {running.pid} begins no files: work is paused since {iso_utc(running.paused_since)}"
        return warning("daemon", text, "To go on: smolwatch resume")
    if running.model_problem:
        text = f"Process {running.pid} runs a model that is not trusted. {running.model_problem}"
        return warning("daemon", text, "Choose another model, device or precision: docs/configure.md")
    return ok("daemon", f"running, process {running.pid}")


def service_line(running: RunningFacts) -> Finding:
    found = running.service
    if isinstance(found, str):
        return not_applicable("service", found)
    if not found.installed:
        return ok("service", f"not installed; to run in the background: {AGAIN}")
    if found.home != running.settings.home:
        return ok("service", f"installed for another home: {found.home}")
    if running.program_missing:
        return problem("service", f"Its program is missing: {found.program}", f"Install it again: {AGAIN}")
    if found.condition is RunState.FAILED:
        return problem("service", f"It ended with exit code {found.exit_code}", "To see why: smolwatch service logs")
    if running.outdated:
        text = "Its plist or unit is from another version or environment of smolwatch"
        return warning("service", text, f"Update it: {AGAIN}")
    if found.domain is not None and found.domain.startswith("user/"):
        return warning(
            "service", "It runs without a screen, so it cannot use the GPU", f"Log in at the screen and run: {AGAIN}"
        )
    return ok("service", f"{found.condition}, by {found.launcher}")


def context_line(running: RunningFacts) -> Finding:
    if running.warnings:
        return warning("context", ". ".join(running.warnings), " ".join(running.warnings.values()))
    return ok("context", f"run {running.place}")
