"""`smolwatch retry`: queue jobs again."""

from __future__ import annotations

from pathlib import Path

import click

from cli.lookup import inbox_roots, open_library, resolve_jobs
from cli.options import json_option
from cli.render import job_json, safe_path, say, say_json
from config.load import load_settings
from config.settings import Settings
from storage.records import Job


@click.command(short_help="Retry failed files, or describe finished ones again.")
@click.argument("what", metavar="ID|PATH...", nargs=-1)
@click.option("--failed", is_flag=True, help="All jobs that failed.")
@json_option
@click.pass_obj
def command(home: Path | None, what: tuple[str, ...], failed: bool, as_json: bool) -> None:
    """Try failed, skipped or cancelled files again, or describe finished files again.

    A file can be given by its job number, name, path (also below the inbox) or sidecar.
    """
    if bool(what) == failed:
        raise click.UsageError("Give job numbers or files, or use --failed.")
    from cli.daemon_commands import warn_without_daemon

    settings = load_settings(home=home)
    if failed:
        count = retry_failed(settings)
        if as_json:
            say_json({"count": count})
        else:
            say(f"Queued again: {count}")
    else:
        with open_library(settings) as library:  # nothing is changed unless all of them are found
            found = resolve_jobs(what, library, settings, command="retry")
        jobs = retry(found, settings)
        if as_json:
            say_json({"count": len(jobs), "jobs": [job_json(job) for job in jobs]})
        for job in () if as_json else jobs:
            say(f"Queued again: job {job.id}, {safe_path(job.path, inbox_roots(settings))}")
    warn_without_daemon(settings)


def retry_failed(settings: Settings) -> int:
    """Queue all that failed again. Returns how many."""
    from cli.daemon_commands import change_jobs
    from storage.commands.requests import CommandKind

    count: int = change_jobs(settings, CommandKind.RETRY, {"failed": True})["count"]
    return count


def retry(job_ids: list[int], settings: Settings) -> list[Job]:
    """Queue these jobs again, all or none. Returns the queued ones."""
    from cli.daemon_commands import change_jobs
    from storage.commands.requests import CommandKind

    queued = change_jobs(settings, CommandKind.RETRY, {"jobs": job_ids})["jobs"]
    with open_library(settings) as library:
        return [library.job(job_id) for job_id in queued]
