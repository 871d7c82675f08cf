"""Where the inbox may be, with a real daemon: what cannot be one is refused, what is missing is waited for."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.mark.parametrize(
    ("inbox", "reason"),
    [
        ("/", "is the root of the disk"),
        ("{home}", "is smolwatch's own home"),
        ("{home}/data", "belongs to smolwatch's own files"),
        ("{home}/config/smolwatch.toml", "belongs to smolwatch's own files"),
        ("{tmp}/notes.txt", "is a file, not a folder"),
    ],
)
def test_the_daemon_refuses_what_cannot_be_an_inbox(tmp_path: Path, inbox: str, reason: str) -> None:
    (tmp_path / "notes.txt").touch()
    path = inbox.format(home=tmp_path / "home", tmp=tmp_path)
    with closing(DaemonHome(tmp_path / "home", {"SMOLWATCH_INBOX__PATH": path})) as home:
        daemon = home.start()
        assert daemon.wait(timeout=30) == 78
        assert daemon.stderr is not None
        assert f"The inbox {path} {reason}." in daemon.stderr.read()
        assert not home.settings.database_file.exists()


def test_a_chosen_inbox_that_is_missing_is_waited_for_and_not_created(tmp_path: Path) -> None:
    with closing(DaemonHome(tmp_path / "home", {"SMOLWATCH_INBOX__PATH": str(tmp_path / "disk")})) as home:
        home.start_and_wait()
        wait_for(lambda: home.logged("Inbox missing: waiting for"))
        assert not home.inbox.exists()
        home.inbox.mkdir()
        draw(home.inbox / "beach.png")
        wait_for(lambda: home.states() == {"beach.png": JobState.DONE}, 30)


def test_a_home_inside_the_inbox_costs_nothing_while_there_is_nothing_to_do(tmp_path: Path) -> None:
    """The database's own files change with every state that is stored; they must not cause another."""
    pictures = tmp_path / "pictures"
    with closing(DaemonHome(pictures / "SmolWatch", {"SMOLWATCH_INBOX__PATH": str(pictures)})) as home:
        draw(home.inbox / "beach.png")
        daemon = home.start_and_wait()
        wait_for(lambda: home.states() == {"beach.png": JobState.DONE}, 30)
        time.sleep(3)
        process, log = psutil.Process(daemon.pid), home.settings.log_folder / "smolwatch.log"
        lines, before = len(log.read_text().splitlines()), sum(process.cpu_times()[:2])
        time.sleep(20)
        assert len(log.read_text().splitlines()) == lines
        assert sum(process.cpu_times()[:2]) - before < 0.2, "1 % of a core"
        with home.reading() as library:
            assert library.refused_paths() == []
            intake = library.status.intake()
        assert intake is not None
        assert (intake.seen, intake.settling) == (1, 0)
        assert os.fsencode(home.settings.database_file).startswith(os.fsencode(home.inbox))
