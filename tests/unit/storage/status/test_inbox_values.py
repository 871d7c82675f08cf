"""The statuses of inboxes: a row for each, and all of them as one. That they survive their rows: see test_values."""

from __future__ import annotations

from datetime import UTC, datetime

from storage.status.inbox_values import InboxDisk, IntakeStatus, combined


def test_the_statuses_of_several_inboxes_have_rows_of_their_own() -> None:
    assert IntakeStatus().key == "intake"
    assert IntakeStatus(inbox="scans").key == IntakeStatus.key_of("scans") != InboxDisk(inbox="scans").key


def test_the_status_of_several_inboxes_as_one_adds_up_and_names_each_problem() -> None:
    early, late = datetime(2026, 11, 24, 9, tzinfo=UTC), datetime(2026, 11, 24, 10, tzinfo=UTC)
    one = IntakeStatus(run="r", watching=True, observer="Inotify", last_sweep=late, seen=3, settling=1, orphans=2)
    two = IntakeStatus(run="r", observer="poll", problem="inbox missing", last_sweep=early, seen=4)
    both = combined({"photos": one, "disk": two})
    assert (both.watching, both.observer, both.problem) == (False, "Inotify, poll", "disk: inbox missing")
    assert (both.last_sweep, both.seen, both.settling, both.orphans) == (early, 7, 1, 2)
    assert combined({"photos": one, "new": IntakeStatus()}).last_sweep is None
    assert combined({"photos": one}) is one
