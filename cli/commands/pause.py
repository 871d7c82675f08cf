"""`smolwatch pause`: no file is begun until `smolwatch resume`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from cli.options import json_option
from cli.render import say, say_json
from cli.times import both, utc_now
from config.load import load_settings


@click.command(short_help="Begin no more files, until resume.")
@json_option
@click.pass_obj
def command(home: Path | None, as_json: bool) -> None:
    """Begin no more files, until `smolwatch resume`. What the model has begun is finished; new files are still queued.

    The pause lasts over a restart of the daemon. Without a daemon, it holds for the next one.
    """
    from cli.daemon_commands import change_jobs
    from storage.commands.requests import CommandKind

    result = change_jobs(load_settings(home=home), CommandKind.PAUSE)
    if as_json:
        say_json({"paused": True, **result})
    elif result["was_paused"]:
        say(f"Work was paused before, since {both(datetime.fromisoformat(result['since']), utc_now())}.")
    else:
        say("Paused. To continue: smolwatch resume")
