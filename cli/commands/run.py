"""`smolwatch run`: the daemon, in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import click

from cli.lookup import open_library
from cli.options import choices
from cli.progress import ProgressReader
from cli.render import say
from cli.times import both, utc_now
from config.errors import SmolwatchError
from config.load import load_settings, prepare_home, resolve_home
from config.logs import set_up_logs
from config.safe_text import safe_text
from config.settings import Settings
from daemon.clock import SystemClock
from daemon.intake import refusal_texts
from daemon.intake.inbox_path import check_inboxes
from daemon.lock import holder
from daemon.service.start_failure import PERMANENT, forget_failure, write_failure
from storage.json_values import iso_utc
from storage.library import Library
from storage.lifecycle import JobState


@click.command(short_help="Watch the inbox and describe the files in it.")
@click.option("--once", is_flag=True, help="Stop when all files in the inbox are done.")
@click.option("--inbox", metavar="FOLDER", help="Watch this folder alone in this run, not the settings' inboxes.")
@click.option(
    "--model", metavar="ID|FOLDER|demo", help="A model on the Hugging Face hub, a folder with weights, or demo."
)
@click.option("--engine", type=choices("engine"), help="What runs the model.")
@click.option("--device", type=choices("device"), help="Where the model runs.")
@click.option("--detail", type=choices("detail"), help="How finely a picture is cut into tiles.")
@click.option("--now", is_flag=True, help="Full speed also on battery, in Low Power Mode and when the machine is hot.")
@click.option("--yes", is_flag=True, help="Download missing weights without asking.")
@click.option("--launched-by", "launcher", type=click.Choice(["launchd", "systemd"]), hidden=True)
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter an option
    home: Path | None,
    once: bool,
    inbox: str | None,
    model: str | None,
    engine: str | None,
    device: str | None,
    detail: str | None,
    now: bool,
    yes: bool,
    launcher: str | None,
) -> int:
    """Watch the inbox and describe each picture and video in it, until stopped (Ctrl-C or SIGTERM).

    A terminal shows the progress. Elsewhere stdout gets one line for each finished file: its name and its caption.

    If the weights are missing, a terminal offers the download; elsewhere files wait until the weights are there.

    With --once the last line counts the files by outcome. The exit code is 1 if a file failed or must wait for more
    than a minute. Files of other kinds (songs, documents) do not count as failed.
    """
    chosen = {"model.id": model and absolute_if_folder(model), "model.engine": engine}
    chosen |= {"inbox.path": inbox and str(Path(inbox).expanduser().absolute())}
    chosen |= {"model.device": device, "model.detail": detail, "work.power": "ignore" if now else None}
    try:
        return start(load_settings(home=home, overrides=chosen), once, yes, launcher or launched_by())
    except SmolwatchError as error:
        if launcher is None or error.exit_code not in PERMANENT:
            raise
        keep_reason(home, error)
        # systemd is configured not to restart after these codes; launchd would restart for ever.
        return 0 if launcher == "launchd" else error.exit_code


def start(settings: Settings, once: bool, yes: bool, launcher: str) -> int:
    check_inboxes(settings)
    prepare_home(settings)
    forget_failure(settings.home)
    from cli.weights import offer_weights
    from daemon.app import run

    if holder(settings.lock_file) is None:  # else no daemon can be started, and no weights are needed for it
        offer_weights(settings, ask=launcher == "terminal", accept=yes, once=once)
    warn_if_paused(settings)
    began = SystemClock().now()
    with progress_of(settings, launcher) as reader:
        set_up_logs(settings, role="daemon", console=sys.stderr.isatty())
        code = run(settings, once=once, launched_by=launcher, observer=reader)
        with suppress(SmolwatchError), open_library(settings) as library:  # what ended while it stopped
            if reader:
                reader.read(library)
    with suppress(SmolwatchError), open_library(settings) as library:
        if reader and reader.is_stopping:
            click.echo(stopped_line(reader.total_done, library), err=True)
        if once:
            say(counts_line(library, began))
    return code


def warn_if_paused(settings: Settings) -> None:
    """One line on stderr."""
    with suppress(SmolwatchError), open_library(settings) as library:
        if (since := library.status.paused_since()) is not None:
            paused = f"Work is paused since {both(since, utc_now())}: files are queued, but not described."
            click.echo(f"{paused} To continue: smolwatch resume", err=True)


@contextmanager
def progress_of(settings: Settings, launcher: str) -> Iterator[ProgressReader | None]:
    """None for a service: its log has the same."""
    if launcher not in ("terminal", "program"):
        yield None
        return
    from cli.progress_display import progress_shown

    with progress_shown(settings) as reader:
        yield reader


def stopped_line(done: int, library: Library) -> str:
    waiting = sum(library.live_counts().values())
    rest = f"{waiting:,} still waiting; `smolwatch run` continues with them" if waiting else "none is waiting"
    return f"Stopped. {done:,} {'file' if done == 1 else 'files'} done in this run, {rest}."


def counts_line(library: Library, began: datetime) -> str:
    """The files since then, by outcome: "described 12 · failed 1 · not taken 412: 300 songs, …"."""
    ended, now = library.counts(finished_since=began), library.counts()
    refused = library.refusal_counts()
    kinds, waits = refusal_texts.skipped(refused), refusal_texts.waiting(refused)
    waiting = now[JobState.QUEUED] + now[JobState.PUBLISHING] + sum(waits.values())
    parts = [f"described {ended[JobState.DONE]:,}", f"failed {ended[JobState.FAILED]:,}"]
    if ended[JobState.SKIPPED]:
        parts.append(f"skipped {ended[JobState.SKIPPED]:,}")
    if waiting:
        parts.append(f"waiting {waiting:,}")
    text = refusal_texts.skipped_text(kinds)
    return " · ".join([*parts, f"not taken {sum(kinds.values()):,}{f': {text}' if text else ''}"])


def keep_reason(home: Path | None, error: SmolwatchError) -> None:
    """Of a service, whose stderr is not read: the reason, for `status` and for the system's log."""
    click.echo(f"smolwatch: {safe_text(str(error), lines=True)}", err=True)
    with suppress(OSError, SmolwatchError):  # where the home cannot be written, the system's log has it
        write_failure(resolve_home(home), error, iso_utc(SystemClock().now()))


def absolute_if_folder(model: str) -> str:
    """A folder's path is made absolute, since another process loads the model; other names stay as they are."""
    folder = Path(model).expanduser()
    return str(folder.absolute()) if model != "demo" and folder.is_dir() else model


def launched_by() -> str:
    """What started this process, where no service says so: "terminal", or "program" for anything else."""
    return "terminal" if sys.stdin.isatty() and sys.stderr.isatty() else "program"
