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
from tests.support.intake_home import PNG, IntakeHome
from tests.support.live_photo_halves import picture_half, video_half
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[IntakeHome]:
    home = IntakeHome(tmp_path / "home")
    yield home
    home.close()


def test_files_that_were_there_before_and_files_that_come_after_are_queued_once(home: IntakeHome) -> None:
    (home.inbox / "before.png").write_bytes(PNG)
    home.start()
    wait_for(lambda: home.queued() == {"before.png"})
    (home.inbox / "after.png").write_bytes(PNG + b"2")
    wait_for(lambda: home.queued() == {"before.png", "after.png"})
    wait_for(lambda: home.intake.is_idle)
    assert len(home.library.jobs()) == 2


def test_what_is_not_taken_has_a_reason(home: IntakeHome, tmp_path: Path) -> None:
    (home.inbox / "notes.txt").write_text("hello")
    (home.inbox / "empty.jpg").touch()
    (tmp_path / "outside.png").write_bytes(PNG)
    (home.inbox / "link.png").symlink_to(tmp_path / "outside.png")
    os.mkfifo(home.inbox / "pipe.jpg")
    (home.inbox / ".git").mkdir()
    home.start()
    wait_for(lambda: home.intake.is_idle)
    names = ("notes.txt", "empty.jpg", "link.png", "pipe.jpg")
    assert [home.refused(name) for name in names] == [
        "not-allowed",
        "unreadable",
        "symlink",
        "not-regular",
    ]
    assert home.refused(".git") == "", "a rule about names is no news"
    assert home.queued() == set()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_rechecked_path_is_judged_again(home: IntakeHome) -> None:
    (home.inbox / "x.png").write_bytes(PNG)
    intake = home.start()
    wait_for(lambda: home.queued() == {"x.png"})
    claim = home.store.claim("worker", lease_seconds=60)
    assert claim is not None
    home.store.mark_gone(claim, "The file changed.")
    intake.recheck(claim.job.path)
    wait_for(lambda: home.library.counts()[JobState.QUEUED] == 1)


def test_the_status_shows_the_observer(home: IntakeHome) -> None:
    (home.inbox / "x.png").write_bytes(PNG)
    home.start()
    state = wait_for(lambda: found if (found := home.library.status.intake()) and found.last_sweep else None)
    assert state.watching is True
    assert state.observer != "none"
    assert state.advice in ("", LIMIT_ADVICE)


def test_a_young_file_is_judged_again_unless_its_format_is_certain(home: IntakeHome) -> None:
    (home.inbox / "song.mp3").write_bytes(b"ID3\4" + bytes(100))
    (home.inbox / "room.mp3").write_bytes(bytes(100))
    home.start_and_settle()
    assert home.library.refusal_counts() == {("not-allowed", "mp3"): 1, ("not-allowed", "blank"): 1}
    home.opened.clear()
    home.sweep_now()
    wait_for(lambda: os.fsencode(home.inbox / "room.mp3") in home.opened)
    assert os.fsencode(home.inbox / "song.mp3") not in home.opened
    (home.inbox / "song.mp3").write_bytes(PNG)
    wait_for(lambda: home.queued() == {"song.mp3"})
    assert home.refused("song.mp3") == ""


def test_a_sweep_that_a_stop_interrupts_forgets_nothing(home: IntakeHome) -> None:
    for folder in ("a", "b"):
        (home.inbox / folder).mkdir()
        (home.inbox / folder / "notes.txt").write_text("hello")
    home.start_and_settle()
    home.stop()

    def scan(folder: bytes) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
        if folder != home.root:
            home.wakeup.stop()
        return os.scandir(folder)

    home.make(scan=scan).tick()
    assert home.wakeup.is_stopped
    assert len(home.library.refused_paths()) == 2


def test_a_comparison_does_not_wait_for_a_file_that_is_replaced_by_a_link(tmp_path: Path) -> None:
    home = IntakeHome(tmp_path / "home", {"inbox.settle_seconds": 60.0})
    try:
        picture_file = home.inbox / "x.png"
        picture_file.write_bytes(PNG)
        intake = home.start()
        intake.rescan(Rescan(1, compare=True))
        wait_for(lambda: intake.status.rescan.get("left") == 1)
        picture_file.rename(tmp_path / "x.png")
        picture_file.symlink_to(tmp_path / "x.png")
        answer = wait_for(lambda: home.answers.get(1))
        assert answer.result is not None
        assert (answer.result["seen"], answer.result["left"], answer.result["compared"]) == (1, 0, 0)
    finally:
        home.close()


def test_a_file_that_left_the_inbox_is_no_longer_counted(home: IntakeHome, tmp_path: Path) -> None:
    (home.inbox / "music").mkdir()
    for number in range(5):
        (home.inbox / "music" / f"{number}.mp3").write_bytes(b"ID3\4" + bytes(100))
    (home.inbox / "notes.txt").write_text("hello")
    (home.inbox / "letter.txt").write_text("hello")
    home.start_and_settle()
    assert len(home.library.refused_paths()) == 7
    (home.inbox / "letter.txt").unlink()
    wait_for(lambda: home.refused("letter.txt") == "")
    (home.inbox / "music").rename(tmp_path / "music")
    home.sweep_now()
    wait_for(lambda: home.library.refused_paths() == [os.fsencode(home.inbox / "notes.txt")])


def test_the_film_of_a_deleted_live_photo_picture_is_queued_also_without_a_watch(
    tmp_path: Path,
) -> None:
    home = IntakeHome(tmp_path / "home", {"inbox.observer": "poll"})
    try:
        (home.inbox / "a.jpg").write_bytes(picture_half())
        (home.inbox / "a.mov").write_bytes(video_half())
        home.start_and_settle()
        assert (home.queued(), home.refused("a.mov")) == ({"a.jpg"}, "live-photo")
        home.finish_all()
        (home.inbox / "a.jpg").unlink()
        wait_for(lambda: home.queued() == {"a.jpg", "a.mov"})
    finally:
        home.close()


def test_the_film_of_a_picture_that_failed_is_queued(home: IntakeHome) -> None:
    (home.inbox / "a.jpg").write_bytes(picture_half())
    (home.inbox / "a.mov").write_bytes(video_half())
    intake = home.start_and_settle()
    claim = home.store.claim("worker", lease_seconds=60)
    assert claim is not None
    home.store.fail(claim, code="unreadable", reason="Damaged.", cause=Cause.INPUT)
    intake.recheck(claim.job.path)
    wait_for(lambda: home.queued() == {"a.jpg", "a.mov"})
    assert home.refused("a.mov") == ""


def test_hundreds_of_pairs_whose_films_come_first_are_one_job_each(home: IntakeHome) -> None:
    stems = [f"IMG_{number:03}" for number in range(300)]
    for end, make in ((".mov", video_half), (".jpg", picture_half)):
        for stem in stems:
            (home.inbox / f"{stem}{end}").write_bytes(make(f"00000000-0000-0000-0000-0000{stem}"))
    home.start_and_settle()
    assert home.queued() == {f"{stem}.jpg" for stem in stems}
    assert len(home.jobs()) == 300
