"""`smolwatch run`: the daemon, in the foreground."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from cli.lookup import open_library
from cli.render import say
from config.errors import SmolwatchError
from config.load import load_settings, prepare_home, resolve_home
from config.logs import set_up_logs
from config.safe_text import safe_text
from config.settings import ModelSettings, Settings
from daemon.clock import SystemClock
from daemon.intake import refusal_texts
from daemon.intake.inbox_path import check_inbox
from daemon.lock import holder
from daemon.service.start_failure import PERMANENT, forget_failure, write_failure
from storage.json_values import iso_utc
from storage.library import Library
from storage.lifecycle import JobState


def choices(key: str) -> click.Choice[str]:
    """What a setting of the model may be, from the setting itself."""
    return click.Choice(get_args(ModelSettings.model_fields[key].annotation))


@click.command(short_help="Watch the inbox and describe what lands there.")
@click.option("--once", is_flag=True, help="End when everything in the inbox is done.")
@click.option("--model", metavar="ID|FOLDER|demo", help="Which model answers.")
@click.option("--engine", type=choices("engine"), help="What runs the model.")
@click.option("--device", type=choices("device"), help="Where it runs.")
@click.option("--detail", type=choices("detail"), help="How closely it looks at a picture.")
@click.option("--now", is_flag=True, help="Work at full speed on battery, in Low Power Mode and in heat, too.")
@click.option("--yes", is_flag=True, help="Download missing weights without asking.")
@click.option("--launched-by", "launcher", type=click.Choice(["launchd", "systemd"]), hidden=True)
@click.pass_obj
def command(
    home: Path | None,
    once: bool,
    model: str | None,
    engine: str | None,
    device: str | None,
    detail: str | None,
    now: bool,
    yes: bool,
    launcher: str | None,
) -> int:
    """Watch the inbox and describe what lands there, until stopped (Ctrl-C or SIGTERM).

    Without weights it offers to download them, on a terminal; elsewhere files wait until the weights are there.

    With --once the last line counts what became of the files. The exit code is 1 when a file failed or must wait for
    more than a minute. Files that are not taken, songs say, are no failure.
    """
    chosen = {"model.id": model and absolute_if_folder(model), "model.engine": engine}
    chosen |= {"model.device": device, "model.detail": detail, "work.power": "ignore" if now else None}
    try:
        return start(load_settings(home=home, overrides=chosen), once, yes, launcher or launched_by())
    except SmolwatchError as error:
        if launcher is None or error.exit_code not in PERMANENT:
            raise
        leave_word(home, error)
        # systemd knows which codes to take for final; launchd would start the same again and again.
        return 0 if launcher == "launchd" else error.exit_code


def start(settings: Settings, once: bool, yes: bool, launcher: str) -> int:
    check_inbox(settings)
    prepare_home(settings)
    forget_failure(settings.home)
    from cli.weights import offer_weights
    from daemon.app import run

    if holder(settings.lock_file) is None:  # else there is no daemon to start, and nothing to fetch for it
        offer_weights(settings, ask=launcher == "terminal", accept=yes, once=once)
    set_up_logs(settings, role="daemon", console=sys.stderr.isatty())
    began = SystemClock().now()
    code = run(settings, once=once, launched_by=launcher)
    if once:
        with suppress(SmolwatchError), open_library(settings) as library:  # the exit code says the same, more shortly
            say(counts_line(library, began))
    return code


def counts_line(library: Library, began: datetime) -> str:
    """What became of the files since then: "described 12 · failed 1 · not taken 412: 300 songs, …"."""
    ended, now = library.counts(finished_since=began), library.counts()
    refused = library.refusal_counts()
    kinds, waits = refusal_texts.skipped(refused), refusal_texts.waiting(refused)
    waiting = now[JobState.QUEUED] + now[JobState.PUBLISHING] + sum(waits.values())
    parts = [f"described {ended[JobState.DONE]:,}", f"failed {ended[JobState.FAILED]:,}"]
    if ended[JobState.SKIPPED]:
        parts.append(f"skipped {ended[JobState.SKIPPED]:,}")
    if waiting:
        parts.append(f"waiting {waiting:,}")
    words = refusal_texts.skipped_text(kinds)
    return " · ".join([*parts, f"not taken {sum(kinds.values()):,}{f': {words}' if words else ''}"])


def leave_word(home: Path | None, error: SmolwatchError) -> None:
    """Where nobody reads stderr: the reason for `status`, and the same for the system's log."""
    click.echo(f"smolwatch: {safe_text(str(error), lines=True)}", err=True)
    with suppress(OSError, SmolwatchError):  # where the home takes no word, the system's log has it
        write_failure(resolve_home(home), error, iso_utc(SystemClock().now()))


def absolute_if_folder(model: str) -> str:
    """A folder's path holds wherever the model is loaded from; other names stay as they are."""
    folder = Path(model).expanduser()
    return str(folder.absolute()) if model != "demo" and folder.is_dir() else model


def launched_by() -> str:
    """Who started this process, unless a service says so itself: "terminal", or "program" for any other."""
    return "terminal" if sys.stdin.isatty() and sys.stderr.isatty() else "program"
