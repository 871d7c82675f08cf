"""The intake with a real watcher on a real folder, and a real database."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from daemon.intake.rescan import Rescan
from daemon.intake.watch.watcher import LIMIT_ADVICE
from storage.lifecycle import Cause, JobState
from tests.support.intake_home import PNG, IntakeHouse
from tests.support.live_photo_halves import picture_half, video_half
from tests.support.waiting import wait_for


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


def test_what_is_not_taken_has_a_reason(house: IntakeHouse, tmp_path: Path) -> None:
    (house.inbox / "notes.txt").write_text("hello")
    (house.inbox / "empty.jpg").touch()
    (tmp_path / "outside.png").write_bytes(PNG)
    (house.inbox / "link.png").symlink_to(tmp_path / "outside.png")
    os.mkfifo(house.inbox / "pipe.jpg")
    (house.inbox / ".git").mkdir()
    house.start()
    wait_for(lambda: house.intake.is_idle)
    names = ("notes.txt", "empty.jpg", "link.png", "pipe.jpg")
    assert [house.refused(name) for name in names] == [
        "not-allowed",
        "unreadable",
        "symlink",
        "not-regular",
    ]
    assert house.refused(".git") == "", "a rule about names is no news"
    assert house.queued() == set()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_rechecked_path_is_judged_again(house: IntakeHouse) -> None:
    (house.inbox / "x.png").write_bytes(PNG)
    intake = house.start()
    wait_for(lambda: house.queued() == {"x.png"})
    claim = house.store.claim("worker", lease_seconds=60)
    assert claim is not None
    house.store.mark_gone(claim, "The file changed.")
    intake.recheck(claim.job.path)
    wait_for(lambda: house.library.counts()[JobState.QUEUED] == 1)


def test_the_status_shows_the_observer(house: IntakeHouse) -> None:
    (house.inbox / "x.png").write_bytes(PNG)
    house.start()
    state = wait_for(lambda: (found := house.library.status.intake()) and found.last_sweep and found)
    assert state.watching is True
    assert state.observer != "none"
    assert state.advice in ("", LIMIT_ADVICE)


def test_a_young_file_is_judged_again_unless_its_format_is_certain(house: IntakeHouse) -> None:
    (house.inbox / "song.mp3").write_bytes(b"ID3\4" + bytes(100))
    (house.inbox / "room.mp3").write_bytes(bytes(100))
    house.start_and_settle()
    assert house.library.refusal_counts() == {("not-allowed", "mp3"): 1, ("not-allowed", "blank"): 1}
    house.opened.clear()
    house.sweep_now()
    wait_for(lambda: os.fsencode(house.inbox / "room.mp3") in house.opened)
    assert os.fsencode(house.inbox / "song.mp3") not in house.opened
    (house.inbox / "song.mp3").write_bytes(PNG)
    wait_for(lambda: house.queued() == {"song.mp3"})
    assert house.refused("song.mp3") == ""


def test_a_sweep_that_a_stop_interrupts_forgets_nothing(house: IntakeHouse) -> None:
    for folder in ("a", "b"):
        (house.inbox / folder).mkdir()
        (house.inbox / folder / "notes.txt").write_text("hello")
    house.start_and_settle()
    house.stop()

    def scan(folder: bytes) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
        if folder != house.root:
            house.wakeup.stop()
        return os.scandir(folder)

    house.make(scan=scan).tick()
    assert house.wakeup.is_stopped
    assert len(house.library.refused_paths()) == 2


def test_a_comparison_does_not_wait_for_a_file_that_is_replaced_by_a_link(tmp_path: Path) -> None:
    house = IntakeHouse(tmp_path / "home", {"inbox.settle_seconds": 60.0})
    try:
        picture_file = house.inbox / "x.png"
        picture_file.write_bytes(PNG)
        intake = house.start()
        intake.rescan(Rescan(1, compare=True))
        wait_for(lambda: intake.status.rescan.get("left") == 1)
        picture_file.rename(tmp_path / "x.png")
        picture_file.symlink_to(tmp_path / "x.png")
        answer = wait_for(lambda: house.answers.get(1))
        assert answer.result is not None
        assert (answer.result["seen"], answer.result["left"], answer.result["compared"]) == (1, 0, 0)
    finally:
        house.close()


def test_a_file_that_left_the_inbox_is_no_longer_counted(house: IntakeHouse, tmp_path: Path) -> None:
    (house.inbox / "music").mkdir()
    for number in range(5):
        (house.inbox / "music" / f"{number}.mp3").write_bytes(b"ID3\4" + bytes(100))
    (house.inbox / "notes.txt").write_text("hello")
    (house.inbox / "letter.txt").write_text("hello")
    house.start_and_settle()
    assert len(house.library.refused_paths()) == 7
    (house.inbox / "letter.txt").unlink()
    wait_for(lambda: house.refused("letter.txt") == "")
    (house.inbox / "music").rename(tmp_path / "music")
    house.sweep_now()
    wait_for(lambda: house.library.refused_paths() == [os.fsencode(house.inbox / "notes.txt")])


def test_the_film_of_a_deleted_live_photo_picture_is_queued_also_without_a_watch(
    tmp_path: Path,
) -> None:
    house = IntakeHouse(tmp_path / "home", {"inbox.observer": "poll"})
    try:
        (house.inbox / "a.jpg").write_bytes(picture_half())
        (house.inbox / "a.mov").write_bytes(video_half())
        house.start_and_settle()
        assert (house.queued(), house.refused("a.mov")) == ({"a.jpg"}, "live-photo")
        house.finish_all()
        (house.inbox / "a.jpg").unlink()
        wait_for(lambda: house.queued() == {"a.jpg", "a.mov"})
    finally:
        house.close()


def test_the_film_of_a_picture_that_failed_is_queued(house: IntakeHouse) -> None:
    (house.inbox / "a.jpg").write_bytes(picture_half())
    (house.inbox / "a.mov").write_bytes(video_half())
    intake = house.start_and_settle()
    claim = house.store.claim("worker", lease_seconds=60)
    assert claim is not None
    house.store.fail(claim, code="unreadable", reason="Damaged.", cause=Cause.INPUT)
    intake.recheck(claim.job.path)
    wait_for(lambda: house.queued() == {"a.jpg", "a.mov"})
    assert house.refused("a.mov") == ""


def test_hundreds_of_pairs_whose_films_come_first_are_one_job_each(house: IntakeHouse) -> None:
    stems = [f"IMG_{number:03}" for number in range(300)]
    for end, make in ((".mov", video_half), (".jpg", picture_half)):
        for stem in stems:
            (house.inbox / f"{stem}{end}").write_bytes(make(f"00000000-0000-0000-0000-0000{stem}"))
    house.start_and_settle()
    assert house.queued() == {f"{stem}.jpg" for stem in stems}
    assert len(house.jobs()) == 300
