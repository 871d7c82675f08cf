"""Fault 21: a file is written through another name of it, outside the inbox. Real."""

from __future__ import annotations

import os
from pathlib import Path

from storage.lifecycle import JobState
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for


def test_bytes_that_nobody_announced_are_described_anew_after_the_next_listing(
    intake_home: IntakeHome, tmp_path: Path
) -> None:
    (intake_home.inbox / "x.png").write_bytes(PNG)
    os.link(intake_home.inbox / "x.png", tmp_path / "outside.png")
    intake_home.start_and_settle()
    intake_home.finish_all()
    with (tmp_path / "outside.png").open("ab") as file:
        file.write(b"more")
    intake_home.sweep_now()
    wait_for(lambda: len(intake_home.jobs()) == 2)
    newest, first = intake_home.jobs()
    assert (first.state, newest.state) == (JobState.DONE, JobState.QUEUED)
    assert newest.fingerprint.size == len(PNG) + 4
