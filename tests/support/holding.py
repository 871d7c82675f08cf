"""A job that keeps running until the test ends it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
from PIL import Image

from storage.lifecycle import JobState
from tests.support.processes import House, workers
from tests.support.waiting import wait_for


def draw(file: Path, colour: str = "red", size: tuple[int, int] = (64, 48)) -> Path:
    Image.new("RGB", size, colour).save(file)
    return file


def start_with_worker(house: House) -> subprocess.Popen[str]:
    """The daemon, whose worker has described first.png and waits for more."""
    daemon = house.start_and_wait()
    draw(house.inbox / "first.png")
    wait_for(lambda: house.states() == {"first.png": JobState.DONE}, 30)
    return daemon


def hold_a_job(house: House) -> tuple[subprocess.Popen[str], psutil.Process, psutil.Process]:
    """The daemon, its worker and the worker's decoder, which is suspended while it opens held.png."""
    daemon = start_with_worker(house)
    worker = house.worker(daemon)
    decoder = wait_for(lambda: next(iter(workers(worker.pid)), None))
    decoder.suspend()
    draw(house.inbox / "held.png", "blue", (70, 50))
    wait_for(lambda: house.states().get("held.png") is JobState.RUNNING)
    return daemon, worker, decoder
