"""`smolwatch ls`: the jobs, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.options import json_option
from cli.reading import inbox_root, open_library
from cli.render import job_words, safe_path, say, say_json, say_table, when
from config.load import load_settings
from config.text import safe_text
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Job, present


@click.command(short_help="List the jobs, newest first.")
@click.option("--state", type=click.Choice([str(state) for state in JobState]), help="Only jobs in this state.")
@click.option("-n", "limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@json_option
@click.pass_obj
def command(home: Path | None, state: str | None, limit: int, as_json: bool) -> None:
    """List the jobs, newest first: the caption of what is done, the reason of what is not."""
    settings = load_settings(home=home)
    with open_library(settings) as library:
        jobs = library.jobs(state=JobState(state) if state else None, limit=limit)
        captions = {job.id: caption(job, library) for job in jobs}
    if as_json:
        say_json([words(job, captions[job.id]) for job in jobs])
    elif not jobs:
        say("No jobs.")
    else:
        inbox = inbox_root(settings)
        rows = [
            (
                str(job.id),
                str(job.state),
                when(job.finished_at or job.started_at or job.queued_at),
                safe_path(job.path, inbox),
                safe_text(captions[job.id] or job.reason or ""),
            )
            for job in jobs
        ]
        say_table(("job", "state", "since", "file", "caption or reason"), rows)


def caption(job: Job, library: Library) -> str | None:
    described = library.description(job.id) if job.state in (JobState.DONE, JobState.PUBLISHING) else None
    return described.answers.get("caption") if described else None


def words(job: Job, said: str | None) -> dict[str, Any]:
    return job_words(job) | present(caption=said)
