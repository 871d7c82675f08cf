"""The intake with a real watcher on a real folder, and a real database."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.intake.watcher import LIMIT_ADVICE
from storage.lifecycle import JobState
from tests.fakes.intake_house import PNG, IntakeHouse
from tests.fakes.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[IntakeHouse]:
    house = IntakeHouse(tmp_path / "home")
    yield house
    house.close()


def test_files_that_were_there_before_and_files_that_come_after_are_queued_once(house: IntakeHouse) -> None:
    (house.inbox / "before.png").write_bytes(PNG)
    house.start()
    wait_for(lambda: house.queued() == {"before.png"})
    (house.inbox / "after.png").write_bytes(PNG + b"2")
    wait_for(lambda: house.queued() == {"before.png", "after.png"})
    wait_for(lambda: house.intake.is_idle)
    assert len(house.library.jobs()) == 2


def test_a_folder_that_is_moved_in_is_queued_with_all_below(house: IntakeHouse, tmp_path: Path) -> None:
    house.start()
    wait_for(lambda: house.intake.is_idle)
    deep = tmp_path / "trip" / "one" / "two" / "three"
    deep.mkdir(parents=True)
    for number in range(20):
        (deep / f"{number}.png").write_bytes(PNG + b"%d" % number)
    (tmp_path / "trip" / "top.png").write_bytes(PNG)
    (tmp_path / "trip").rename(house.inbox / "trip")
    expected = {f"trip/one/two/three/{number}.png" for number in range(20)} | {"trip/top.png"}
    wait_for(lambda: house.queued() == expected)
    (house.inbox / "trip" / "one" / "late.png").write_bytes(PNG + b"late")
    wait_for(lambda: "trip/one/late.png" in house.queued())


def test_a_copied_tree_is_queued_whole(house: IntakeHouse, tmp_path: Path) -> None:
    house.start()
    wait_for(lambda: house.intake.is_idle)
    for folder in range(10):
        (tmp_path / "tree" / str(folder) / "in").mkdir(parents=True)
        for number in range(10):
            (tmp_path / "tree" / str(folder) / "in" / f"{number}.png").write_bytes(PNG + b"%d %d" % (folder, number))
    shutil.copytree(tmp_path / "tree", house.inbox / "tree")
    wait_for(lambda: len(house.queued()) == 100)


def test_a_slowly_written_file_is_queued_once_with_its_last_bytes(house: IntakeHouse) -> None:
    house.start()
    wait_for(lambda: house.intake.is_idle)
    with (house.inbox / "slow.png").open("wb", buffering=0) as file:
        for _ in range(8):
            file.write(PNG)
            time.sleep(0.2)  # shorter than the quiet time: the writer is the test
    wait_for(lambda: house.queued() == {"slow.png"})
    (job,) = house.library.jobs()
    assert job.fingerprint.size == 8 * len(PNG)
    assert house.refused("slow.png") == ""


def test_a_file_that_is_written_again_after_it_was_queued_is_queued_with_the_new_bytes(house: IntakeHouse) -> None:
    house.start()
    (house.inbox / "x.png").write_bytes(PNG)
    wait_for(lambda: house.queued() == {"x.png"})
    (house.inbox / "x.png").write_bytes(PNG + b"more")
    wait_for(lambda: house.library.jobs()[0].fingerprint.size == len(PNG) + 4)
    assert len(house.library.jobs()) == 1


def test_a_download_is_taken_under_its_final_name_alone(house: IntakeHouse) -> None:
    house.start()
    (house.inbox / "film.png.part").write_bytes(PNG)
    wait_for(lambda: house.refused("film.png.part") == "ignored-name")
    (house.inbox / "film.png.part").rename(house.inbox / "film.png")
    wait_for(lambda: house.queued() == {"film.png"})


def test_what_is_not_taken_has_a_reason(house: IntakeHouse, tmp_path: Path) -> None:
    (house.inbox / "notes.txt").write_text("hello")
    (house.inbox / "empty.jpg").touch()
    (tmp_path / "outside.png").write_bytes(PNG)
    (house.inbox / "link.png").symlink_to(tmp_path / "outside.png")
    os.mkfifo(house.inbox / "pipe.jpg")
    (house.inbox / ".git").mkdir()
    house.start()
    wait_for(lambda: house.intake.is_idle)
    names = ("notes.txt", "empty.jpg", "link.png", "pipe.jpg", ".git")
    assert [house.refused(name) for name in names] == [
        "not-allowed",
        "unreadable",
        "symlink",
        "not-regular",
        "ignored-folder",
    ]
    assert house.queued() == set()


def test_a_dead_watch_is_replaced_and_what_it_missed_is_found(house: IntakeHouse) -> None:
    intake = house.start()
    wait_for(lambda: intake.is_idle)
    observer = intake._watcher._observer
    assert observer is not None
    for emitter in observer.emitters:
        emitter.stop()
        emitter.join()
    (house.inbox / "missed.png").write_bytes(PNG)
    wait_for(lambda: house.queued() == {"missed.png"})
    assert intake._watcher.illness() is None


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_dead_reader_is_replaced_and_what_it_missed_is_found(house: IntakeHouse) -> None:
    intake = house.start()
    wait_for(lambda: intake.is_idle)
    observer = intake._watcher._observer
    observer._reader.stop()
    observer._reader.join()
    (house.inbox / "missed.png").write_bytes(PNG)
    wait_for(lambda: house.queued() == {"missed.png"})
    (house.inbox / "heard.png").write_bytes(PNG + b"2")
    wait_for(lambda: house.queued() == {"missed.png", "heard.png"})


def test_an_inbox_that_is_exchanged_is_watched_again(house: IntakeHouse, tmp_path: Path) -> None:
    intake = house.start()
    wait_for(lambda: intake.is_idle)
    house.inbox.rename(tmp_path / "old")
    house.inbox.mkdir()
    (house.inbox / "new.png").write_bytes(PNG)
    (tmp_path / "old" / "elsewhere.png").write_bytes(PNG)
    wait_for(lambda: house.queued() == {"new.png"})
    (house.inbox / "later.png").write_bytes(PNG + b"2")
    wait_for(lambda: house.queued() == {"new.png", "later.png"})


def test_a_missing_inbox_is_said_and_taken_up_when_it_is_back(house: IntakeHouse, tmp_path: Path) -> None:
    (house.inbox / "x.png").write_bytes(PNG)
    intake = house.start()
    wait_for(lambda: house.queued() == {"x.png"})
    house.inbox.rename(tmp_path / "away")
    wait_for(lambda: intake.progress.problem == "inbox missing")
    assert house.library.jobs()[0].state is JobState.QUEUED
    (tmp_path / "away" / "y.png").write_bytes(PNG + b"2")
    (tmp_path / "away").rename(house.inbox)
    wait_for(lambda: house.queued() == {"x.png", "y.png"})
    wait_for(lambda: intake.progress.problem == "")


def test_a_restart_reads_no_file_that_had_its_job(house: IntakeHouse) -> None:
    for number in range(50):
        (house.inbox / f"{number}.png").write_bytes(PNG + b"%d" % number)
    house.start()
    wait_for(lambda: len(house.queued()) == 50)
    house.stop()
    house.opened.clear()
    intake = house.start()
    wait_for(lambda: intake.is_idle)
    assert intake.progress.seen == 50
    assert house.opened == []


def test_a_path_that_is_to_be_looked_at_again_is_judged_anew(house: IntakeHouse) -> None:
    (house.inbox / "x.png").write_bytes(PNG)
    intake = house.start()
    wait_for(lambda: house.queued() == {"x.png"})
    claim = house.store.claim("worker", lease_seconds=60)
    assert claim is not None
    house.store.gone(claim, "The file changed.")
    intake.look_again(claim.job.path)
    wait_for(lambda: house.library.counts()[JobState.QUEUED] == 1)


def test_the_state_tells_what_is_watched(house: IntakeHouse) -> None:
    (house.inbox / "x.png").write_bytes(PNG)
    house.start()
    state = wait_for(lambda: (found := house.library.state("intake")) and found["last_sweep"] and found)
    assert state["watching"] is True
    assert state["observer"] != "none"
    assert state["advice"] in ("", LIMIT_ADVICE)
