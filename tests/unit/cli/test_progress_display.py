from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from cli.progress import Progress
from cli.progress_display import Writer, line_of, rendered
from storage.jobs.finished import Finished

INBOX = Path("/home/me/inbox")


def text_of(progress: Progress, width: int = 80) -> list[str]:
    screen = Console(width=width, force_terminal=True, color_system=None, highlight=False)
    with screen.capture() as shown:
        screen.print(rendered(progress, [INBOX], screen))
    return [line.rstrip() for line in shown.get().splitlines()]


def test_a_display_has_counts_speed_time_left_and_the_file() -> None:
    current = bytes(INBOX / "photos" / "IMG_1.jpg")
    progress = Progress(done=12, failed=1, left=288, per_minute=36.0, running=8, current=current, model="ready")
    bar, now = text_of(progress, 100)
    assert bar.lstrip("━╸╺ ") == "12 of 300, 1 failed · 36 files a minute · about 8 min left"
    assert now == "now: photos/IMG_1.jpg and 7 more"


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_of_a_display_is_wider_than_the_terminal(width: int) -> None:
    current = bytes(INBOX / ("long" * 30) / "IMG_1.jpg")
    busy = Progress(done=12, failed=1, left=288, per_minute=36.0, running=8, current=current, model="ready")
    for progress in (busy, Progress(done=12, failed=1, left=0), Progress(done=0, failed=0, left=0)):
        assert all(len(line) <= width for line in text_of(progress, width))
    if width > 20:
        assert "IMG_1.jpg" in text_of(busy, width)[1], "a path loses its beginning"


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(done=0, failed=0, left=0), "Waiting for files in /home/me/inbox; Ctrl-C stops"),
        (Progress(done=1, failed=0, left=0), "1 file done. Waiting for files in /home/me/inbox; Ctrl-C stops"),
        (Progress(done=0, failed=0, left=1, model="idle"), "Starting the model …"),
        (Progress(done=0, failed=0, left=1, model="loading"), "Loading the model …"),
        (Progress(done=0, failed=0, left=1, model="unavailable", model_reason="x"), "Model unavailable: x"),
        (Progress(done=0, failed=0, left=1, model="ready", paused="Paused: too hot."), "Paused: too hot."),
        (Progress(done=0, failed=0, left=1, model="loading", is_paused=True), "Paused; `smolwatch resume` continues"),
        (
            Progress(done=0, failed=0, left=2, postponed=2, model="idle"),
            "2 files are retried later; `smolwatch ls --state queued` shows why",
        ),
        (Progress(done=0, failed=0, left=1, running=1, is_stopping=True), "Stopping after the files in hand"),
    ],
)
def test_a_display_says_what_the_files_wait_for(progress: Progress, text: str) -> None:
    assert text_of(progress)[-1].startswith(text)


def test_a_line_of_a_file_is_safe_to_print() -> None:
    job = Finished(b"/home/me/inbox/\x1b[2J.jpg", "done", "A \x1b]0;owned\x07 boat.", None)
    assert line_of(job, [INBOX]) == r"\x1b[2J.jpg: A \x1b]0;owned\x07 boat."
    assert line_of(Finished(b"/else/a.jpg", "gone", None, None), [INBOX]) == "/else/a.jpg: gone"


def test_a_screen_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(progress: Progress) -> None:
        raise BrokenPipeError

    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr("sys.stdout", out)
        writer = Writer(broken)
        for _ in range(3):
            writer.put(Progress(done=0, failed=0, left=0))
        writer.close()
