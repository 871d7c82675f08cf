"""Fault 09: the Finder copies, and says so by the birth time. Fake: only macOS gives files that time."""

from __future__ import annotations

import os

import pytest

from daemon.intake.settling import FINDER_COPYING
from tests.fakes.stats import on_mac
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for


@pytest.mark.parametrize("birth", sorted(FINDER_COPYING))
def test_a_copy_waits_unread_until_it_has_a_birth_time_of_its_own(intake_home: IntakeHome, birth: float) -> None:
    intake_home.lstat = lambda path: on_mac(os.lstat(path), st_birthtime=birth)
    (intake_home.inbox / "copy.png").write_bytes(PNG)
    intake = intake_home.start()
    wait_for(lambda: intake_home.refused("copy.png") == "copying")
    assert not intake.is_idle, "it is waited for"
    assert intake_home.opened == []
    intake_home.lstat = lambda path: on_mac(os.lstat(path))
    wait_for(lambda: intake_home.queued() == {"copy.png"})
    assert intake_home.refused("copy.png") == ""
