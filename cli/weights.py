"""Fetching weights, under a progress bar; and the offer to do so before the daemon starts."""

from __future__ import annotations

import click

from cli.render import console, size
from config.errors import ModelUnavailableError
from config.safe_text import safe_text
from config.settings import DEFAULT_MODEL, Settings
from daemon.inference.registry import engine_entry
from daemon.inference.weights.sources import DEFAULT_BYTES, ModelFolder, find_model, local_folder, pull


def offer_weights(settings: Settings, *, ask: bool, accept: bool) -> None:
    """Fetch missing weights when that is accepted, or a person at the terminal agrees.

    Otherwise nothing happens: the daemon can run without, and says itself what is missing.
    """
    name = settings.model.id
    if not engine_entry(settings).needs_weights or local_folder(name) is not None:
        return
    try:
        find_model(settings)
    except ModelUnavailableError as error:
        click.echo(f"smolwatch: {safe_text(str(error))}", err=True)
        about = f" (about {size(DEFAULT_BYTES)})" if name == DEFAULT_MODEL else ""
        if accept or (ask and click.confirm(f"Download them now{about}?", default=True, err=True)):
            fetch(settings)


def fetch(settings: Settings) -> ModelFolder:
    """Pull the chosen model. The bar is for terminals; elsewhere, silence until it is done."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    screen = console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as progress:
        task = progress.add_task("", total=None)
        return pull(settings, lambda here, whole: progress.update(task, completed=here, total=whole))
