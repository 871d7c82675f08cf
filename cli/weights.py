"""Downloading weights with a progress bar, and the offer to do so before the daemon starts."""

from __future__ import annotations

import click

from cli.render import console, size
from config.errors import ModelUnavailableError, UnknownModelError
from config.safe_text import safe_text
from config.settings import Settings
from daemon.inference.registry import engine_entry
from daemon.inference.weights.published_models import published
from daemon.inference.weights.sources import (
    ModelFolder,
    find_model,
    local_folder,
    pull,
    pull_command,
)


def offer_weights(settings: Settings, *, ask: bool, accept: bool, once: bool = False) -> None:
    """Fetch missing weights when that is accepted, or the person at the terminal agrees; else files wait for them.

    Raises UnknownModelError on a terminal (`ask`) or with `once` when the name cannot be a model.
    """
    name = settings.model.id
    if not engine_entry(settings).needs_weights:
        return
    try:
        find_model(settings)
    except UnknownModelError as error:
        if ask or once:
            raise
        warn(f"{error} Files wait until there is one.")
    except ModelUnavailableError as error:
        if local_folder(name) is not None:
            warn(f"{error} Files wait until it is complete.")
        elif accept or ask:
            known = published(name)
            about = f" (about {size(known.bytes)})" if known else ""
            warn(str(error))
            if accept or click.confirm(f"Download them now{about}?", default=True, err=True):
                fetch(settings)
        else:
            warn(f"{error} Files wait until they are. To download them, use --yes or: {pull_command(name)}")


def warn(text: str) -> None:
    click.echo(f"smolwatch: {safe_text(text)}", err=True)


def fetch(settings: Settings) -> ModelFolder:
    """Download the chosen model, with a progress bar on a terminal and no output elsewhere."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    terminal = console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as progress:
        task = progress.add_task("", total=None)
        return pull(settings, lambda done, total: progress.update(task, completed=done, total=total))
