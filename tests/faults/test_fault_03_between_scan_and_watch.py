"""Fault 03: a file lands between the listing and the watch's start. Real: files land at every step of both."""

from __future__ import annotations

from daemon.clock import SystemClock
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for

STEPS = 60


class DroppingClock(SystemClock):
    """Whenever the intake looks at the time, a file lands in the inbox: before, during and after its first listing."""

    def __init__(self, home: IntakeHome) -> None:
        self._home = home
        self.dropped = 0

    def monotonic(self) -> float:
        if self.dropped < STEPS:
            self.dropped += 1
            (self._home.inbox / f"{self.dropped}.png").write_bytes(PNG + b"%d" % self.dropped)
        return super().monotonic()


def test_a_file_that_lands_at_any_step_of_the_start_is_queued_once(intake_home: IntakeHome) -> None:
    (intake_home.inbox / "first.png").write_bytes(PNG)
    clock = DroppingClock(intake_home)
    intake = intake_home.run(intake_home.make(clock))
    wait_for(lambda: len(intake_home.jobs()) > STEPS)
    wait_for(lambda: intake.is_idle)
    assert clock.dropped == STEPS
    assert len(intake_home.jobs()) == len(intake_home.queued()) == STEPS + 1
