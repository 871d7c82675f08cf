"""Fault 06: a file is written slowly, and opened again later. Real."""

from __future__ import annotations

import time

from storage.lifecycle import JobState
from tests.fakes.intake_house import PNG, IntakeHouse
from tests.fakes.waiting import wait_for


def test_a_slowly_written_file_is_queued_once_with_its_last_bytes(intake_house: IntakeHouse) -> None:
    intake_house.start_and_settle()
    with (intake_house.inbox / "slow.png").open("wb", buffering=0) as file:
        for _ in range(24):
            file.write(PNG)
            time.sleep(0.05)  # shorter than the quiet time: the writer is the test
    wait_for(lambda: intake_house.queued() == {"slow.png"})
    (job,) = intake_house.jobs()
    assert job.fingerprint.size == 24 * len(PNG)
    assert intake_house.refused("slow.png") == ""
    assert len(intake_house.opened) == 1, "it was taken before it was whole"
    assert [event.note for event in intake_house.library.events(job.id)] == ["Admitted."]


def test_a_file_that_is_opened_again_while_it_waits_keeps_its_job(intake_house: IntakeHouse) -> None:
    intake_house.start()
    (intake_house.inbox / "x.png").write_bytes(PNG)
    wait_for(lambda: intake_house.queued() == {"x.png"})
    with (intake_house.inbox / "x.png").open("ab") as file:
        file.write(b"more")
    wait_for(lambda: intake_house.jobs()[0].fingerprint.size == len(PNG) + 4)
    assert len(intake_house.jobs()) == 1


def test_a_file_that_is_opened_again_after_it_was_described_is_described_anew(intake_house: IntakeHouse) -> None:
    intake_house.start()
    (intake_house.inbox / "x.png").write_bytes(PNG)
    wait_for(lambda: intake_house.queued() == {"x.png"})
    intake_house.finish_all()
    with (intake_house.inbox / "x.png").open("ab") as file:
        file.write(b"more")
    wait_for(lambda: len(intake_house.jobs()) == 2)
    newest, first = intake_house.jobs()
    assert (first.state, newest.state) == (JobState.DONE, JobState.QUEUED)
    assert newest.fingerprint.size == len(PNG) + 4
    (admitted,) = intake_house.library.events(newest.id)
    assert admitted.note == "Admitted: the file holds other bytes than those that were described."
