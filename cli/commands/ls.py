"""`smolwatch ls`: the jobs and the files that were not admitted, freshest first."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from cli.lookup import inbox_roots, open_library_if_any
from cli.options import json_option
from cli.render import (
    cut_end,
    cut_start,
    gone_since,
    listed_json,
    members_json,
    refusal_json,
    safe_path,
    say,
    say_json_list,
    say_table,
)
from cli.times import ago, of_seconds, utc_now
from config.errors import NotFoundError
from config.load import load_settings
from config.safe_text import safe_text
from daemon.intake import refusal_texts
from storage.jobs.listing import Listed
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Refusal

#: Not a job's state: files that intake cannot admit yet.
WAITING = "waiting"


@dataclass(frozen=True)
class Listing:
    """`total`: how many match. `not_taken`: files that intake skipped, by kind."""

    found: list[Listed | Refusal]
    total: int
    not_taken: dict[str, int]


@click.command(short_help="List the files, freshest first.")
@click.option(
    "--state",
    type=click.Choice([*map(str, JobState), WAITING]),
    help="Only files in this state. skipped: with all that was not admitted; waiting: what cannot be admitted yet.",
)
@click.option("-n", "limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@click.option("--wide", is_flag=True, help="Whole captions, also where they are longer than the terminal's lines.")
@json_option
@click.pass_obj
def command(home: Path | None, state: str | None, limit: int, wide: bool, as_json: bool) -> int | None:
    """List the files, those first that were described or queued last: with the caption, or the reason for its absence.

    The exit code is 3 when nothing matches.
    """
    settings = load_settings(home=home)
    with open_library_if_any(settings) as library, collector_paused():
        listing = find(library, state, limit) if library else Listing([], 0, {})
    if as_json:
        say_json_list(to_json(item, state) for item in listing.found)
        return None if listing.found else NotFoundError.exit_code
    if not listing.found:
        start = "" if library else "Start the daemon with: smolwatch run"
        raise NotFoundError(
            f"No file is {state}." if state else "There are no jobs yet.", advice=start or not_taken(listing)
        )
    show(listing, state, inbox_roots(settings), wide)
    return None


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the search for cycles, which takes a quarter of the time of a long list: its plain values have none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def find(library: Library, state: str | None, limit: int) -> Listing:
    refused, states = library.refusal_counts(), library.counts()
    total, found = 0, list[Listed | Refusal]()
    if state != WAITING:
        job_state = JobState(state) if state else None
        total = states[job_state] if job_state else sum(states.values())
        found += library.listing(state=job_state, limit=limit)
    if state in (JobState.SKIPPED, WAITING):
        codes = refusal_texts.SKIPPED if state == JobState.SKIPPED else refusal_texts.WAITING
        total += sum(count for (code, _), count in refused.items() if code in codes)
        found += library.newest_refusals(codes, limit=limit)
        found.sort(key=lambda item: item.at if isinstance(item, Listed) else item.at.timestamp(), reverse=True)
    return Listing(found[:limit], total, refusal_texts.skipped(refused))


def to_json(item: Listed | Refusal, state: str | None) -> str:
    return listed_json(item) if isinstance(item, Listed) else members_json({"state": str(state)} | refusal_json(item))


def to_cells(item: Listed | Refusal, state: str | None, inboxes: Sequence[Path], now: datetime) -> tuple[str, ...]:
    if isinstance(item, Refusal):
        reason = safe_text(refusal_texts.sentence_of(item))
        return ("", str(state), ago(item.at, now), safe_path(item.path, inboxes), reason)
    gone = ""
    if item.missing_since is not None:
        gone = gone_since(of_seconds(item.missing_since), now, is_done=item.state == JobState.DONE)
    text = safe_text(". ".join(filter(None, [gone, item.caption or item.reason])))
    return (str(item.id), item.state, ago(of_seconds(item.at), now), safe_path(item.path, inboxes), text)


def show(listing: Listing, state: str | None, inboxes: Sequence[Path], wide: bool) -> None:
    now = utc_now()
    cells = (to_cells(item, state, inboxes, now) for item in listing.found)
    cut = {"file": cut_start, "caption or reason": cut_end}
    say_table(("job", "state", "when", "file", "caption or reason"), cells, cut=cut, wide=wide)
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
