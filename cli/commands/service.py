"""`smolwatch service`: the daemon as a background service of this user."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import click

from cli.options import json_option
from cli.render import say, say_facts, say_json
from config.errors import DaemonNotRunningError
from config.load import load_settings
from config.safe_text import safe_text
from daemon.errors import ServiceError
from daemon.service import actions
from daemon.service.detect import service_here, user_name
from daemon.service.service_spec import plan_for
from daemon.service.service_state import ServiceState
from daemon.service.start_failure import StartFailure, refusal
from storage.json_values import omit_missing


@click.group(short_help="Run the daemon in the background, from login on.")
def command() -> None:
    """Run the daemon in the background, from login on: by launchd on a Mac, by systemd on Linux."""


@command.command("install", short_help="Install the service and start it; again, to upgrade.")
@click.pass_obj
def install_command(home: Path | None) -> int:
    """Install the service and start it. Type it again after an update: the older daemon is stopped cleanly first."""
    service, settings = service_here(), load_settings(home=home)
    return say_begun(actions.install(service, settings, os.environ), f"Installed: {service.state().file}")


@command.command("uninstall", short_help="Stop the service and remove it; keeps all data.")
@click.pass_obj
def uninstall_command(home: Path | None) -> None:
    """Stop the service and remove it. Descriptions, database, settings and weights stay."""
    settings = load_settings(home=home)
    if actions.uninstall(service_here(), settings):
        say(f"Uninstalled. Everything in {safe_text(str(settings.home))} is kept.")
    else:
        say("The service is not installed.")


@command.command("start", short_help="Start the service.")
@click.pass_obj
def start_command(home: Path | None) -> int:
    """Start the installed service."""
    return say_begun(actions.start(service_here(), load_settings(home=home)))


@command.command("stop", short_help="Stop the service until the next login.")
@click.pass_obj
def stop_command(home: Path | None) -> None:
    """Stop the service, once the file in hand is finished or given back. It starts again with the next login."""
    actions.stop(service_here(), load_settings(home=home))
    say("Stopped, until the next login or: smolwatch service start")


@command.command("restart", short_help="Stop the service and start it again.")
@click.pass_obj
def restart_command(home: Path | None) -> int:
    """Stop the service and start it again, as after a change of settings."""
    return say_begun(actions.restart(service_here(), load_settings(home=home)))


@command.command("status", short_help="Tell whether the service is installed and runs.")
@json_option
@click.pass_obj
def status_command(home: Path | None, as_json: bool) -> int:
    """Tell whether the service is installed and runs. The exit code is 4 when it does not run.

    What the daemon does, `smolwatch status` tells.
    """
    settings = load_settings(home=home)
    found = service_here().state()
    refused = None if found.running else refusal(found.home or settings.home)
    if as_json:
        say_json(to_json(found, refused))
    else:
        say_facts((name, safe_text(str(value))) for name, value in to_json(found, refused).items())
    return 0 if found.running else DaemonNotRunningError.exit_code


@command.command("logs", short_help="Show the end of the log.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@click.option("-n", "lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many lines.")
@click.pass_obj
def logs_command(home: Path | None, follow: bool, lines: int) -> None:
    """Show the end of the daemon's log, and of what the system keeps of its output."""
    log = load_settings(home=home).log_folder / "smolwatch.log"
    files = [str(file) for file in (log, *service_here().log_files) if file.is_file() and file.stat().st_size]
    if not files:
        say("Nothing has been logged yet.")
        return
    with subprocess.Popen(["tail", f"-n{lines}", *(["-F"] if follow else []), *files], stdout=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        try:
            for line in tail.stdout:
                say(safe_text(line.decode(errors="backslashreplace").rstrip("\n")))
        finally:
            tail.terminate()


@command.command("plist", short_help="Print what the system would be told.")
@click.pass_obj
def plist_command(home: Path | None) -> None:
    """Print the plist (for systemd, the unit) that `install` would write."""
    click.echo(service_here().rendered(plan_for(load_settings(home=home), os.environ)), nl=False)


def say_begun(begun: actions.StartResult, done: str = "") -> int:
    """How it went, and what is to be known; the exit code is that of the daemon that would not start."""
    if done:
        say(safe_text(done))
    for note in begun.notes:
        click.echo(safe_text(note), err=True)
    if (refused := begun.refused) is not None:
        error = ServiceError(f"The daemon would not start: {refused.reason}", advice=refused.advice)
        error.exit_code = refused.exit_code
        raise error
    if begun.pid is None:
        raise ServiceError("The daemon has not come up yet.", advice="See why: smolwatch service logs")
    say(f"Running, process {begun.pid}. What it does: smolwatch status")
    return 0


def to_json(found: ServiceState, refused: StartFailure | None) -> dict[str, Any]:
    """The service for programs, in Homebrew's words where it has them; what does not apply is absent."""
    return omit_missing(
        name=found.name,
        status=str(found.condition),
        user=user_name(os.geteuid()),
        file=str(found.file),
        exit_code=found.exit_code,
        launcher=found.launcher,
        pid=found.pid,
        home=found.home and str(found.home),
        domain=found.domain,
        detail=found.detail or None,
        reason=refused and refused.reason,
        advice=refused and refused.advice,
    )
