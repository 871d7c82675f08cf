"""Commands to a real daemon: several processes at once, a daemon that is killed meanwhile, and none at all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.daemon_commands import change_jobs, rescan
from config.errors import PausedError
from storage.commands.requests import CommandKind
from storage.lifecycle import CANCELLED, JobState
from tests.fakes.obedient_worker import ASLEEP, SLOW
from tests.support.checkout import ROOT
from tests.support.holding import draw, hold_a_job, start_with_worker
from tests.support.processes import House
from tests.support.waiting import wait_for

DONE, QUEUED, SKIPPED = JobState.DONE, JobState.QUEUED, JobState.SKIPPED


@dataclass(frozen=True)
class Typed:
    """What somebody typed, and what became of it; `seconds` from the start of all to its end."""

    words: tuple[str, ...]
    code: int
    document: dict[str, Any]
    seconds: float


class Terminals:
    """People who type commands at once, each in a process of its own."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._began = time.monotonic()
        self._started: list[tuple[tuple[str, ...], subprocess.Popen[str]]] = []

    def type(self, *words: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *words, "--json"],
            cwd=ROOT,
            env=self._house.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append((words, process))

    def results(self, timeout: float) -> list[Typed]:
        found = []
        for words, process in self._started:
            out, err = process.communicate(timeout=timeout)
            assert "Traceback" not in err
            found.append(Typed(words, process.returncode, json.loads(out), time.monotonic() - self._began))
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(House(tmp_path / "house")) as house:
        yield house


@pytest.fixture
def slow_house(tmp_path: Path) -> Iterator[House]:
    """The model sleeps on a picture of a certain width."""
    with closing(House(tmp_path / "house", obedient=True)) as house:
        yield house


def check_about_its_own(typed: Typed) -> None:
    """The answer is about what was typed, and nobody else's."""
    name, document = typed.words[0], typed.document
    if "error" in document:
        assert (name, typed.code) == ("rescan", 4), document
        assert "before the rescan was finished" in document["error"] or "No daemon" in document["error"]
        return
    assert typed.code == 0, document
    if name == "rescan":
        assert document["compare"] == ("--hash" in typed.words)
        assert document["seen"] >= 1
    elif name in ("pause", "resume"):
        assert document["paused"] == (name == "pause")
    else:
        (job,) = document["jobs"]
        assert job["path"].endswith(typed.words[1])


def start_paused(house: House) -> subprocess.Popen[str]:
    """The daemon, paused, with two files that wait."""
    daemon = house.start_and_wait()
    change_jobs(house.settings, CommandKind.PAUSE)
    for name in ("a.png", "b.png"):
        draw(house.inbox / name)
    wait_for(lambda: house.states() == {"a.png": QUEUED, "b.png": QUEUED}, 30)
    return daemon


def type_all(house: House) -> Terminals:
    """Two people type four commands each."""
    terminals = Terminals(house)
    for file in ("a.png", "b.png"):
        for words in (("rescan",), ("rescan", "--hash"), ("pause",), ("cancel", file)):
            terminals.type(*words)
    return terminals


def test_people_who_type_at_once_get_an_answer_about_their_own_command(house: House) -> None:
    start_paused(house)
    for typed in type_all(house).results(50):
        check_about_its_own(typed)
        assert "error" not in typed.document
    assert house.states() == {"a.png": SKIPPED, "b.png": SKIPPED}
    terminals = Terminals(house)
    for words in (("retry", "a.png"), ("retry", "b.png"), ("resume",), ("rescan",)):
        terminals.type(*words)
    for typed in terminals.results(50):
        check_about_its_own(typed)
    wait_for(lambda: house.states() == {"a.png": DONE, "b.png": DONE}, 30)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_daemon_that_is_killed_in_the_middle_leaves_nobody_without_an_answer(house: House, seconds: float) -> None:
    daemon = start_paused(house)
    terminals = type_all(house)
    time.sleep(seconds)
    daemon.kill()
    for typed in terminals.results(50):
        check_about_its_own(typed)
    assert is_paused(house)
    assert house.states() == {"a.png": SKIPPED, "b.png": SKIPPED}


def test_a_daemon_that_is_suspended_leaves_nobody_without_an_answer(house: House) -> None:
    draw(house.inbox / "a.png")
    daemon = house.start_and_wait()
    wait_for(lambda: house.states() == {"a.png": DONE}, 30)
    daemon.send_signal(signal.SIGSTOP)
    try:
        terminals = Terminals(house)
        for words in (("pause",), ("retry", "a.png"), ("rescan",)):
            terminals.type(*words)
        pause, retry, rescan = terminals.results(50)
    finally:
        daemon.send_signal(signal.SIGCONT)
    assert (pause.code, pause.document["paused"], is_paused(house)) == (0, True, True)
    assert (retry.code, house.states()) == (0, {"a.png": QUEUED})
    assert rescan.code == 1
    assert "did not take the command" in rescan.document["error"]


def test_without_a_daemon_all_but_rescan_are_carried_out(house: House) -> None:
    for name in ("a.png", "b.png"):
        draw(house.inbox / name)
    assert house.start("--once").wait(40) == 0
    terminals = Terminals(house)
    for words in (("pause",), ("retry", "a.png"), ("rescan",), ("retry", "b.png")):
        terminals.type(*words)
    for typed in terminals.results(40):
        check_about_its_own(typed)
    assert house.states() == {"a.png": QUEUED, "b.png": QUEUED}
    assert is_paused(house)


def test_a_pause_survives_a_restart_and_ends_with_resume(house: House) -> None:
    daemon = house.start_and_wait()
    change_jobs(house.settings, CommandKind.PAUSE)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0
    draw(house.inbox / "a.png")
    once = house.start("--once")
    _, error = once.communicate(timeout=40)
    assert (once.returncode, "paused" in error) == (PausedError.exit_code, True)
    house.start_and_wait()
    wait_for(lambda: house.states() == {"a.png": QUEUED})
    time.sleep(3)
    assert house.states() == {"a.png": QUEUED}
    assert house.logged("Worker") == 0, "no model is loaded during a pause"
    change_jobs(house.settings, CommandKind.RESUME)
    wait_for(lambda: house.states() == {"a.png": DONE}, 30)


def test_a_pause_lets_the_file_in_hand_be_finished(house: House) -> None:
    _, _, decoder = hold_a_job(house)
    change_jobs(house.settings, CommandKind.PAUSE)
    decoder.resume()
    wait_for(lambda: house.states()["held.png"] in (DONE, QUEUED), 30)
    draw(house.inbox / "later.png", "green", (80, 50))
    wait_for(lambda: house.states().get("later.png") is QUEUED)
    assert JobState.RUNNING not in house.states().values()


def test_a_file_that_the_model_works_on_is_cancelled_and_its_worker_goes_on(slow_house: House) -> None:
    house = slow_house
    start_with_worker(house)
    draw(house.inbox / "slow.png", size=(SLOW, 40))
    wait_for(lambda: house.logged(ASLEEP), 30)
    job = house.jobs()["slow.png"]
    assert change_jobs(house.settings, CommandKind.CANCEL, {"jobs": [job.id]}) == {"cancelled": [job.id]}
    job = house.jobs()["slow.png"]
    assert (job.state, job.reason_code) == (SKIPPED, CANCELLED)
    rescan(house.settings, compare=True)
    assert house.jobs()["slow.png"].state is SKIPPED, "a sweep does not queue it again"


def is_paused(house: House) -> bool:
    with house.reading() as library:
        return library.status.paused_since() is not None
