"""What lasts is logged when it begins and when it is over, not whenever somebody looks. Real."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.intake.sweep_schedule import PAUSE_SECONDS
from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_INBOX__PATH": str(tmp_path / "disk")})
    yield home
    home.close()


def lines(home: DaemonHome) -> list[str]:
    return (home.settings.log_folder / "smolwatch.log").read_text().splitlines()


def test_an_inbox_that_is_missing_from_the_start_is_logged_once_and_so_is_its_return(home: DaemonHome) -> None:
    home.start_and_wait()
    wait_for(lambda: home.logged("Inbox missing: waiting for"))
    before = len(lines(home))
    time.sleep(3 * PAUSE_SECONDS)
    assert len(lines(home)) == before
    home.inbox.mkdir()
    draw(home.inbox / "beach.png")
    wait_for(lambda: home.states() == {"beach.png": JobState.DONE}, 30)
    wait_for(lambda: home.logged("The inbox is back after"), 20)
    assert home.logged("Inbox missing") == home.logged("The inbox is back") == 1


def test_an_inbox_that_goes_away_and_comes_back_makes_three_lines(home: DaemonHome) -> None:
    home.inbox.mkdir()
    home.start_and_wait()
    wait_for(lambda: home.logged("Watching"))
    before = len(lines(home))
    shutil.rmtree(home.inbox)
    time.sleep(3 * PAUSE_SECONDS)
    home.inbox.mkdir()
    wait_for(lambda: home.logged("The inbox is back after"), 20)
    words = [line.split("] ", 1)[1] for line in lines(home)[before:]]
    assert words[0] == f"Inbox missing: waiting for {home.inbox}."
    assert words[1] == "Watching the inbox again: the inbox folder was replaced."
    assert words[2].startswith("The inbox is back after ")
    assert len(words) == 3


def test_a_full_disk_is_reported_once_a_process_though_its_free_space_changes_all_the_time(tmp_path: Path) -> None:
    with closing(DaemonHome(tmp_path / "home", {"SMOLWATCH_WORK__KEEP_FREE_BYTES": str(10**15)})) as home:
        home.start_and_wait()
        draw(home.inbox / "beach.png")
        until = time.monotonic() + 8
        while time.monotonic() < until:
            (tmp_path / "ballast").write_bytes(bytes(3_000_000 * (1 + int(time.monotonic() * 4) % 5)))
            time.sleep(0.2)
        assert 1 <= home.logged("Disk full") <= 2
