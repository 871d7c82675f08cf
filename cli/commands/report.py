"""`smolwatch report`: one page about an evaluation, the performance matrix and the daemon's own history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.lookup import open_library_if_any
from cli.render import say, size
from cli.times import utc_now
from config.errors import NotFoundError
from config.load import load_settings
from config.safe_text import safe_text
from storage.atomic import write_atomically
from storage.errors import ForeignFileError

if TYPE_CHECKING:
    from daemon.evaluation.report.page import Page
    from storage.library import Library

DEFAULT_FILE = Path("smolwatch-report.html")
#: Runs that can be reported; older ones only by their number.
MOST_RUNS = 1000


def run_numbers(_ctx: click.Context, _parameter: click.Parameter, text: str) -> list[int]:
    """Numbers of runs, with commas between."""
    parts = [part.strip() for part in text.split(",")] if text else []
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise click.BadParameter(f"{text!r} is no list of runs, such as 12 or 12,9.")
    return [int(part) for part in parts]


@click.command(short_help="Write a report on an evaluation: one page.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Where the page is written.  [default: {DEFAULT_FILE}]",
)
@click.option(
    "--md", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the same as Markdown."
)
@click.option(
    "--runs",
    callback=run_numbers,
    metavar="RUN,…",
    default="",
    help="The run that the report is about, then the one that it is compared with.  [default: the newest]",
)
@click.pass_obj
def command(home: Path | None, html: Path | None, md: Path | None, runs: list[int]) -> None:
    """Write what the newest evaluation found as one page that needs nothing else: no network, no script.

    It has the plan's targets, quality, speed, memory, every case with its answer, what became worse since the run
    before, and the daemon's own history. An older report is replaced; any other file is never touched.
    """
    settings = load_settings(home=home)
    with open_library_if_any(settings) as library:
        if library is None:
            raise NotFoundError("There is no evaluation yet.", advice="Make one with: smolwatch evaluate")
        page = read_page(library, runs)
    from daemon.evaluation.report.rendering import is_html_report, is_markdown_report, to_html, to_markdown

    if html is not None or md is None:
        write(html or DEFAULT_FILE, to_html(page), is_html_report)
    if md is not None:
        write(md, to_markdown(page), is_markdown_report)


def read_page(library: Library, wanted: list[int]) -> Page:
    """The page of these runs, or of the newest."""
    from daemon.evaluation.report.compose import MeasuredRun, ReportInput, page_of
    from daemon.evaluation.report.daemon_history import DAYS, MOST_DESCRIPTIONS, history_view
    from daemon.evaluation.report.run_choice import choose_runs

    now, evaluations = utc_now(), library.evaluations
    choice = choose_runs(evaluations.runs(limit=MOST_RUNS), wanted)
    measured = {
        run.id: MeasuredRun(run, tuple(evaluations.results(run.id)))
        for run in (choice.subject, choice.earlier, *choice.measured)
        if run is not None
    }
    since = now - timedelta(days=DAYS)
    history = history_view(library.described_since(since, limit=MOST_DESCRIPTIONS), library.failures_since(since), now)
    return page_of(
        ReportInput(
            subject=measured[choice.subject.id],
            measured=tuple(measured[run.id] for run in choice.measured),
            earlier=None if choice.earlier is None else measured[choice.earlier.id],
            history=history,
            now=now,
        )
    )


def write(file: Path, text: str, is_ours: Callable[[bytes], bool]) -> None:
    """Raises NotFoundError without the folder, and ForeignFileError for a file that is no report."""
    if not file.absolute().parent.is_dir():
        raise NotFoundError(f"There is no folder {file.absolute().parent}.")
    try:
        write_atomically(file.absolute(), text.encode(), mode=0o644, replace_ours=is_ours)
    except ForeignFileError as error:
        error.advice = "Choose another name: only an older report is replaced."
        raise
    say(f"Wrote {safe_text(str(file))} ({size(file.stat().st_size)})")
