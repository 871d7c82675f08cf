"""Fault 13: the inbox is renamed, and another one is made in its place. Real."""

from __future__ import annotations

from pathlib import Path

from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for


def test_the_new_inbox_is_watched_and_the_old_one_is_not(intake_home: IntakeHome, tmp_path: Path) -> None:
    inbox = intake_home.inbox
    intake_home.start_and_settle()
    inbox.rename(tmp_path / "old")
    inbox.mkdir()
    (inbox / "new.png").write_bytes(PNG)
    (tmp_path / "old" / "elsewhere.png").write_bytes(PNG)
    wait_for(lambda: intake_home.queued() == {"new.png"}, 10)
    (inbox / "later.png").write_bytes(PNG + b"2")
    wait_for(lambda: intake_home.queued() == {"new.png", "later.png"})
    assert intake_home.refused("elsewhere.png") == ""


def test_an_inbox_that_is_deleted_and_made_again_is_watched(intake_home: IntakeHome) -> None:
    intake_home.start_and_settle()
    intake_home.inbox.rmdir()
    intake_home.inbox.mkdir()
    (intake_home.inbox / "new.png").write_bytes(PNG)
    wait_for(lambda: intake_home.queued() == {"new.png"}, 10)
    (intake_home.inbox / "later.png").write_bytes(PNG + b"2")
    wait_for(lambda: intake_home.queued() == {"new.png", "later.png"})
