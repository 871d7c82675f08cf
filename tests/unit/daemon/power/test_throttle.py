from __future__ import annotations

from daemon.power.power_state import PowerSource, PowerState
from daemon.power.sleep_inhibitor import SleepInhibitor
from daemon.power.throttle import LONGEST_REST, LOOK_SECONDS, Throttle
from daemon.power.throttle_policy import Pace, manners_for
from tests.fakes.clock import FakeClock

MAINS, BATTERY = PowerState(source=PowerSource.MAINS), PowerState(source=PowerSource.BATTERY)
SAVING, HOT = PowerState(source=PowerSource.BATTERY, is_saving=True), PowerState(source=PowerSource.MAINS, is_hot=True)


class Held:
    """An assertion that counts how often it was given up."""

    def __init__(self) -> None:
        self.ended = 0

    def terminate(self) -> None:
        self.ended += 1

    def wait(self, timeout: float | None = None) -> int:
        return 0


class House:
    def __init__(self, state: PowerState, *, is_polite: bool = True) -> None:
        self.state, self.looks, self.held = state, 0, list[Held]()
        self.clock, self.told = FakeClock(), list[dict[str, object]]()
        self.courtesy = Throttle(
            self.look, SleepInhibitor(self.hold), self.clock, self.told.append, is_polite=is_polite
        )

    def look(self) -> PowerState:
        self.looks += 1
        return self.state

    def hold(self) -> Held:
        self.held.append(Held())
        return self.held[-1]


def test_low_power_mode_and_heat_pause_and_a_battery_slows_down() -> None:
    assert [manners_for(state).pace for state in (MAINS, BATTERY, SAVING, HOT, PowerState())] == [
        Pace.FULL,
        Pace.SLOW,
        Pace.PAUSED,
        Pace.PAUSED,
        Pace.FULL,
    ]
    assert "Low Power Mode" in manners_for(SAVING).reason
    assert "cooled" in manners_for(HOT).reason


def test_the_machine_is_looked_at_now_and_then_and_a_change_is_told_once() -> None:
    house = House(MAINS)
    assert [house.courtesy.pace() for _ in range(5)] == [Pace.FULL] * 5
    house.state = SAVING
    assert house.courtesy.pace() is Pace.FULL
    house.clock.advance(LOOK_SECONDS)
    assert house.courtesy.pace() is Pace.PAUSED
    house.clock.advance(LOOK_SECONDS)
    assert house.courtesy.pace() is Pace.PAUSED
    assert house.looks == 3
    assert [told["pace"] for told in house.told] == ["full", "paused"]
    assert house.told[-1]["reason"] == manners_for(SAVING).reason


def test_who_asked_for_no_manners_gets_none() -> None:
    house = House(SAVING, is_polite=False)
    assert house.courtesy.pace() is Pace.FULL
    assert house.courtesy.state is SAVING, "what fed the machine is still noted"


def test_on_battery_it_rests_as_long_as_it_worked_but_never_for_long() -> None:
    house = House(BATTERY)
    house.courtesy.pace()
    assert (house.courtesy.rest(0.5), house.courtesy.rest(60)) == (0.5, LONGEST_REST)
    house = House(MAINS)
    house.courtesy.pace()
    assert house.courtesy.rest(0.5) == 0


def test_a_mac_is_kept_awake_only_while_it_works_on_mains_power() -> None:
    house = House(MAINS)
    house.courtesy.pace()
    for busy in (False, True, True, False, False):
        house.courtesy.work(busy)
    assert [held.ended for held in house.held] == [1]
    house.courtesy.work(True)
    house.state = BATTERY
    house.clock.advance(LOOK_SECONDS)
    house.courtesy.pace()
    house.courtesy.work(True)
    assert [held.ended for held in house.held] == [1, 1]


def test_a_mac_that_cannot_be_kept_awake_is_not_asked_again_and_again() -> None:
    asked: list[None] = []
    awake = SleepInhibitor(lambda: asked.append(None))
    for wanted in (True, True, True, False, True, True):
        awake.hold(wanted)
    assert len(asked) == 2


def test_a_mac_that_does_not_say_what_feeds_it_may_fall_asleep() -> None:
    house = House(PowerState())
    house.courtesy.pace()
    house.courtesy.work(True)
    assert not house.held
