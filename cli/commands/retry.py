"""`smolwatch retry`: queue jobs again."""

from __future__ import annotations

from pathlib import Path

import click

from cli.lookup import inbox_root, open_library, resolve_job
from cli.render import safe_path, say
from config.load import load_settings
from config.settings import Settings


@click.command(short_help="Retry failed files, or describe finished ones again.")
@click.argument("what", metavar="ID|PATH...", nargs=-1)
@click.option("--failed", is_flag=True, help="All jobs that failed.")
@click.pass_obj
def command(home: Path | None, what: tuple[str, ...], failed: bool) -> None:
    """Try failed or skipped files again, or describe finished files again.

    A file can be given by its job number, name, path (also below the inbox) or sidecar.
    """
    if bool(what) == failed:
        raise click.UsageError("Give job numbers or files, or use --failed.")
    settings = load_settings(home=home)
    with open_library(settings) as library:  # nothing is changed unless all of them are found
        found = [resolve_job(text, library, settings, command="retry") for text in what]
    jobs = list(dict.fromkeys(job.id for job in found))
    retry(jobs, settings)


def retry(jobs: list[int], settings: Settings) -> None:
    """Queue these jobs again; without any, all that failed."""
    from daemon.clock import SystemClock
    from storage.db.database import open_database
    from storage.jobs.store import JobStore

    database = open_database(settings.database_place)
    try:
        store = JobStore(database, SystemClock().now)
        if not jobs:
            say(f"Queued again: {store.requeue_failed()}")
        for number in jobs:
            job = store.requeue(number)
            say(f"Queued again: job {job.id}, {safe_path(job.path, inbox_root(settings))}")
    finally:
        database.close()
    from daemon.lock import holder

    if holder(settings.lock_file) is None:
        click.echo("No daemon is running; start it with: smolwatch run", err=True)
