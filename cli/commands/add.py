"""`smolwatch add`: files from the web, and local ones, into the first inbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option
from cli.render import path_json, safe_path, say, say_json, size
from config.errors import NotFoundError
from config.load import load_settings, prepare_home
from config.safe_text import safe_text
from config.settings import Settings
from daemon.errors import FetchError, RefusedUrlError
from daemon.intake.inbox_path import check_inboxes
from daemon.lock import holder
from storage.json_values import omit_missing

if TYPE_CHECKING:
    from daemon.fetching.download import Fetched


@click.command(short_help="Fetch files from the web into the inbox.")
@click.argument("sources", metavar="URL|FILE...", nargs=-1, required=True)
@json_option
@click.pass_obj
def command(home: Path | None, sources: tuple[str, ...], as_json: bool) -> int:
    """Fetch pictures and videos from the web into the inbox, where the daemon picks them up. Local files are copied.

    Run the same command again to resume an interrupted download. The exit code is that of the first source that
    failed: 5 when a rule refused it, else 1.
    """
    settings = load_settings(home=home)
    check_inboxes(settings)
    prepare_home(settings)
    inbox = settings.inbox_path
    if not inbox.is_dir():
        raise NotFoundError(f"The inbox {inbox} is not there.")
    code, results = 0, []
    for source in sources:
        try:
            added = add(source, settings)
        except FetchError as error:
            code = code or error.exit_code
            results.append({"url": source} | error_to_json(error))
            print_error(source, error)
        else:
            path = bytes(added.path)
            results.append({"url": source} | path_json(path) | {"bytes": added.bytes, "format": added.format})
            if not as_json:
                say(f"{safe_path(path, [inbox])} is in the inbox ({added.format}, {size(added.bytes)})")
    if as_json:
        say_json(results)
    if any("path" in result for result in results) and holder(settings.lock_file) is None:
        click.echo("No daemon is running, so it waits there; start it with: smolwatch run", err=True)
    return code


def add(source: str, settings: Settings) -> Fetched:
    """A path that exists is a local file, everything else a URL. Raises FetchError."""
    from daemon.fetching.download import Fetcher
    from daemon.fetching.local_copy import copy_into

    if is_local(source):
        return copy_into(settings.inbox_path, Path(source).expanduser(), settings.fetch)
    return Fetcher(settings.inbox_path, settings.fetch).fetch(source)


def is_local(source: str) -> bool:
    try:
        return bool(source) and Path(source).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long for a path, a null byte, ~ of an unknown user
        return False


def error_to_json(error: FetchError) -> dict[str, Any]:
    rule = error.rule if isinstance(error, RefusedUrlError) else None
    return omit_missing(error=str(error), rule=rule, advice=error.advice or None)


def print_error(source: str, error: FetchError) -> None:
    """The message names the source itself when that is no address."""
    prefix = "" if str(error).startswith(f'"{source}"') else f"{safe_text(source)}: "
    click.echo(f"smolwatch: {prefix}{safe_text(str(error))}", err=True)
    if error.advice:
        click.echo(f"  {safe_text(error.advice)}", err=True)
