from __future__ import annotations

from daemon.power.power_state import PowerSource, PowerState
from daemon.power.sleep_inhibitor import SleepInhibitor
from daemon.power.throttle import MAX_REST_SECONDS, READ_SECONDS, Throttle
from daemon.power.throttle_policy import Pace, policy_for
from storage.status.values import PowerStatus
from tests.fakes.clock import FakeClock

MAINS, BATTERY = PowerState(source=PowerSource.MAINS), PowerState(source=PowerSource.BATTERY)
SAVING, HOT = PowerState(source=PowerSource.BATTERY, is_saving=True), PowerState(source=PowerSource.MAINS, is_hot=True)


class Held:
    """An assertion that counts how often it was ended."""

    def __init__(self) -> None:
        self.ended = 0

    def terminate(self) -> None:
        self.ended += 1

    def wait(self, timeout: float | None = None) -> int:
        return 0


class Bench:
    def __init__(self, state: PowerState, *, is_polite: bool = True) -> None:
        self.state, self.reads, self.held = state, 0, list[Held]()
        self.clock, self.reports = FakeClock(), list[PowerStatus]()
        self.throttle = Throttle(
            self.look, SleepInhibitor(self.hold), self.clock, self.reports.append, is_polite=is_polite
        )

    def look(self) -> PowerState:
        self.reads += 1
        return self.state

    def hold(self) -> Held:
        self.held.append(Held())
        return self.held[-1]


def test_low_power_mode_and_heat_pause_and_a_battery_slows_down() -> None:
    assert [policy_for(state).pace for state in (MAINS, BATTERY, SAVING, HOT, PowerState())] == [
        Pace.FULL,
        Pace.SLOW,
        Pace.PAUSED,
        Pace.PAUSED,
        Pace.FULL,
    ]
    assert "Low Power Mode" in policy_for(SAVING).reason
    assert "cooled" in policy_for(HOT).reason


def test_the_power_state_is_read_at_intervals_and_a_change_is_reported_once() -> None:
    bench = Bench(MAINS)
    assert [bench.throttle.pace() for _ in range(5)] == [Pace.FULL] * 5
    bench.state = SAVING
    assert bench.throttle.pace() is Pace.FULL
    bench.clock.advance(READ_SECONDS)
    assert bench.throttle.pace() is Pace.PAUSED
    bench.clock.advance(READ_SECONDS)
    assert bench.throttle.pace() is Pace.PAUSED
    assert bench.reads == 3
    assert [report.pace for report in bench.reports] == ["full", "paused"]
    assert bench.reports[-1].reason == policy_for(SAVING).reason


def test_without_politeness_the_pace_is_always_full() -> None:
    bench = Bench(SAVING, is_polite=False)
    assert bench.throttle.pace() is Pace.FULL
    assert bench.throttle.state is SAVING, "the power state is still read"


def test_on_battery_it_rests_as_long_as_it_worked_but_never_for_long() -> None:
    bench = Bench(BATTERY)
    bench.throttle.pace()
    assert (bench.throttle.rest(0.5), bench.throttle.rest(60)) == (0.5, MAX_REST_SECONDS)
    bench = Bench(MAINS)
    bench.throttle.pace()
    assert bench.throttle.rest(0.5) == 0


def test_a_mac_is_kept_awake_only_while_it_works_on_mains_power() -> None:
    bench = Bench(MAINS)
    bench.throttle.pace()
    for busy in (False, True, True, False, False):
        bench.throttle.work(busy)
    assert [held.ended for held in bench.held] == [1]
    bench.throttle.work(True)
    bench.state = BATTERY
    bench.clock.advance(READ_SECONDS)
    bench.throttle.pace()
    bench.throttle.work(True)
    assert [held.ended for held in bench.held] == [1, 1]


def test_a_refused_assertion_is_not_requested_again_and_again() -> None:
    requested: list[None] = []
    inhibitor = SleepInhibitor(lambda: requested.append(None))
    for wanted in (True, True, True, False, True, True):
        inhibitor.hold(wanted)
    assert len(requested) == 2


def test_a_mac_of_unknown_power_source_may_go_to_sleep() -> None:
    bench = Bench(PowerState())
    bench.throttle.pace()
    bench.throttle.work(True)
    assert not bench.held
