"""Fault 17: the inbox lies on a network volume, which announces no changes. Fake: the test sets the kind of disk."""

from __future__ import annotations

from cli.commands.status import lines
from cli.status_document import look
from daemon.intake.watch.watcher import Watcher
from tests.fakes.clock import FakeClock
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for


def test_it_is_listed_often_and_a_file_must_be_still_for_five_seconds(intake_home: IntakeHome) -> None:
    clock = FakeClock()
    intake = intake_home.make(clock, lambda root, events: Watcher(root, events, network_kind=lambda path: "nfs4"))
    intake.tick()
    (intake_home.inbox / "x.png").write_bytes(PNG)
    clock.advance(60)
    intake.tick()
    clock.advance(4.9)
    intake.tick()
    assert intake_home.queued() == set()
    clock.advance(0.2)
    intake.tick()
    assert intake_home.queued() == {"x.png"}


def test_status_says_so(intake_home: IntakeHome) -> None:
    intake = intake_home.make(watcher=lambda root, events: Watcher(root, events, network_kind=lambda path: "nfs4"))
    intake_home.run(intake)
    wait_for(lambda: (found := intake_home.library.status.intake()) and found.watching)
    report = look(intake_home.settings)
    assert report["intake"]["observer"] == "poll"
    assert "network volume (nfs4)" in dict(lines(report, intake_home.settings))["inbox"]


def test_polling_can_be_chosen(polling_intake_home: IntakeHome) -> None:
    intake = polling_intake_home.start_and_settle()
    assert intake._watcher._observer is None
    (polling_intake_home.inbox / "x.png").write_bytes(PNG)
    wait_for(lambda: polling_intake_home.queued() == {"x.png"})
    (polling_intake_home.inbox / "x.png").write_bytes(PNG + b"changed")
    wait_for(lambda: polling_intake_home.jobs()[0].fingerprint.size == len(PNG) + 7)
