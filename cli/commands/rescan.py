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

POLL_SECONDS = 0.2


@click.command(short_help="Check the inbox for new files now.")
@click.option("--hash", "compare", is_flag=True, help="Also read every described file, to find changed content.")
@click.pass_obj
def command(home: Path | None, compare: bool) -> None:
    """Check the whole inbox for new files now, and restore missing sidecars. A daemon must be running.

    With --hash it also reads every described file, which finds content that changed while size and date did not; such
    files are described again. Ctrl-C ends the waiting, not the daemon's work.
    """
    settings = load_settings(home=home)
    result = rescan(settings, compare)
    say(f"Checked the inbox: {files(result['seen'])}.")
    if restored := result.get("restored"):
        say(f"The sidecars of {files(restored)} were missing and are restored from the database.")
    if compare:
        say(comparison(result["compared"], result["changed"]))


def rescan(settings: Settings, compare: bool) -> dict[str, Any]:
    """Request a rescan of the running daemon and wait for its result.

    A later caller's request replaces this one. That is enough when the daemon has compared for it too; else the
    request is repeated. Raises DaemonNotRunningError, also when the daemon ends meanwhile, and SmolwatchError while the
    inbox cannot be listed.
    """
    from daemon.clock import SystemClock
    from daemon.intake.rescan import REQUEST_KEY, RescanRequest
    from storage.db.database import open_database
    from storage.jobs.store import JobStore

    pid = holder(settings.lock_file)
    if pid is None:
        raise DaemonNotRunningError
    own = awaited = RescanRequest(uuid.uuid4().hex, compare, pid)
    database = open_database(settings.database_place)
    try:
        store = JobStore(database, SystemClock().now)
        store.set_state(REQUEST_KEY, own.record())
        while True:
            time.sleep(POLL_SECONDS)
            intake = store.state("intake") or {}
            result: dict[str, Any] = intake.get("rescan") or {}
            if result.get("id") == awaited.id and is_sufficient(result, compare):
                return result
            check_daemon(settings, pid)
            if problem := intake.get("problem"):
                raise SmolwatchError(
                    f"The inbox cannot be listed now: {problem}", advice="The daemon lists it as soon as it can."
                )
            if result.get("id") == awaited.id and not is_comparison(result) and compare:
                store.set_state(REQUEST_KEY, own.record())
            awaited = RescanRequest.from_record(store.state(REQUEST_KEY) or own.record())
    finally:
        database.close()


def is_sufficient(result: dict[str, Any], compare: bool) -> bool:
    """A plain rescan is done with the listing, though the daemon may still compare for another caller."""
    return not compare or (is_comparison(result) and not result["left"])


def is_comparison(result: dict[str, Any]) -> bool:
    return bool(result.get("compare", True))  # an older daemon does not write it


def check_daemon(settings: Settings, pid: int) -> None:
    """Raises an error when the daemon that should answer has ended."""
    now = holder(settings.lock_file)
    if now is None:
        raise DaemonNotRunningError("The daemon stopped before the rescan was finished.")
    if now != pid:
        raise SmolwatchError(
            "The daemon was restarted before the rescan was finished.",
            advice="It lists the inbox when it starts; run the same command again to be sure.",
        )


def comparison(compared: int, changed: int) -> str:
    checked = f"Checked {compared:,} described {'file' if compared == 1 else 'files'}:"
    if not changed:
        return f"{checked} none has changed."
    return f"{checked} {changed:,} {'has changed and is' if changed == 1 else 'have changed and are'} queued again."


def files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
