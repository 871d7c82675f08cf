"""The whole daemon as real processes: files in, sidecars out, and each process killed once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.errors import ModelUnavailableError
from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw, hold_a_job
from tests.support.waiting import wait_for

DONE = JobState.DONE


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


def draw_many(folder: Path, count: int) -> list[str]:
    for number in range(count):
        draw(folder / f"{number:03}.png", size=(32 + number, 32))
    return [f"{number:03}.png" for number in range(count)]


def stop(process: subprocess.Popen[str]) -> tuple[int, float]:
    """SIGTERM; the exit code, and the seconds that it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=20)
    return code, time.monotonic() - began


def test_dropped_files_get_their_sidecars_and_a_restart_does_nothing_twice(home: DaemonHome) -> None:
    daemon = home.start_and_wait()
    names = draw_many(home.inbox, 12)
    draw(home.inbox / "Ein schöner Tag 🌊.jpg")
    wait_for(lambda: list(home.states().values()) == [DONE] * 13, 40)
    for name in [*names, "Ein schöner Tag 🌊.jpg"]:
        record = json.loads((home.inbox / f"{name}.smolwatch.json").read_text())
        assert record["file"]["name"] == name
        assert record["answers"]["caption"].startswith("A picture of ")
        assert (home.inbox / f"{name}.md").exists()
    code, seconds = stop(daemon)
    assert (code, seconds < 15) == (0, True)
    jobs = home.jobs()
    again = home.start("--once")
    assert again.wait(timeout=40) == 0
    assert home.jobs() == jobs


def test_a_killed_worker_is_replaced_and_its_job_is_done_once(home: DaemonHome) -> None:
    daemon, worker, _ = hold_a_job(home)
    worker.kill()
    wait_for(lambda: home.states()["held.png"] is DONE, 40)
    assert home.worker(daemon).pid != worker.pid
    held = home.jobs()["held.png"]
    assert held.attempts == 2
    notes = home.notes(held)
    assert "The worker was killed by signal 9 (out of memory?)." in notes
    assert notes.count("Described.") == 1


def test_a_killed_daemon_ends_its_worker_and_the_next_one_finishes(home: DaemonHome) -> None:
    daemon = home.start_and_wait()
    names = draw_many(home.inbox, 20)
    wait_for(lambda: DONE in home.states().values(), 40, every=0.005)
    worker = home.worker(daemon)
    daemon.kill()
    wait_for(lambda: not worker.is_running() or worker.status() == "zombie", 1.0)
    home.start_and_wait()
    wait_for(lambda: home.states() == dict.fromkeys(names, DONE), 40)
    for job in home.jobs().values():
        assert sum(note == "Described." for note in home.notes(job)) == 1
    assert not list(home.inbox.glob(".sw-*"))


def test_a_stop_in_the_middle_of_much_work_is_clean_and_costs_no_attempt(home: DaemonHome) -> None:
    daemon = home.start_and_wait()
    draw_many(home.inbox, 60)
    wait_for(lambda: DONE in home.states().values(), 40, every=0.005)
    code, seconds = stop(daemon)
    assert (code, seconds < 15) == (0, True)
    states = home.states()
    assert JobState.RUNNING not in states.values()
    assert all(job.attempts == 0 for job in home.jobs().values() if job.state is JobState.QUEUED)


def test_a_worker_that_cannot_finish_in_time_releases_its_job(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "slow", {"SMOLWATCH_WORK__STOP_SECONDS": "1"})
    try:
        daemon, worker, _ = hold_a_job(home)
        code, seconds = stop(daemon)
        assert (code, seconds < 5) == (0, True)
        held = home.jobs()["held.png"]
        assert (held.state, held.attempts) == (JobState.QUEUED, 0)
        assert not worker.is_running()
    finally:
        home.close()


def test_a_second_signal_does_not_wait(home: DaemonHome) -> None:
    daemon, _, _ = hold_a_job(home)
    daemon.send_signal(signal.SIGTERM)
    time.sleep(0.5)  # two signals at once would be one
    code, seconds = stop(daemon)
    assert (code, seconds < 3) == (0, True)
    assert home.jobs()["held.png"].attempts == 0


def test_without_a_model_jobs_wait_untried_and_the_reason_is_reported(tmp_path: Path) -> None:
    missing = {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": str(tmp_path / "nothing")}
    home = DaemonHome(tmp_path / "modelless", missing)
    try:
        daemon = home.start_and_wait()
        draw(home.inbox / "x.png")
        wait_for(lambda: "x.png" in home.states())
        assert home.engine().state == "unavailable"
        assert home.engine().reason
        assert home.jobs()["x.png"].attempts == 0
        assert stop(daemon)[0] == 0
        once = home.start("--once")
        once.communicate(timeout=40)
        assert once.returncode == ModelUnavailableError.exit_code == 6
        assert home.jobs()["x.png"].attempts == 0
    finally:
        home.close()


def test_bad_files_get_reasons_and_are_not_changed(home: DaemonHome) -> None:
    whole = draw(home.inbox / "good.jpg", size=(640, 480)).read_bytes()
    bad = {
        "empty.jpg": b"",
        "cut.jpg": whole[: len(whole) // 2],
        "noise.jpg": os.urandom(2000),
        "text.mp4": b"ffconcat version 1.0\nfile secret.mp4\n",
        "headless.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(200),
        "page.pdf": b"%PDF-1.7\n" + bytes(100),
    }
    for name, content in bad.items():
        (home.inbox / name).write_bytes(content)
    (home.inbox / "really-a-jpeg.png").write_bytes(whole + b"\0")
    once = home.start("--once")
    once.communicate(timeout=50)
    assert once.returncode == 1
    states = home.states()
    assert states.pop("good.jpg") is DONE
    assert states.pop("really-a-jpeg.png") is DONE
    assert states == dict.fromkeys(["cut.jpg", "headless.mp4"], JobState.QUEUED)  # they may still be incomplete
    for name, content in bad.items():
        assert home.why(name), f"no reason for {name}"
        assert (home.inbox / name).read_bytes() == content
        assert not (home.inbox / f"{name}.smolwatch.json").exists()


def test_once_ends_well_when_everything_is_described(home: DaemonHome) -> None:
    draw_many(home.inbox, 5)
    (home.inbox / "notes.txt").write_text("no picture")
    once = home.start("--once")
    once.communicate(timeout=40)
    assert once.returncode == 0
    assert list(home.states().values()) == [DONE] * 5
    assert home.start("--once").wait(timeout=40) == 0


def test_the_daemon_process_holds_neither_codecs_nor_model_libraries(home: DaemonHome) -> None:
    look = "import sys, daemon.app; print({'torch', 'transformers', 'PIL', 'av', 'numpy'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", look],
        env=home.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "set()"
