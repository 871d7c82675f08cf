"""`smolwatch ls`: the jobs and the files that were not taken, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from cli.lookup import inbox_root, open_library
from cli.options import json_option
from cli.render import (
    gone_since,
    listed_words,
    refusal_words,
    safe_path,
    say,
    say_json_list,
    say_table,
    when,
    when_of,
)
from config.errors import NotFoundError
from config.load import load_settings
from config.safe_text import safe_text
from daemon.intake import refusal_texts
from storage.jobs.listing import Listed
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Refusal

#: No state of a job: of files that intake cannot take yet.
WAITING = "waiting"


@dataclass(frozen=True)
class Listing:
    """`total` files match; `not_taken` are the files that intake skipped, by kind."""

    found: list[Listed | Refusal]
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
    listing = Listing([], 0, {})
    try:
        with open_library(settings) as library:
            listing = look(library, state, limit)
        if not listing.found:
            raise NotFoundError(f"No file is {state}." if state else "There are no jobs.", advice=not_taken(listing))
    finally:
        if as_json:
            say_json_list([words_of(one, state) for one in listing.found])
    if not as_json:
        show(listing, state, inbox_root(settings))


def look(library: Library, state: str | None, limit: int) -> Listing:
    counts, states = library.refusal_counts(), library.counts()
    total, found = 0, list[Listed | Refusal]()
    if state != WAITING:
        wanted = JobState(state) if state else None
        total = states[wanted] if wanted else sum(states.values())
        found += library.listing(state=wanted, limit=limit)
    if state in (JobState.SKIPPED, WAITING):
        codes = refusal_texts.SKIPPED if state == JobState.SKIPPED else refusal_texts.WAITING
        total += sum(count for (code, _), count in counts.items() if code in codes)
        found += library.newest_refusals(codes, limit=limit)
        found.sort(key=lambda one: one.at if isinstance(one, Listed) else one.at.timestamp(), reverse=True)
    return Listing(found[:limit], total, refusal_texts.skipped(counts))


def words_of(one: Listed | Refusal, state: str | None) -> dict[str, str | int]:
    """One file, for programs."""
    return listed_words(one) if isinstance(one, Listed) else {"state": str(state)} | refusal_words(one)


def cells_of(one: Listed | Refusal, state: str | None, inbox: Path) -> tuple[str, ...]:
    """The same for people."""
    if isinstance(one, Refusal):
        reason = safe_text(refusal_texts.sentence_of(one))
        return ("", str(state), when(one.at), safe_path(one.path, inbox), reason)
    gone = (
        None
        if one.missing_since is None
        else gone_since(when_of(one.missing_since), is_done=one.state == JobState.DONE)
    )
    said = safe_text(". ".join(filter(None, [gone, one.caption or one.reason])))
    return (str(one.id), one.state, when_of(one.at), safe_path(one.path, inbox), said)


def show(listing: Listing, state: str | None, inbox: Path) -> None:
    cells = (cells_of(one, state, inbox) for one in listing.found)
    say_table(("job", "state", "since", "file", "caption or reason"), cells)
    if (more := listing.total - len(listing.found)) > 0:
        say(f"… and {more:,} more (-n {listing.total} lists them all)")
    if state == JobState.SKIPPED and listing.not_taken:
        say(f"Not taken: {refusal_texts.skipped_text(listing.not_taken)}")
    elif state is None and listing.not_taken:
        say(not_taken(listing))


def not_taken(listing: Listing) -> str:
    count = sum(listing.not_taken.values())
    files = "1 file was" if count == 1 else f"{count:,} files were"
    return f"{files} not taken: smolwatch ls --state skipped" if count else ""
