"""Fault 03: a file lands between the listing and the watch's start. Real: files land at every step of both."""

from __future__ import annotations

from daemon.clock import SystemClock
from tests.support.intake_home import PNG, IntakeHouse
from tests.support.waiting import wait_for

STEPS = 60


class DroppingClock(SystemClock):
    """Whenever the intake looks at the time, a file lands in the inbox: before, during and after its first listing."""

    def __init__(self, house: IntakeHouse) -> None:
        self._house = house
        self.dropped = 0

    def monotonic(self) -> float:
        if self.dropped < STEPS:
            self.dropped += 1
            (self._house.inbox / f"{self.dropped}.png").write_bytes(PNG + b"%d" % self.dropped)
        return super().monotonic()


def test_a_file_that_lands_at_any_step_of_the_start_is_queued_once(intake_house: IntakeHouse) -> None:
    (intake_house.inbox / "first.png").write_bytes(PNG)
    clock = DroppingClock(intake_house)
    intake = intake_house.run(intake_house.make(clock))
    wait_for(lambda: len(intake_house.jobs()) > STEPS)
    wait_for(lambda: intake.is_idle)
    assert clock.dropped == STEPS
    assert len(intake_house.jobs()) == len(intake_house.queued()) == STEPS + 1
