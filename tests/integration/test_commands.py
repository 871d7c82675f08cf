"""Commands to a real daemon: several processes at once, a daemon that is killed meanwhile, and none at all."""

from __future__ import annotations

import json
import signal
import subprocess
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
from tests.fakes.scripted_worker import ASLEEP, SLOW
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw, hold_a_job, start_with_worker
from tests.support.waiting import wait_for

DONE, QUEUED, SKIPPED = JobState.DONE, JobState.QUEUED, JobState.SKIPPED


@dataclass(frozen=True)
class Typed:
    """A command line and its result; `seconds` from the start of all commands to its end."""

    words: tuple[str, ...]
    code: int
    document: dict[str, Any]
    seconds: float


class Terminals:
    """People who type commands at once, each in a process of its own."""

    def __init__(self, home: DaemonHome) -> None:
        self._home = home
        self._began = time.monotonic()
        self._started: list[tuple[tuple[str, ...], subprocess.Popen[str]]] = []

    def type(self, *words: str) -> None:
        self._started.append((words, self._home.type(*words, "--json")))

    def results(self, timeout: float) -> list[Typed]:
        found = []
        for words, process in self._started:
            out, err = process.communicate(timeout=timeout)
            assert "Traceback" not in err
            found.append(Typed(words, process.returncode, json.loads(out), time.monotonic() - self._began))
        return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    with closing(DaemonHome(tmp_path / "home")) as home:
        yield home


@pytest.fixture
def slow_house(tmp_path: Path) -> Iterator[DaemonHome]:
    """The model sleeps on a picture of a certain width."""
    with closing(DaemonHome(tmp_path / "home", scripted=True)) as home:
        yield home


def check_about_its_own(typed: Typed) -> None:
    """The answer is about this command, not about another one."""
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


def start_paused(home: DaemonHome) -> subprocess.Popen[str]:
    """The daemon, paused, with two files that wait."""
    daemon = home.start_and_wait()
    change_jobs(home.settings, CommandKind.PAUSE)
    for name in ("a.png", "b.png"):
        draw(home.inbox / name)
    wait_for(lambda: home.states() == {"a.png": QUEUED, "b.png": QUEUED}, 30)
    return daemon


def type_all(home: DaemonHome) -> Terminals:
    """Two people type four commands each."""
    terminals = Terminals(home)
    for file in ("a.png", "b.png"):
        for words in (("rescan",), ("rescan", "--hash"), ("pause",), ("cancel", file)):
            terminals.type(*words)
    return terminals


def test_people_who_type_at_once_get_an_answer_about_their_own_command(home: DaemonHome) -> None:
    start_paused(home)
    for typed in type_all(home).results(50):
        check_about_its_own(typed)
        assert "error" not in typed.document
    assert home.states() == {"a.png": SKIPPED, "b.png": SKIPPED}
    terminals = Terminals(home)
    for words in (("retry", "a.png"), ("retry", "b.png"), ("resume",), ("rescan",)):
        terminals.type(*words)
    for typed in terminals.results(50):
        check_about_its_own(typed)
    wait_for(lambda: home.states() == {"a.png": DONE, "b.png": DONE}, 30)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_daemon_that_is_killed_in_the_middle_leaves_no_command_without_an_answer(
    home: DaemonHome, seconds: float
) -> None:
    daemon = start_paused(home)
    terminals = type_all(home)
    time.sleep(seconds)
    daemon.kill()
    for typed in terminals.results(50):
        check_about_its_own(typed)
    assert is_paused(home)
    assert home.states() == {"a.png": SKIPPED, "b.png": SKIPPED}


def test_a_daemon_that_is_suspended_leaves_no_command_without_an_answer(home: DaemonHome) -> None:
    draw(home.inbox / "a.png")
    daemon = home.start_and_wait()
    wait_for(lambda: home.states() == {"a.png": DONE}, 30)
    daemon.send_signal(signal.SIGSTOP)
    try:
        terminals = Terminals(home)
        for words in (("pause",), ("retry", "a.png"), ("rescan",)):
            terminals.type(*words)
        pause, retry, rescan = terminals.results(50)
    finally:
        daemon.send_signal(signal.SIGCONT)
    assert (pause.code, pause.document["paused"], is_paused(home)) == (0, True, True)
    assert (retry.code, home.states()) == (0, {"a.png": QUEUED})
    assert rescan.code == 1
    assert "did not take the command" in rescan.document["error"]


def test_without_a_daemon_all_but_rescan_are_carried_out(home: DaemonHome) -> None:
    for name in ("a.png", "b.png"):
        draw(home.inbox / name)
    assert home.start("--once").wait(40) == 0
    terminals = Terminals(home)
    for words in (("pause",), ("retry", "a.png"), ("rescan",), ("retry", "b.png")):
        terminals.type(*words)
    for typed in terminals.results(40):
        check_about_its_own(typed)
    assert home.states() == {"a.png": QUEUED, "b.png": QUEUED}
    assert is_paused(home)


def test_a_pause_survives_a_restart_and_ends_with_resume(home: DaemonHome) -> None:
    daemon = home.start_and_wait()
    change_jobs(home.settings, CommandKind.PAUSE)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0
    draw(home.inbox / "a.png")
    once = home.start("--once")
    _, error = once.communicate(timeout=40)
    assert (once.returncode, "paused" in error) == (PausedError.exit_code, True)
    home.start_and_wait()
    wait_for(lambda: home.states() == {"a.png": QUEUED})
    time.sleep(3)
    assert home.states() == {"a.png": QUEUED}
    assert home.logged("Worker") == 0, "no model is loaded during a pause"
    change_jobs(home.settings, CommandKind.RESUME)
    wait_for(lambda: home.states() == {"a.png": DONE}, 30)


def test_a_pause_lets_the_file_in_hand_be_finished(home: DaemonHome) -> None:
    _, _, decoder = hold_a_job(home)
    change_jobs(home.settings, CommandKind.PAUSE)
    decoder.resume()
    wait_for(lambda: home.states()["held.png"] in (DONE, QUEUED), 30)
    draw(home.inbox / "later.png", "green", (80, 50))
    wait_for(lambda: home.states().get("later.png") is QUEUED)
    assert JobState.RUNNING not in home.states().values()


def test_a_file_that_the_model_works_on_is_cancelled_and_its_worker_goes_on(slow_house: DaemonHome) -> None:
    home = slow_house
    start_with_worker(home)
    draw(home.inbox / "slow.png", size=(SLOW, 40))
    wait_for(lambda: home.logged(ASLEEP), 30)
    job = home.jobs()["slow.png"]
    assert change_jobs(home.settings, CommandKind.CANCEL, {"jobs": [job.id]}) == {"cancelled": [job.id]}
    job = home.jobs()["slow.png"]
    assert (job.state, job.reason_code) == (SKIPPED, CANCELLED)
    rescan(home.settings, compare=True)
    assert home.jobs()["slow.png"].state is SKIPPED, "a sweep does not queue it again"


def is_paused(home: DaemonHome) -> bool:
    with home.reading() as library:
        return library.status.paused_since() is not None
