"""Shows the progress of a run: live on a terminal, elsewhere a plain line for each finished file.

In a thread of its own, so that a halted terminal (Ctrl-S) or a pipe that is not read does not block the daemon.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cli.lookup import inbox_roots
from cli.progress import Progress, ProgressReader, outcome
from cli.render import console, cut_end, cut_start, safe_path
from cli.times import speed_text
from config.safe_text import safe_text
from config.settings import Settings
from storage.jobs.finished import Finished

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

#: Reads that wait to be shown; more are dropped.
MOST_WAITING = 1000
CLOSE_SECONDS = 2.0
#: Lines for the finished files of one read, on a terminal.
MOST_LINES = 10
#: A bar is no wider, and is left out where there is less room.
LONGEST_BAR = 40
SHORTEST_BAR = 10


@contextmanager
def progress_shown(settings: Settings) -> Iterator[ProgressReader]:
    """The daemon's observer. While this lasts, a terminal's stderr is written through the display."""
    screen, inboxes = console(stderr=True), inbox_roots(settings)
    if not screen.is_terminal or screen.is_dumb_terminal:
        with shown_by(Lines(inboxes).show) as reader:
            yield reader
        return
    from rich.live import Live

    first = plain(waiting_text(inboxes, screen.width))
    with (
        Live(first, console=screen, auto_refresh=False, transient=True, redirect_stdout=sys.stdout.isatty()) as live,
        shown_by(Terminal(inboxes, live).show) as reader,
    ):
        yield reader


@contextmanager
def shown_by(show: Callable[[Progress], None]) -> Iterator[ProgressReader]:
    writer = Writer(show)
    try:
        yield ProgressReader(writer.put)
    finally:
        writer.close()


class Writer:
    """Calls `show` in a thread of its own. What cannot be written is lost, and stops nothing."""

    def __init__(self, show: Callable[[Progress], None]) -> None:
        self._show = show
        self._waiting: queue.Queue[Progress | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="progress", daemon=True)
        self._thread.start()

    def put(self, progress: Progress | None) -> None:
        with suppress(queue.Full):
            self._waiting.put_nowait(progress)

    def close(self) -> None:
        self.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _work(self) -> None:
        try:
            while (progress := self._waiting.get()) is not None:
                self._show(progress)
        except OSError:  # the pipe's reader has ended, or the disk of the output is full
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end


class Lines:
    """One line on stdout for each finished file."""

    def __init__(self, inboxes: Sequence[Path]) -> None:
        self._inboxes = inboxes

    def show(self, progress: Progress) -> None:
        if progress.finished:
            sys.stdout.write("".join(f"{line_of(job, self._inboxes)}\n" for job in progress.finished))
            sys.stdout.flush()


class Terminal:
    """A live display on stderr; finished files and log lines appear above it."""

    def __init__(self, inboxes: Sequence[Path], live: Live) -> None:
        self._inboxes = inboxes
        self._live = live
        self._lines = Lines(inboxes)

    def show(self, progress: Progress) -> None:
        if sys.stdout.isatty():
            self._show_above(progress.finished)
        else:
            self._lines.show(progress)
        self._live.update(rendered(progress, self._inboxes, self._live.console), refresh=True)

    def _show_above(self, finished: tuple[Finished, ...]) -> None:
        lines = [line_of(job, self._inboxes) for job in finished[:MOST_LINES]]
        if (more := len(finished) - MOST_LINES) > 0:
            lines.append(f"… and {more:,} more {'file' if more == 1 else 'files'}")
        if lines:  # in one call: the display is redrawn below each print
            self._live.console.print("\n".join(lines), soft_wrap=True)


def line_of(job: Finished, inboxes: Sequence[Path]) -> str:
    """Of a finished file: "photos/IMG_1.jpg: A red boat." Safe to print."""
    return f"{safe_path(job.path, inboxes)}: {safe_text(outcome(job))}"


def rendered(progress: Progress, inboxes: Sequence[Path], screen: Console) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    total, failed = progress.done + progress.left, f", {progress.failed:,} failed" if progress.failed else ""
    if progress.is_stopping:
        return plain("Stopping after the files in hand … (Ctrl-C again: at once)" if progress.running else "Stopping …")
    if not progress.left:
        done = f"{total:,} {'file' if total == 1 else 'files'} done{failed}. " if total else ""
        return plain(done + waiting_text(inboxes, screen.width - len(done)))
    counts = f"{progress.done:,} of {total:,}{failed}"
    speed = speed_text(progress.per_minute, progress.left)
    text = plain(f"{counts} · {speed}" if speed else f"{counts} {'file' if total == 1 else 'files'}")
    second = plain(now_text(progress, inboxes, screen.width))
    if (room := screen.width - text.cell_len - 1) < SHORTEST_BAR:
        return Group(text, second)
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_row(ProgressBar(total, progress.done, width=min(room, LONGEST_BAR)), text)
    return Group(line, second)


def waiting_text(inboxes: Sequence[Path], width: int) -> str:
    ends = ("Waiting for files in ", "; Ctrl-C stops")
    where = str(inboxes[0]) if len(inboxes) == 1 else f"{len(inboxes)} inboxes"
    return cut_start(safe_text(where), max(1, width - sum(map(len, ends)))).join(ends)


def now_text(progress: Progress, inboxes: Sequence[Path], width: int) -> str:
    """What is done now, or what the files wait for, in one line of that width."""
    if progress.is_paused and progress.current is None:
        return cut_end("Paused; `smolwatch resume` continues", width)
    if progress.model in ("loading", "restarting"):
        return "Loading the model …"
    if progress.model in ("unavailable", "safe mode"):
        return cut_end(safe_text(f"Model {progress.model}: {progress.model_reason}"), width)
    if progress.postponed == progress.left:
        them = "1 file is retried later" if progress.left == 1 else f"{progress.left:,} files are retried later"
        return cut_end(f"{them}; `smolwatch ls --state queued` shows why", width)
    if progress.current is None:
        starting = "Opening the next files …" if progress.model == "ready" else "Starting the model …"
        return cut_end(safe_text(progress.paused), width) if progress.paused else starting
    more = f" and {progress.running - 1:,} more" if progress.running > 1 else ""
    return f"now: {cut_start(safe_path(progress.current, inboxes), max(1, width - len(more) - 5))}{more}"


def plain(text: str) -> Text:
    """One line, cut at the terminal's width."""
    from rich.text import Text

    return Text(text, no_wrap=True, overflow="ellipsis")
