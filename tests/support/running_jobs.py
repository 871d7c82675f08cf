"""A job that keeps running until the test ends it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
from PIL import Image

from storage.lifecycle import JobState
from tests.support.processes import DaemonHome, workers
from tests.support.waiting import wait_for


def draw(file: Path, colour: str = "red", size: tuple[int, int] = (64, 48)) -> Path:
    Image.new("RGB", size, colour).save(file)
    return file


def start_with_worker(home: DaemonHome) -> subprocess.Popen[str]:
    """The daemon, whose worker has described first.png and waits for more."""
    daemon = home.start_and_wait()
    draw(home.inbox / "first.png")
    wait_for(lambda: home.states() == {"first.png": JobState.DONE}, 30)
    return daemon


def hold_a_job(home: DaemonHome) -> tuple[subprocess.Popen[str], psutil.Process, psutil.Process]:
    """The daemon, its worker and the worker's decoder, which is suspended while it opens held.png."""
    daemon = start_with_worker(home)
    worker = home.worker(daemon)
    decoder = wait_for(lambda: next(iter(workers(worker.pid)), None))
    decoder.suspend()
    draw(home.inbox / "held.png", "blue", (70, 50))
    wait_for(lambda: home.states().get("held.png") is JobState.RUNNING)
    return daemon, worker, decoder
