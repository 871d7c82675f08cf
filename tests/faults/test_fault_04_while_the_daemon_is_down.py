"""Fault 04: files arrive while the daemon is down. Real."""

from __future__ import annotations

from tests.support.intake_home import PNG, IntakeHome

FILES = 1000


def test_files_that_came_while_nobody_watched_are_queued_once_at_the_start(intake_home: IntakeHome) -> None:
    intake_home.start_and_settle()
    intake_home.stop()
    for number in range(FILES):
        (intake_home.inbox / f"{number}.png").write_bytes(PNG + b"%d" % number)
    intake_home.start_and_settle()
    assert len(intake_home.jobs()) == len(intake_home.queued()) == FILES


def test_another_start_reads_no_file_that_had_its_job(intake_home: IntakeHome) -> None:
    for number in range(50):
        (intake_home.inbox / f"{number}.png").write_bytes(PNG + b"%d" % number)
    intake_home.start_and_settle()
    intake_home.stop()
    intake_home.opened.clear()
    intake = intake_home.start_and_settle()
    assert intake.status.seen == len(intake_home.jobs()) == 50
    assert intake_home.opened == []
