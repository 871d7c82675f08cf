"""`smolwatch ls`: the jobs and the files that were not taken, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.options import json_option
from cli.reading import inbox_root, open_library
from cli.render import gone_words, job_words, refusal_words, safe_path, say, say_json, say_table, when
from config.errors import NotFoundError
from config.load import load_settings
from config.text import safe_text
from daemon.intake import verdicts
from storage.library import Library
from storage.lifecycle import JobState
from storage.plain import present
from storage.records import Job, Refusal

#: No state of a job: of files that intake cannot take yet.
WAITING = "waiting"


@dataclass(frozen=True)
class Line:
    """One file, for people and for programs."""

    at: datetime
    cells: tuple[str, ...]
    words: dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """`total` files match; `not_taken` are the files that intake skipped, by kind."""

    lines: list[Line]
    total: int
    not_taken: dict[str, int]


@click.command(short_help="List the jobs, newest first.")
@click.option(
    "--state",
    type=click.Choice([*map(str, JobState), WAITING]),
    help="Only files in this state; skipped: with all that was not taken; waiting: what cannot be taken yet.",
)
@click.option("-n", "limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@json_option
@click.pass_obj
def command(home: Path | None, state: str | None, limit: int, as_json: bool) -> None:
    """List the jobs, newest first: the caption of what is done, the reason of what is not.

    The exit code is 3 when nothing matches.
    """
    settings = load_settings(home=home)
    found = Listing([], 0, {})
    try:
        with open_library(settings) as library:
            found = look(library, state, limit, inbox_root(settings))
        if not found.lines:
            raise NotFoundError(f"No file is {state}." if state else "There are no jobs.", advice=not_taken(found))
    finally:
        if as_json:
            say_json([line.words for line in found.lines])
    if not as_json:
        show(found, state)


def look(library: Library, state: str | None, limit: int, inbox: Path) -> Listing:
    counts, states = library.refusal_counts(), library.counts()
    total, lines = 0, []
    if state != WAITING:
        wanted = JobState(state) if state else None
        total = states[wanted] if wanted else sum(states.values())
        lines = [job_line(job, library, inbox) for job in library.jobs(state=wanted, limit=limit)]
    if state in (JobState.SKIPPED, WAITING):
        codes = verdicts.SKIPPED if state == JobState.SKIPPED else verdicts.WAITING
        total += sum(count for (code, _), count in counts.items() if code in codes)
        lines += [refusal_line(one, state, inbox) for one in library.newest_refusals(codes, limit=limit)]
        lines.sort(key=lambda line: line.at, reverse=True)
    return Listing(lines[:limit], total, verdicts.skipped(counts))


def job_line(job: Job, library: Library, inbox: Path) -> Line:
    described = library.description(job.id) if job.state in (JobState.DONE, JobState.PUBLISHING) else None
    caption = described.answers.get("caption") if described else None
    at = job.finished_at or job.started_at or job.queued_at
    said = safe_text(". ".join(filter(None, [gone_words(job), caption or job.reason])))
    cells = (str(job.id), str(job.state), when(at), safe_path(job.path, inbox), said)
    return Line(at, cells, job_words(job) | present(caption=caption))


def refusal_line(refusal: Refusal, state: str, inbox: Path) -> Line:
    reason = safe_text(verdicts.sentence_of(refusal))
    cells = ("", state, when(refusal.at), safe_path(refusal.path, inbox), reason)
    return Line(refusal.at, cells, {"state": state} | refusal_words(refusal))


def show(found: Listing, state: str | None) -> None:
    say_table(("job", "state", "since", "file", "caption or reason"), (line.cells for line in found.lines))
    if (more := found.total - len(found.lines)) > 0:
        say(f"… and {more:,} more (-n {found.total} lists them all)")
    if state == JobState.SKIPPED and found.not_taken:
        say(f"Not taken: {verdicts.in_words(found.not_taken)}")
    elif state is None and found.not_taken:
        say(not_taken(found))


def not_taken(found: Listing) -> str:
    count = sum(found.not_taken.values())
    files = "1 file was" if count == 1 else f"{count:,} files were"
    return f"{files} not taken: smolwatch ls --state skipped" if count else ""
