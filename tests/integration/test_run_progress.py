"""What `smolwatch run` shows while it works: on terminals of two widths, and where stdout is a file. Real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.load import load_settings, prepare_home
from daemon.lock import holder
from tests.support.checkout import ROOT
from tests.support.running_jobs import draw
from tests.support.terminal import TerminalProcess, last_screen
from tests.support.waiting import wait_for

COUNT = 12
IDLE = "done. Waiting for files in "


def environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SMOLWATCH_")}
    quick = {"SMOLWATCH_INBOX__SETTLE_SECONDS": "0.3", "SMOLWATCH_MODEL__ENGINE": "echo"}
    return {**own, "PYTHONPATH": str(ROOT), **quick}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With a dozen pictures in a folder of the inbox."""
    folder = tmp_path / "home"
    prepare_home(load_settings(home=folder, environ={}))
    (folder / "inbox" / "photos").mkdir()
    for number in range(COUNT):
        draw(folder / "inbox" / "photos" / f"IMG_{number:02}.png", size=(64 + number, 48))
    return folder


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", "--home", str(home), "run", *arguments]


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_the_progress_below_the_captions_and_the_log(home: Path, columns: int) -> None:
    with TerminalProcess(command(home), env=environment(), cwd=home, columns=columns) as terminal:
        text = terminal.wait_for(lambda text: IDLE in text)
        terminal.interrupt()
        assert terminal.wait() == 0
        lines = [line.rstrip() for line in last_screen(terminal.raw)]
    assert re.search(rf"\d+ of {COUNT}\b", text)
    assert re.search(r"now: photos/\S+\.png", text) or "the model …" in text
    assert f"{COUNT} files done. Waiting for files in " in text
    assert "; Ctrl-C stops" in text
    finished = [line for line in lines if line.startswith("photos/")]
    assert set(finished) <= {f"photos/IMG_{number:02}.png: A picture of {64 + number}x48." for number in range(COUNT)}
    assert len(set(finished)) == len(finished) >= 10
    display = [line for line in text.splitlines() if "━" in line or "Waiting for" in line or line.startswith("now: ")]
    assert max(map(len, display)) <= columns
    assert any("Worker" in line and " started" in line for line in lines), "log lines are above the progress"
    assert lines[-2:] == [f"Stopped. {COUNT} files done in this run, none is waiting.", ""]
    assert not any("━" in line or "Ctrl-C stops" in line for line in lines), "nothing is left of the display"


def test_ctrl_c_says_how_many_files_wait_and_the_next_run_continues(home: Path) -> None:
    with TerminalProcess(command(home), env=environment(), cwd=home) as terminal:
        terminal.wait_for(lambda text: f"0 of {COUNT} files" in text)
        terminal.interrupt()
        assert terminal.wait() == 0
        found = re.search(r"Stopped\. (\d+) files? done in this run, (.*)\.", terminal.text)
    assert found is not None
    waiting = COUNT - int(found[1])
    expected = f"{waiting} still waiting; `smolwatch run` continues with them" if waiting else "none is waiting"
    assert found[2] == expected
    done = run_once(home, home)
    assert done.stdout.splitlines()[-1] == f"described {waiting} · failed 0 · not taken 0"


def test_without_a_terminal_each_finished_file_is_one_line_on_stdout(home: Path) -> None:
    done = run_once(home, home)
    *lines, counts = done.stdout.splitlines()
    assert counts == f"described {COUNT} · failed 0 · not taken 0"
    assert sorted(lines) == [f"photos/IMG_{number:02}.png: A picture of {64 + number}x48." for number in range(COUNT)]
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_captions_go_to_stdout_where_that_is_a_file_and_the_display_stays_on_the_terminal(home: Path) -> None:
    captions = home / "captions.txt"
    with TerminalProcess(command(home, "--once"), env=environment(), cwd=home, stdout=captions) as terminal:
        assert terminal.wait() == 0
        assert "photos/IMG_00.png: " not in terminal.text
        assert f"of {COUNT}" in terminal.text
    assert len(captions.read_text().splitlines()) == COUNT + 1
    assert "\x1b" not in captions.read_text()


def test_a_pipe_that_nobody_reads_does_not_keep_the_daemon_from_its_work_nor_from_its_end(home: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 4096)
    except BlockingIOError:  # it is full
        os.set_blocking(write, True)
    process = subprocess.Popen(command(home), env=environment(), cwd=home, stdout=write, stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        sidecars = home / "inbox" / "photos"
        wait_for(lambda: len(list(sidecars.glob("*.md"))) == COUNT, 40)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) is not None
    finally:
        process.kill()
        process.wait()
        os.close(read)


def test_a_reader_that_ends_early_does_not_end_the_daemon(home: Path) -> None:
    with subprocess.Popen(
        command(home), env=environment(), cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        try:
            wait_for(lambda: len(list((home / "inbox" / "photos").glob("*.md"))) == COUNT, 40)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()


def test_another_inbox_can_be_given_for_one_run(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    draw(folder / "one.png")
    done = run_once(home, tmp_path, "--inbox", "elsewhere")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("one.png: ")
    assert (folder / "one.png.md").exists()
    assert not list((home / "inbox").rglob("*.md"))
    assert holder(home / "data" / "smolwatch.lock") is None


def run_once(home: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(home, "--once", *arguments),
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
