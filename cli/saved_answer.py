"""Keeps a question and its answer with the record of the inbox's file (`smolwatch ask --save`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click

from cli.daemon_commands import running
from cli.lookup import open_library_if_any
from cli.render import safe_path
from config.errors import NotFoundError, SmolwatchError
from config.settings import Settings
from daemon.asking.question import Ask
from daemon.intake.watched_inboxes import inboxes_of
from storage.description import SavedAnswer
from storage.records import Fingerprint, Job

CHANGED = "smolwatch has not noticed its present content yet."
LATER = "Ask again when `smolwatch show` has its description."


def file_to_keep_with(settings: Settings, path: bytes) -> Job:
    """The file's job. Raises UsageError for a file outside the inboxes, NotFoundError for one without a job.

    Raises SmolwatchError if the file is not the one that the job is about.
    """
    if inboxes_of(settings).of(path) is None:
        raise click.UsageError(f"--save keeps the answer with a file of the inbox: {safe_path(path)} is in none.")
    with open_library_if_any(settings) as library:
        job = library.job_at(path) if library else None
    if job is None:
        raise NotFoundError(f"There is no record of {safe_path(path)} yet.", advice=LATER)
    check_unchanged(job)
    return job


def save_answer(settings: Settings, job: Job, ask: Ask, result: Mapping[str, Any]) -> None:
    """Store it; the worker renews the sidecars. Raises SmolwatchError if the file was changed meanwhile."""
    from daemon.clock import SystemClock
    from storage.db.database import open_database
    from storage.jobs.store import JobStore

    check_unchanged(job)
    clock, (answer, *_) = SystemClock(), result["answers"]
    saved = SavedAnswer(
        question=" ".join(ask.question.split()),
        answer=answer["text"],
        asked_at=clock.now(),
        model=result["model"],
        revision=result["revision"],
        options=options_of(ask, answer["faults"]),
    )
    with closing(open_database(settings.database_place)) as database:
        JobStore(database, clock.now).saved.save(job.id, saved)
    later = "" if running(settings) else " Its sidecars follow when the daemon runs."
    click.echo(f"smolwatch: the answer is saved with {safe_path(job.path)}.{later}", err=True)


def options_of(ask: Ask, faults: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {"system": ask.system} if ask.system else {}
    if ask.temperature:
        options |= {"temperature": ask.temperature, "top_p": ask.top_p, "seed": ask.seed}
    return options | ({"faults": faults} if faults else {})


def check_unchanged(job: Job) -> None:
    """The answer is about the bytes of the job: its file was not changed or replaced."""
    try:
        is_same = Fingerprint.of(os.lstat(job.path)) == job.fingerprint
    except OSError as error:
        raise NotFoundError(f"{safe_path(job.path)} is gone: {error.strerror}.") from error
    if not is_same:
        raise SmolwatchError(f"The answer cannot be saved with {safe_path(job.path)}: {CHANGED}", advice=LATER)
