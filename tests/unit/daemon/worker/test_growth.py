from __future__ import annotations

from daemon.worker.growth import LOOK_SECONDS, WARM_ANSWERS, Growth
from tests.fakes.clock import FakeClock


class Held:
    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self) -> int:
        return self.bytes


def test_what_the_first_answers_take_is_no_growth() -> None:
    clock, held = FakeClock(), Held()
    growth = Growth(100, held, clock)
    for _ in range(WARM_ANSWERS):
        held.bytes += 1000
        growth.answered(0)
    assert not growth.is_too_much()
    held.bytes += 100
    growth.answered(0)
    assert not growth.is_too_much()
    held.bytes += 1
    clock.advance(LOOK_SECONDS)
    assert growth.is_too_much()


def test_memory_on_the_device_counts() -> None:
    clock, held = FakeClock(), Held()
    growth = Growth(100, held, clock)
    for _ in range(WARM_ANSWERS):
        growth.answered(500)
    growth.answered(601)
    assert growth.is_too_much()


def test_memory_is_looked_at_once_a_second() -> None:
    clock, held = FakeClock(), Held()
    growth = Growth(100, held, clock)
    for _ in range(WARM_ANSWERS + 1):
        growth.answered(0)
    assert not growth.is_too_much()
    held.bytes = 1000
    assert not growth.is_too_much()
    clock.advance(LOOK_SECONDS)
    assert growth.is_too_much()
