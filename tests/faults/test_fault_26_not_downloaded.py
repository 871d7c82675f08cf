"""Fault 26: a file is in the cloud only, and reading it would fetch it. Fake: only macOS has such files."""

from __future__ import annotations

import os

import pytest

from daemon.errors import NotDownloadedError
from daemon.media.opening import DATALESS, check
from tests.fakes.intake_house import PNG, IntakeHouse
from tests.fakes.stats import on_mac
from tests.fakes.waiting import wait_for


def test_it_waits_unread_until_it_is_here(intake_house: IntakeHouse) -> None:
    intake_house.lstat = lambda path: on_mac(os.lstat(path), st_flags=DATALESS)
    (intake_house.inbox / "cloud.png").write_bytes(PNG)
    intake = intake_house.start()
    wait_for(lambda: intake_house.refused("cloud.png") == "not-downloaded")
    refusal = intake_house.library.refusal(os.fsencode(intake_house.inbox / "cloud.png"))
    assert refusal is not None
    assert refusal.reason.startswith("Waiting: not downloaded.")
    wait_for(lambda: intake.is_idle)
    assert intake_house.opened == []
    intake_house.lstat = os.lstat
    wait_for(lambda: intake_house.queued() == {"cloud.png"})


def test_a_placeholder_is_no_file_and_says_what_is_missing(intake_house: IntakeHouse) -> None:
    (intake_house.inbox / ".beach.png.icloud").write_bytes(b"bplist00" + PNG)
    intake_house.start_and_settle()
    assert intake_house.refused(".beach.png.icloud") == "not-downloaded"
    assert intake_house.opened == []


def test_a_described_file_whose_bytes_went_to_the_cloud_stays_described(intake_house: IntakeHouse) -> None:
    (intake_house.inbox / "x.png").write_bytes(PNG)
    intake_house.start_and_settle()
    intake_house.finish_all()
    intake_house.stop()
    intake_house.opened.clear()
    intake_house.lstat = lambda path: on_mac(os.lstat(path), st_flags=DATALESS)
    intake_house.start_and_settle()
    assert (intake_house.refused("x.png"), intake_house.opened, len(intake_house.jobs())) == ("", [], 1)


def test_a_file_whose_bytes_went_while_it_was_queued_is_opened_but_not_read(intake_house: IntakeHouse) -> None:
    path = intake_house.inbox / "x.png"
    path.write_bytes(PNG)
    with pytest.raises(NotDownloadedError):
        check(on_mac(path.stat(), st_flags=DATALESS), 1000, None)
