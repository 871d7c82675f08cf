"""Fault 49: the daemon is killed by kill -9. Real."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for


def test_its_children_and_theirs_are_gone_within_a_second(home: DaemonHome) -> None:
    kill_and_watch(*begin(home))


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends a stopped child with its parent (PR_SET_PDEATHSIG)"
)
def test_a_suspended_worker_is_gone_with_them(home: DaemonHome) -> None:
    daemon, family = begin(home)
    home.worker(daemon).suspend()
    kill_and_watch(daemon, family)


def begin(home: DaemonHome) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A daemon at work, and its children and theirs."""
    daemon = home.start_and_wait()
    draw(home.inbox / "beach.png")
    worker = home.worker(daemon)
    wait_for(lambda: "beach.png" in home.states() and worker.children(), 30)
    family = psutil.Process(daemon.pid).children(recursive=True)
    assert len(family) >= 2
    return daemon, family


def kill_and_watch(daemon: subprocess.Popen[str], family: list[psutil.Process]) -> None:
    began = time.monotonic()
    daemon.kill()
    wait_for(lambda: not any(lives(process) for process in family), 5)
    assert time.monotonic() - began < 1


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
