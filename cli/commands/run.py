"""`smolwatch run`: the daemon, in the foreground."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import get_args

import click

from config.load import load_settings, prepare_home
from config.logs import set_up_logs
from config.settings import ModelSettings
from daemon.lock import holder


def choices(key: str) -> click.Choice[str]:
    """What a setting of the model may be, from the setting itself."""
    return click.Choice(get_args(ModelSettings.model_fields[key].annotation))


@click.command(short_help="Watch the inbox and describe what lands there.")
@click.option("--once", is_flag=True, help="End when everything in the inbox is done.")
@click.option("--model", metavar="ID|FOLDER|demo", help="Which model answers.")
@click.option("--engine", type=choices("engine"), help="What runs the model.")
@click.option("--device", type=choices("device"), help="Where it runs.")
@click.option("--detail", type=choices("detail"), help="How closely it looks at a picture.")
@click.option("--yes", is_flag=True, help="Download missing weights without asking.")
@click.pass_obj
def command(
    home: Path | None,
    once: bool,
    model: str | None,
    engine: str | None,
    device: str | None,
    detail: str | None,
    yes: bool,
) -> int:
    """Watch the inbox and describe what lands there, until stopped (Ctrl-C or SIGTERM).

    Without weights it offers to download them, on a terminal; elsewhere files wait until the weights are there.
    """
    chosen = {"model.id": model and absolute_if_folder(model), "model.engine": engine}
    chosen |= {"model.device": device, "model.detail": detail}
    settings = load_settings(home=home, overrides=chosen)
    prepare_home(settings)
    from cli.weights import offer_weights
    from daemon.app import run

    launcher = launched_by()
    if holder(settings.lock_file) is None:  # else there is no daemon to start, and nothing to fetch for it
        offer_weights(settings, ask=launcher == "terminal", accept=yes)
    set_up_logs(settings, role="daemon", console=sys.stderr.isatty())
    return run(settings, once=once, launched_by=launcher)


def absolute_if_folder(model: str) -> str:
    """A folder's path holds wherever the model is loaded from; other names stay as they are."""
    folder = Path(model).expanduser()
    return str(folder.absolute()) if model != "demo" and folder.is_dir() else model


def launched_by() -> str:
    """Who started this process: "terminal", "launchd", "systemd", or "program" for any other."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        return "terminal"
    if sys.platform == "darwin" and os.getppid() == 1:
        return "launchd"
    return "systemd" if "INVOCATION_ID" in os.environ else "program"
