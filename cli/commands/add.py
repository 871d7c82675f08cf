"""`smolwatch add`: files from the web into the inbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.options import json_option
from cli.render import path_json, safe_path, say, say_json, size
from config.errors import NotFoundError
from config.load import load_settings, prepare_home
from config.safe_text import safe_text
from daemon.errors import FetchError, RefusedUrlError
from daemon.lock import holder
from storage.json_values import present


@click.command(short_help="Fetch files from the web into the inbox.")
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@json_option
@click.pass_obj
def command(home: Path | None, urls: tuple[str, ...], as_json: bool) -> int:
    """Fetch pictures and videos from the web into the inbox, where the daemon takes them.

    What was broken off is gone on with when the command is repeated. The exit code is that of the first URL that
    failed: 5 when a rule refused it, else 1.
    """
    from daemon.fetching.download import Fetcher

    settings = load_settings(home=home)
    prepare_home(settings)
    inbox = settings.inbox_path
    if not inbox.is_dir():
        raise NotFoundError(f"The inbox {inbox} is not there.")
    fetcher = Fetcher(inbox, settings.fetch)
    code, found = 0, []
    for url in urls:
        try:
            fetched = fetcher.fetch(url)
        except FetchError as error:
            code = code or error.exit_code
            found.append({"url": url} | refusal_words(error))
            explain(url, error)
        else:
            here = bytes(fetched.path)
            found.append({"url": url} | path_json(here) | {"bytes": fetched.bytes, "format": fetched.format})
            if not as_json:
                say(f"{safe_path(here, inbox)} is in the inbox ({fetched.format}, {size(fetched.bytes)})")
    if as_json:
        say_json(found)
    if any("path" in one for one in found) and holder(settings.lock_file) is None:
        click.echo("No daemon is running, so it waits there; start it with: smolwatch run", err=True)
    return code


def refusal_words(error: FetchError) -> dict[str, Any]:
    rule = error.rule if isinstance(error, RefusedUrlError) else None
    return present(error=str(error), rule=rule, advice=error.advice or None)


def explain(url: str, error: FetchError) -> None:
    click.echo(f"smolwatch: {safe_text(url)}: {safe_text(str(error))}", err=True)
    if error.advice:
        click.echo(f"  {safe_text(error.advice)}", err=True)
