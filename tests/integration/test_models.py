"""Jobs of several models: the daemon describes each file by the model of its job, one worker at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.inference.echo_engine import ECHO_ID
from daemon.inference.weights.sources import DEMO, DEMO_ID
from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

LONG = 50.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


def redo(home: DaemonHome, *arguments: str) -> None:
    done = home.invoke("redo", *arguments)
    assert done.returncode == 0, done.stderr


def model_of_answer(home: DaemonHome, question: str) -> str:
    done = home.invoke("ask", "--json", question)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["model"])


def models(home: DaemonHome) -> dict[str, str]:
    """The model of each file's newest description, by name."""
    with home.reading() as library:
        jobs = {job.name: job for job in reversed(library.jobs(limit=1000))}
        described = {name: library.description(job.id) for name, job in jobs.items()}
    return {name: found.model.id for name, found in described.items() if found is not None}


def test_each_file_is_described_by_the_model_of_its_job_and_new_files_by_that_of_the_settings(home: DaemonHome) -> None:
    for name in ("a.png", "b.png"):
        draw(home.inbox / name, size=(64, 40 + ord(name[0])))
    home.start_and_wait()
    wait_for(lambda: set(models(home)) == {"a.png", "b.png"}, LONG, every=0.5)
    redo(home, "--model", "demo")
    wait_for(lambda: set(models(home).values()) == {DEMO_ID} and home.engine().model == DEMO_ID, LONG, every=0.5)
    assert model_of_answer(home, "What is this?") == ECHO_ID, "questions are for the settings' model"
    draw(home.inbox / "c.png", size=(64, 50))
    wait_for(lambda: models(home).get("c.png") == ECHO_ID, LONG, every=0.5)
    assert models(home)["a.png"] == DEMO_ID, "a description by a chosen model is not repeated"


def test_files_of_a_model_whose_weights_are_gone_wait_and_block_no_others(home: DaemonHome, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DEMO, tmp_path / "copy"))
    draw(home.inbox / "a.png", size=(64, 40))
    assert home.start("--once").wait(timeout=50) == 0
    redo(home, "--model", str(folder))
    shutil.rmtree(folder)
    home.start_and_wait()
    wait_for(lambda: home.engine().state == "unavailable", LONG, every=0.5)
    draw(home.inbox / "b.png", size=(64, 41))
    wait_for(lambda: models(home).get("b.png") == ECHO_ID, LONG, every=0.5)
    assert home.states()["a.png"] is JobState.QUEUED
    shutil.copytree(DEMO, folder)
    wait_for(lambda: models(home).get("a.png") == "copy", LONG, every=0.5)
