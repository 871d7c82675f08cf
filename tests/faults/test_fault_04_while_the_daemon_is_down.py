"""Fault 04: files arrive while the daemon is down. Real."""

from __future__ import annotations

from tests.support.intake_home import PNG, IntakeHouse

FILES = 1000


def test_files_that_came_while_nobody_watched_are_queued_once_at_the_start(intake_house: IntakeHouse) -> None:
    intake_house.start_and_settle()
    intake_house.stop()
    for number in range(FILES):
        (intake_house.inbox / f"{number}.png").write_bytes(PNG + b"%d" % number)
    intake_house.start_and_settle()
    assert len(intake_house.jobs()) == len(intake_house.queued()) == FILES


def test_another_start_reads_no_file_that_had_its_job(intake_house: IntakeHouse) -> None:
    for number in range(50):
        (intake_house.inbox / f"{number}.png").write_bytes(PNG + b"%d" % number)
    intake_house.start_and_settle()
    intake_house.stop()
    intake_house.opened.clear()
    intake = intake_house.start_and_settle()
    assert intake.status.seen == len(intake_house.jobs()) == 50
    assert intake_house.opened == []
