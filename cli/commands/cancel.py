"""`smolwatch cancel`: files that shall not be described after all."""

from __future__ import annotations

from pathlib import Path

import click

from cli.lookup import inbox_roots, open_library, resolve_jobs
from cli.options import json_option
from cli.render import job_json, safe_path, say, say_json
from config.load import load_settings
from config.settings import Settings
from storage.lifecycle import CANCELLED, JobState
from storage.records import Job

#: Why a job was not cancelled.
TOO_LATE = {
    JobState.PUBLISHING: "it is described already",
    JobState.DONE: "it is described already",
    JobState.FAILED: "it has failed",
    JobState.SKIPPED: "it was skipped",
    JobState.GONE: "its file is gone",
}


@click.command(short_help="Take files out of the queue, or stop their description.")
@click.argument("what", metavar="ID|PATH...", nargs=-1, required=True)
@json_option
@click.pass_obj
def command(home: Path | None, what: tuple[str, ...], as_json: bool) -> int:
    """Take files out of the queue, or stop their description. The files stay; `smolwatch retry` queues them again.

    A file can be given by its job number, name, path (also below the inbox) or sidecar. The exit code is 1 when one of
    them cannot be cancelled, since its job has ended.
    """
    settings = load_settings(home=home)
    with open_library(settings) as library:  # nothing is changed unless all of them are found
        found = resolve_jobs(what, library, settings, command="cancel")
    jobs = cancel(found, settings)
    if as_json:
        say_json({"jobs": [job_json(job) | {"cancelled": is_cancelled(job)} for job in jobs]})
    for job in () if as_json else jobs:
        name = f"job {job.id}, {safe_path(job.path, inbox_roots(settings))}"
        say(f"Cancelled: {name}" if is_cancelled(job) else f"Not cancelled: {name}: {TOO_LATE[job.state]}.")
    return 0 if all(map(is_cancelled, jobs)) else 1


def cancel(job_ids: list[int], settings: Settings) -> list[Job]:
    """Cancel those that are queued or running. Returns all, as they are then."""
    from cli.daemon_commands import change_jobs
    from storage.commands.requests import CommandKind

    change_jobs(settings, CommandKind.CANCEL, {"jobs": job_ids})
    with open_library(settings) as library:
        return [library.job(job_id) for job_id in job_ids]


def is_cancelled(job: Job) -> bool:
    """Now, or by an earlier command."""
    return job.state is JobState.SKIPPED and job.reason_code == CANCELLED
