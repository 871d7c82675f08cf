"""Fault 43: the engine fails twenty times in a row. Fake: an engine that fails on demand, and a clock.

Jobs back off with jitter, the engine with a pause of its own that grows up to a minute; in between one file is tried.
"""

from __future__ import annotations

from daemon.retry_policy import FACTOR, FIRST_SECONDS, MAX_SECONDS, backoff
from daemon.worker.engine_host import MAX_PAUSE_SECONDS, EngineHost
from storage.lifecycle import JobState
from tests.fakes.clock import FakeClock
from tests.fakes.engines import FailingEngine
from tests.support.worker_bench import Bench


def test_a_file_waits_four_times_as_long_each_time_up_to_an_hour_less_up_to_half() -> None:
    longest = [backoff(attempts, lambda: 1.0) for attempts in range(1, 21)]
    assert longest == [min(MAX_SECONDS, FIRST_SECONDS * FACTOR**n) for n in range(20)]
    assert [backoff(attempts, lambda: 0.0) for attempts in range(1, 21)] == [seconds / 2 for seconds in longest]


def test_the_engine_is_loaded_anew_after_a_pause_that_doubles_up_to_a_minute() -> None:
    clock = FakeClock()
    loads = 0

    def make() -> FailingEngine:
        nonlocal loads
        loads += 1
        return FailingEngine()

    room = EngineHost(make, clock, lambda state: None)
    pauses = []
    for _ in range(20):
        assert room.open()
        room.fail("The device is lost.")
        assert room.rows == 0
        began = clock.monotonic()
        while not room.open():
            clock.advance(1.0)
        assert room.rows == 1
        pauses.append(clock.monotonic() - began)
    assert pauses == [min(MAX_PAUSE_SECONDS, 2.0**n) for n in range(1, 21)]
    assert loads == 21


def test_after_the_storm_every_file_is_described(bench: Bench) -> None:
    engine = FailingEngine()
    bench.use_engine(engine)
    jobs = [bench.queue(f"{number}.png") for number in range(30)]
    for _ in range(20):
        bench.run_rounds(seconds=70.0)
    assert not any(bench.state(job) is JobState.FAILED for job in jobs)
    engine.failing = False
    bench.run_rounds(100, seconds=70.0)
    assert [bench.state(job) for job in jobs] == [JobState.DONE] * 30
