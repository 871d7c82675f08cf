"""Fault 60: others read the database or the log, a name forges a log line, the log's disk is full. Real.

Files are their owner's alone, a record is one line, and a log that cannot be written stops nobody.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.lifecycle import JobState
from tests.support.disks import fill, small_disk
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ +(daemon|worker)\[\d+\] .*")
FORGED = "a\n2026-11-24T09:00:00.000Z INFO    daemon[1] forged\x1b[2J\u202e.png"


@contextmanager
def careless() -> Iterator[None]:
    """What a shell that lets everybody read everything gives its children."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def log_lines(home: DaemonHome) -> list[str]:
    return (home.settings.log_folder / "smolwatch.log").read_text().splitlines()


def test_nobody_else_reads_what_the_daemon_keeps_and_no_name_forges_a_line(tmp_path: Path) -> None:
    with careless():
        home = DaemonHome(tmp_path / "home")
        home.start_and_wait()
    try:
        draw(home.inbox / FORGED)
        wait_for(lambda: home.states() == {FORGED: JobState.DONE}, 30)
        for folder in (home.settings.database_file.parent, home.settings.log_folder):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in folder.iterdir()}
            assert modes == dict.fromkeys(modes, 0o600)
        assert not [line for line in log_lines(home) if not RECORD.fullmatch(line)]
        assert any(r"a\x0a2026" in line and r"\x1b[2J\u202e.png" in line for line in log_lines(home))
        assert not any(
            " daemon[1] forged" in line and line.startswith("2026-11-24T09:00:00") for line in log_lines(home)
        )
    finally:
        home.close()


def test_a_full_log_disk_stops_nobody_and_afterwards_lines_are_whole(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home")
    with small_disk(home.settings.log_folder, 256 * 1024) as disk:
        try:
            daemon = home.start_and_wait()
            ballast = fill(disk)
            for number in range(40):  # more than the page that the log has begun can hold
                draw(home.inbox / f"{'x' * 200}{number}.png", size=(64 + number, 48))
            wait_for(lambda: list(home.states().values()) == [JobState.DONE] * 40, 40)
            assert daemon.poll() is None
            before = len(log_lines(home))
            ballast.unlink()
            draw(home.inbox / "after.png", "blue")
            wait_for(lambda: home.states().get("after.png") is JobState.DONE, 30)
            wait_for(lambda: "after.png: done" in log_lines(home)[-1])
            torn = [line for line in log_lines(home) if not RECORD.fullmatch(line)]
            assert torn in ([], [""]), "half a line ends where the next begins"
            assert len(log_lines(home)) > before
        finally:
            home.close()
