"""`smolwatch evaluate` as a process: interrupted, killed, resumed, beside a daemon, and a newcomer's five commands."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from config.errors import SmolwatchError
from daemon.lock import HomeLock, holder
from storage.db.database import open_database
from storage.evaluation.evaluation_records import CaseResult
from storage.evaluation.evaluation_store import EvaluationReader
from tests.support.checkout import pages
from tests.support.demo_world.drawing import draw
from tests.support.demo_world.scenes import corner
from tests.support.evaluating import untimed
from tests.support.media.media_files import save_image
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for

#: Enough results that the run is still going on when it is interrupted.
MANY = ("evaluate", "image", "--model", "demo", "--limit", "3", "--repeat", "60")
RESULTS = 3 * 60


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    """The settings choose the echo engine for the daemon; evaluations name their own."""
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": "demo"})
    yield home
    home.close()


def results(home: DaemonHome, run: int) -> list[CaseResult]:
    try:
        with closing(open_database(home.settings.database_place, read_only=True)) as database:
            return EvaluationReader(database).results(run)
    except SmolwatchError:  # it is being created
        return []


def stopped_in_the_middle(home: DaemonHome, with_signal: signal.Signals) -> tuple[int, str]:
    """The exit code and stderr of a run that gets the signal after its first results."""
    process = home.type(*MANY)
    try:
        wait_for(lambda: len(results(home, 1)) > 5, 50)
        process.send_signal(with_signal)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    return process.returncode, err


def unbroken_results(folder: Path) -> list[CaseResult]:
    """Of the same evaluation in a home of its own."""
    home = DaemonHome(folder / "unbroken", {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": "demo"})
    assert home.invoke(*MANY, timeout=100).returncode == 0
    return results(home, 1)


@pytest.mark.timeout(180)
def test_an_interrupted_run_is_resumed_and_ends_equal_to_an_unbroken_one(home: DaemonHome, tmp_path: Path) -> None:
    code, err = stopped_in_the_middle(home, signal.SIGINT)
    assert code == 130
    assert "Go on: smolwatch evaluate --resume 1" in err
    assert "Traceback" not in err
    kept = results(home, 1)
    assert 5 < len(kept) < RESULTS
    resumed = home.invoke("evaluate", "--resume", "1", timeout=100)
    assert resumed.returncode == 0, resumed.stderr
    assert len(results(home, 1)) == RESULTS
    assert results(home, 1)[: len(kept)] == kept
    assert untimed(results(home, 1)) == untimed(unbroken_results(tmp_path))


@pytest.mark.slow  # what an interrupted run keeps is tested above
@pytest.mark.timeout(240)
def test_a_killed_run_keeps_its_results_and_ends_equal_to_an_unbroken_one(home: DaemonHome, tmp_path: Path) -> None:
    code, _ = stopped_in_the_middle(home, signal.SIGKILL)
    assert code == -signal.SIGKILL
    kept = results(home, 1)
    assert 5 < len(kept) < RESULTS
    assert holder(home.settings.evaluation_lock_file) is None
    assert home.invoke("evaluate", "--resume", "1", timeout=100).returncode == 0
    assert len(results(home, 1)) == RESULTS
    assert results(home, 1)[: len(kept)] == kept
    assert untimed(results(home, 1)) == untimed(unbroken_results(tmp_path))


@pytest.mark.timeout(180)
def test_a_daemons_jobs_go_on_beside_an_evaluation_and_both_say_so(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home")
    home.start_and_wait()
    process = home.type(*MANY, "--engine", "torch", "--repeat", "120")
    try:
        wait_for(lambda: len(results(home, 1)) > 0, 50)
        save_image(home.inbox / "new.png", draw(corner(), Random(1)))
        assert "evaluates a model on the same device" in home.invoke("status").stdout
        wait_for(lambda: [str(state) for state in home.states().values()] == ["done"], 30)
        _, err = process.communicate(timeout=100)
    finally:
        process.kill()
        process.wait()
        home.close()
    assert process.returncode == 0, err
    assert "a daemon is running and uses the same device" in err
    assert all(result.is_shared for result in results(home, 1))
    page = tmp_path / "report.md"
    assert home.invoke("report", "--md", str(page)).returncode == 0
    assert "times that were taken meanwhile are not comparable" in page.read_text(encoding="utf-8")
    assert "Time by phase" not in page.read_text(encoding="utf-8")


def test_a_second_evaluation_of_a_home_waits_for_the_first(home: DaemonHome) -> None:
    with HomeLock(home.settings.evaluation_lock_file):
        second = home.invoke("evaluate", "text", "--limit", "1")
    assert second.returncode == 75
    assert "Another evaluation is running" in second.stderr


@pytest.mark.timeout(400)
def test_the_five_commands_of_the_docs_lead_from_pictures_to_a_comparison(tmp_path: Path) -> None:
    page = pages()["docs/evaluate.md"]
    commands = re.search(r"## In five commands\n.*?```sh\n(.*?)```", page, re.S)
    suite = re.search(r"```toml\n(.*?)```", page, re.S)
    assert commands
    assert suite
    folder = tmp_path / "my-pictures"
    folder.mkdir()
    (folder / "suite.toml").write_text(suite[1], encoding="utf-8")
    save_image(folder / "circle.png", draw(corner(), Random(1)))
    save_image(folder / "sign.jpg", draw(corner("blue"), Random(2)))
    lines = commands[1].strip().splitlines()
    assert len(lines) == 5
    shown = []
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "smolwatch"
        done = subprocess.run(
            [str(Path(sys.executable).parent / program), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout)
    assert "accuracy" in shown[1]
    assert "Against evaluation 1" in shown[2]
    assert "my-pictures" in shown[3]
