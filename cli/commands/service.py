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
from daemon.service.service_spec import spec_for
from daemon.service.service_state import ServiceState
from daemon.service.start_failure import StartFailure, read_failure
from storage.json_values import omit_missing


@click.group(short_help="Run the daemon in the background, from login on.")
def command() -> None:
    """Run the daemon in the background, from login on: with launchd on a Mac, with systemd on Linux."""


@command.command("install", short_help="Install the service and start it; also to upgrade.")
@click.pass_obj
def install_command(home: Path | None) -> int:
    """Install the service and start it. Run it again after an update: the older daemon is stopped cleanly first."""
    service, settings = service_here(), load_settings(home=home)
    return show_start(actions.install(service, settings, os.environ), f"Installed: {service.state().file}")


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
    return show_start(actions.start(service_here(), load_settings(home=home)))


@command.command("stop", short_help="Stop the service until the next login.")
@click.pass_obj
def stop_command(home: Path | None) -> None:
    """Stop the service when the current file is finished or back in the queue. It starts again at the next login."""
    actions.stop(service_here(), load_settings(home=home))
    say("Stopped until the next login. To start it now: smolwatch service start")


@command.command("restart", short_help="Stop the service and start it again.")
@click.pass_obj
def restart_command(home: Path | None) -> int:
    """Stop the service and start it again, for example after a change of settings."""
    return show_start(actions.restart(service_here(), load_settings(home=home)))


@command.command("status", short_help="Show whether the service is installed and running.")
@json_option
@click.pass_obj
def status_command(home: Path | None, as_json: bool) -> int:
    """Show whether the service is installed and running. The exit code is 4 when it is not running.

    For the daemon's progress see `smolwatch status`.
    """
    settings = load_settings(home=home)
    found = service_here().state()
    failure = None if found.running else read_failure(found.home or settings.home)
    if as_json:
        say_json(to_json(found, failure))
    else:
        say_facts((name, safe_text(str(value))) for name, value in to_json(found, failure).items())
    return 0 if found.running else DaemonNotRunningError.exit_code


@command.command("logs", short_help="Show the end of the log.")
@click.option("-f", "--follow", is_flag=True, help="Keep showing new lines, until Ctrl-C.")
@click.option("-n", "lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many lines.")
@click.pass_obj
def logs_command(home: Path | None, follow: bool, lines: int) -> None:
    """Show the end of the daemon's log, and of the output that the system keeps."""
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


@command.command("plist", short_help="Print the plist or unit that install would write.")
@click.pass_obj
def plist_command(home: Path | None) -> None:
    """Print the plist (with systemd: the unit) that `install` would write."""
    click.echo(service_here().rendered(spec_for(load_settings(home=home), os.environ)), nl=False)


def show_start(result: actions.StartResult, done: str = "") -> int:
    """Show the result of a start and its notes. Raises ServiceError with the daemon's exit code if it did not start."""
    if done:
        say(safe_text(done))
    for note in result.notes:
        click.echo(safe_text(note), err=True)
    if (failure := result.failure) is not None:
        error = ServiceError(f"The daemon did not start: {failure.reason}", advice=failure.advice)
        error.exit_code = failure.exit_code
        raise error
    if result.pid is None:
        raise ServiceError("The daemon has not started yet.", advice="To see why: smolwatch service logs")
    say(f"Running, process {result.pid}. To see its progress: smolwatch status")
    return 0


def to_json(found: ServiceState, failure: StartFailure | None) -> dict[str, Any]:
    """The service as JSON, with Homebrew's keys where it has them; what does not apply is absent."""
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
        reason=failure and failure.reason,
        advice=failure and failure.advice,
    )
