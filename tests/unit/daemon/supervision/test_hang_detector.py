from __future__ import annotations

from daemon.messages import Stage
from daemon.supervision.hang_detector import GAP_SECONDS, HangDetector
from tests.fakes.clock import FakeClock


def watch(clock: FakeClock, stall: HangDetector, seconds: float) -> float | None:
    """Ask as often as the supervisor does."""
    for _ in range(int(seconds)):
        clock.advance(1.0)
        if (found := stall.overdue()) is not None:
            return found
    return None


def test_a_worker_that_gets_no_further_is_overdue() -> None:
    clock = FakeClock()
    stall = HangDetector(120, clock)
    stall.hear(Stage.WORKING)
    assert watch(clock, stall, 120) is None
    assert watch(clock, stall, 1) == 121


def test_every_word_gives_it_the_whole_time_again() -> None:
    clock = FakeClock()
    stall = HangDetector(120, clock)
    for _ in range(5):
        stall.hear(Stage.WORKING)
        assert watch(clock, stall, 100) is None


def test_an_idle_worker_may_be_silent_for_ever() -> None:
    clock = FakeClock()
    stall = HangDetector(120, clock)
    stall.hear(Stage.IDLE)
    assert watch(clock, stall, 10_000) is None


def test_loading_may_take_five_times_as_long() -> None:
    clock = FakeClock()
    stall = HangDetector(120, clock)
    stall.hear(Stage.LOADING)
    assert watch(clock, stall, 600) is None
    assert watch(clock, stall, 1) == 601


def test_each_worker_that_was_ended_leaves_the_next_twice_the_time_up_to_eight_times() -> None:
    clock = FakeClock()
    stall = HangDetector(10, clock)
    waited = []
    for _ in range(5):
        stall.hear(Stage.WORKING)
        waited.append(watch(clock, stall, 1000))
        stall.ended()
    assert waited == [11, 21, 41, 81, 81]


def test_a_daemon_that_stood_still_itself_blames_nobody() -> None:
    clock = FakeClock()
    stall = HangDetector(120, clock)
    stall.hear(Stage.WORKING)
    stall.overdue()
    clock.advance(GAP_SECONDS + 1000)
    assert stall.overdue() is None
    assert watch(clock, stall, 121) == 121
