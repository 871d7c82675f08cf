"""Fault 06: a file is written slowly, and opened again later. Real."""

from __future__ import annotations

import json
import time
from pathlib import Path

from storage.lifecycle import JobState
from tests.support.intake_home import PNG, IntakeHome
from tests.support.media.media_files import grey_frames, save_video
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for


def test_a_slowly_written_file_is_queued_once_with_its_last_bytes(intake_home: IntakeHome) -> None:
    intake_home.start_and_settle()
    with (intake_home.inbox / "slow.png").open("wb", buffering=0) as file:
        for _ in range(24):
            file.write(PNG)
            time.sleep(0.05)  # shorter than the quiet time: the writer is the test
    wait_for(lambda: intake_home.queued() == {"slow.png"})
    (job,) = intake_home.jobs()
    assert job.fingerprint.size == 24 * len(PNG)
    assert intake_home.refused("slow.png") == ""
    assert len(intake_home.opened) == 1, "it was taken before it was whole"
    assert [event.note for event in intake_home.library.events(job.id)] == ["Admitted."]


def test_a_file_that_is_opened_again_while_it_waits_keeps_its_job(intake_home: IntakeHome) -> None:
    intake_home.start()
    (intake_home.inbox / "x.png").write_bytes(PNG)
    wait_for(lambda: intake_home.queued() == {"x.png"})
    with (intake_home.inbox / "x.png").open("ab") as file:
        file.write(b"more")
    wait_for(lambda: intake_home.jobs()[0].fingerprint.size == len(PNG) + 4)
    assert len(intake_home.jobs()) == 1


def test_a_file_that_is_opened_again_after_it_was_described_is_described_anew(intake_home: IntakeHome) -> None:
    intake_home.start()
    (intake_home.inbox / "x.png").write_bytes(PNG)
    wait_for(lambda: intake_home.queued() == {"x.png"})
    intake_home.finish_all()
    with (intake_home.inbox / "x.png").open("ab") as file:
        file.write(b"more")
    wait_for(lambda: len(intake_home.jobs()) == 2)
    newest, first = intake_home.jobs()
    assert (first.state, newest.state) == (JobState.DONE, JobState.QUEUED)
    assert newest.fingerprint.size == len(PNG) + 4
    (admitted,) = intake_home.library.events(newest.id)
    assert admitted.note == "Admitted: the file's content has changed since it was described."


def test_a_film_that_stops_growing_half_way_is_described_once_when_it_is_whole(
    home: DaemonHome, tmp_path: Path
) -> None:
    """AVI, Matroska and WebM can be shown as far as they came; but what came is not the film."""
    names = ("a.avi", "a.mkv", "a.webm")
    whole = {name: save_video(tmp_path / name, grey_frames(48), group=4).read_bytes() for name in names}
    home.start_and_wait()
    for name, content in whole.items():
        (home.inbox / name).write_bytes(content[: len(content) * 6 // 10])
    wait_for(lambda: {job.reason_code for job in home.jobs().values()} == {"unfinished"}, 20)
    waiting = home.jobs()
    assert {(job.state, job.attempts) for job in waiting.values()} == {(JobState.QUEUED, 0)}
    assert waiting.keys() == whole.keys()
    for name, content in whole.items():
        with (home.inbox / name).open("ab") as file:
            file.write(content[len(content) * 6 // 10 :])
    wait_for(lambda: set(home.states().values()) == {JobState.DONE}, 20)
    with home.reading() as library:
        notes = [event.note for job in library.jobs(limit=100) for event in library.events(job.id)]
    assert notes.count("Described.") == len(names)
    for name in names:
        record = json.loads((home.inbox / f"{name}.smolwatch.json").read_text())
        assert record["media"]["seconds"] == 6.0
        assert record["quality"]["reasons"] == []
