"""Fault 17: the inbox lies on a network volume, which announces no changes. Fake: the kind of disk is told."""

from __future__ import annotations

from cli.commands.status import lines, look
from daemon.intake.watch.watcher import Watcher
from tests.fakes.clock import FakeClock
from tests.support.intake_home import PNG, IntakeHouse
from tests.support.waiting import wait_for


def test_it_is_listed_often_and_a_file_must_be_still_for_five_seconds(intake_house: IntakeHouse) -> None:
    clock = FakeClock()
    intake = intake_house.make(clock, lambda root, heard: Watcher(root, heard, network_kind=lambda path: "nfs4"))
    intake.tick()
    (intake_house.inbox / "x.png").write_bytes(PNG)
    clock.advance(60)
    intake.tick()
    clock.advance(4.9)
    intake.tick()
    assert intake_house.queued() == set()
    clock.advance(0.2)
    intake.tick()
    assert intake_house.queued() == {"x.png"}


def test_status_says_so(intake_house: IntakeHouse) -> None:
    intake = intake_house.make(watcher=lambda root, heard: Watcher(root, heard, network_kind=lambda path: "nfs4"))
    intake_house.run(intake)
    wait_for(lambda: (found := intake_house.library.status.intake()) and found.watching)
    report = look(intake_house.settings)
    assert report["intake"]["observer"] == "poll"
    assert "network volume (nfs4)" in dict(lines(report, intake_house.settings))["inbox"]


def test_polling_can_be_chosen(intake_house_polls: IntakeHouse) -> None:
    intake = intake_house_polls.start_and_settle()
    assert intake._watcher._observer is None
    (intake_house_polls.inbox / "x.png").write_bytes(PNG)
    wait_for(lambda: intake_house_polls.queued() == {"x.png"})
    (intake_house_polls.inbox / "x.png").write_bytes(PNG + b"changed")
    wait_for(lambda: intake_house_polls.jobs()[0].fingerprint.size == len(PNG) + 7)
