"""`smolwatch resume`: ends a pause."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import json_option
from cli.render import say, say_json
from config.load import load_settings


@click.command(short_help="Continue after a pause.")
@json_option
@click.pass_obj
def command(home: Path | None, as_json: bool) -> None:
    """Continue after `smolwatch pause`: files are described again."""
    from cli.daemon_commands import change_jobs, warn_without_daemon
    from storage.commands.requests import CommandKind

    settings = load_settings(home=home)
    result = change_jobs(settings, CommandKind.RESUME)
    if as_json:
        say_json({"paused": False, **result})
    else:
        say("Work continues." if result["was_paused"] else "Work was not paused.")
    warn_without_daemon(settings)
