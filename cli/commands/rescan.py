"""`smolwatch rescan`: the running daemon lists its inbox now."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import click

from cli.render import say
from config.errors import DaemonNotRunningError, SmolwatchError
from config.load import load_settings
from config.settings import Settings
from daemon.lock import holder

LOOK_SECONDS = 0.2


@click.command(short_help="Have the inbox listed now.")
@click.option("--hash", "compare", is_flag=True, help="Read every file, to find those whose bytes changed unseen.")
@click.pass_obj
def command(home: Path | None, compare: bool) -> None:
    """Have the running daemon list its whole inbox now, and write sidecars again that are missing.

    With --hash it also reads every described file, which finds bytes that were exchanged without a trace in size and
    time; such files are described anew. Ctrl-C stops the waiting, not the daemon's work.
    """
    settings = load_settings(home=home)
    if holder(settings.lock_file) is None:
        raise DaemonNotRunningError
    found = ask(settings, compare)
    say(f"Listed: {found['seen']} files.")
    if restored := found.get("restored"):
        say(f"The sidecars of {restored} files were missing; they are written again from the database.")
    if compare:
        say(f"Compared: {found['compared']}; {found['changed']} hold other bytes than before, and were queued.")


def ask(settings: Settings, compare: bool) -> dict[str, Any]:
    """Leave the wish, and wait for what comes of it."""
    from daemon.clock import SystemClock
    from daemon.intake.rescan import WISH
    from storage.db.database import open_database
    from storage.jobs.store import JobStore

    wish = {"id": uuid.uuid4().hex, "compare": compare}
    database = open_database(settings.database_place)
    try:
        store = JobStore(database, SystemClock().now)
        store.set_state(WISH, wish)
        while True:
            time.sleep(LOOK_SECONDS)
            intake = store.state("intake") or {}
            found: dict[str, Any] = intake.get("rescan") or {}
            if found.get("id") == wish["id"] and not found["left"]:
                return found
            if holder(settings.lock_file) is None:
                raise DaemonNotRunningError("The daemon ended before it was done.")
            if problem := intake.get("problem"):
                raise SmolwatchError(
                    f"The inbox cannot be listed now: {problem}", advice="It is listed by itself later."
                )
    finally:
        database.close()
