from __future__ import annotations

from daemon.messages import Stage
from daemon.supervision.hang_detector import ANSWERS_TO_HALVE, GAP_SECONDS, HangDetector
from tests.fakes.clock import FakeClock


def watch(clock: FakeClock, detector: HangDetector, seconds: float) -> float | None:
    """Check as often as the supervisor does."""
    for _ in range(int(seconds)):
        clock.advance(1.0)
        if (found := detector.hung_seconds()) is not None:
            return found
    return None


def test_a_worker_without_progress_is_hung() -> None:
    clock = FakeClock()
    detector = HangDetector(120, clock)
    detector.record(Stage.WORKING)
    assert watch(clock, detector, 120) is None
    assert watch(clock, detector, 1) == 121


def test_every_report_restarts_the_limit() -> None:
    clock = FakeClock()
    detector = HangDetector(120, clock)
    for _ in range(5):
        detector.record(Stage.WORKING)
        assert watch(clock, detector, 100) is None


def test_an_idle_worker_may_be_silent_for_ever() -> None:
    clock = FakeClock()
    detector = HangDetector(120, clock)
    detector.record(Stage.IDLE)
    assert watch(clock, detector, 10_000) is None


def test_loading_may_take_five_times_as_long() -> None:
    clock = FakeClock()
    detector = HangDetector(120, clock)
    detector.record(Stage.LOADING)
    assert watch(clock, detector, 600) is None
    assert watch(clock, detector, 1) == 601


def test_each_killed_worker_doubles_the_limit_of_the_next_up_to_eight_times() -> None:
    clock = FakeClock()
    detector = HangDetector(10, clock)
    waited = []
    for _ in range(5):
        detector.record(Stage.WORKING)
        waited.append(watch(clock, detector, 1000))
        detector.record_kill()
    assert waited == [11, 21, 41, 81, 81]


def test_answers_without_a_kill_in_between_halve_the_limit_again_down_to_the_first() -> None:
    clock = FakeClock()
    detector = HangDetector(10, clock)
    waited = []
    for answers in (ANSWERS_TO_HALVE - 1, ANSWERS_TO_HALVE - 1, ANSWERS_TO_HALVE, 2 * ANSWERS_TO_HALVE):
        detector.record(Stage.WORKING)
        waited.append(watch(clock, detector, 1000))
        detector.record_kill()
        for _ in range(answers):
            detector.record(Stage.ANSWERED)
    detector.record(Stage.WORKING)
    assert [*waited, watch(clock, detector, 1000)] == [11, 21, 41, 41, 21]


def test_after_the_daemon_was_suspended_the_limit_restarts() -> None:
    clock = FakeClock()
    detector = HangDetector(120, clock)
    detector.record(Stage.WORKING)
    detector.hung_seconds()
    clock.advance(GAP_SECONDS + 1000)
    assert detector.hung_seconds() is None
    assert watch(clock, detector, 121) == 121
