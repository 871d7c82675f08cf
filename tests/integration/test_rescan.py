"""`smolwatch rescan` with a real daemon: several callers at once, and a daemon that ends meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from cli.daemon_commands import rescan
from config.errors import DaemonNotRunningError
from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    with closing(DaemonHome(tmp_path / "home")) as home:
        yield home


def test_callers_at_once_all_get_a_result(home: DaemonHome) -> None:
    for number in range(20):
        draw(home.inbox / f"{number}.png", size=(40 + number, 30))
    home.start_and_wait()
    wait_for(lambda: list(home.states().values()) == [JobState.DONE] * 20, 60)
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(rescan, home.settings, compare) for compare in (True, False, True, False, False, True)]
        results = [call.result(timeout=60) for call in calls]
    assert [result["seen"] for result in results] == [20] * 6
    assert [results[index]["compared"] for index in (0, 2, 5)] == [20] * 3


def test_a_daemon_that_is_killed_ends_the_wait(home: DaemonHome) -> None:
    draw(home.inbox / "a.png")
    daemon = home.start_and_wait()
    wait_for(lambda: home.states() == {"a.png": JobState.DONE}, 30)
    daemon.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(rescan, home.settings, compare) for compare in (True, False)]
        daemon.kill()
        for call in calls:
            with pytest.raises(DaemonNotRunningError):
                call.result(timeout=30)
