from __future__ import annotations

from daemon.worker.memory import WARM_ANSWERS, MemoryGrowth


class Held:
    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self) -> int:
        return self.bytes


def test_the_memory_of_the_first_answers_is_no_growth() -> None:
    held = Held()
    growth = MemoryGrowth(100, held)
    for _ in range(WARM_ANSWERS):
        held.bytes += 1000
        growth.record_answer(0, 0)
    assert not growth.is_exceeded()
    held.bytes += 100
    growth.record_answer(0, 0)
    assert not growth.is_exceeded()
    held.bytes += 1
    growth.record_answer(0, 0)
    assert growth.is_exceeded()


def test_memory_on_the_device_counts() -> None:
    growth = MemoryGrowth(100, Held())
    for _ in range(WARM_ANSWERS):
        growth.record_answer(500, 0)
    growth.record_answer(601, 0)
    assert growth.is_exceeded()


def test_a_full_batch_after_single_pictures_is_no_growth() -> None:
    """Its KV cache takes much memory, on the device or in the process, and is freed with it."""
    held = Held()
    on_a_device, on_a_cpu = MemoryGrowth(100, Held()), MemoryGrowth(100, held)
    for answers in range(4 * WARM_ANSWERS):
        cache = 10 if answers < WARM_ANSWERS else 100_000
        held.bytes = 500 + cache
        on_a_device.record_answer(500 + cache, cache)
        on_a_cpu.record_answer(0, cache)
    assert not on_a_device.is_exceeded()
    assert not on_a_cpu.is_exceeded()


def test_memory_between_two_answers_is_not_measured() -> None:
    held = Held()
    growth = MemoryGrowth(100, held)
    for _ in range(WARM_ANSWERS + 1):
        growth.record_answer(0, 0)
    held.bytes = 1000
    assert not growth.is_exceeded()
    growth.record_answer(0, 0)
    assert growth.is_exceeded()
