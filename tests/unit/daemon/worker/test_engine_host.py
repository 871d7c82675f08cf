from __future__ import annotations

import pytest

from daemon.errors import EngineError
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine
from daemon.worker.engine_host import REST_SECONDS, EngineHost
from tests.contracts.test_engine import picture
from tests.fakes.clock import FakeClock
from tests.fakes.engines import AbsentEngine, BrokenEngine
from tests.support.logs import logged


class Unloadable(EchoEngine):
    def load(self) -> None:  # type: ignore[override]
        raise RuntimeError("no such symbol")


class Notes(list[dict[str, object]]):
    """Every state that was reported."""

    @property
    def states(self) -> list[object]:
        return [note["state"] for note in self]


def room_of(engine: Engine, clock: FakeClock) -> tuple[EngineHost, Notes]:
    notes = Notes()
    return EngineHost(lambda: engine, clock, notes.append), notes


def test_a_loaded_engine_is_reported_with_what_it_runs_on() -> None:
    room, notes = room_of(EchoEngine(rows=3), FakeClock())
    assert room.rows == 0
    assert room.open()
    assert room.rows == 3
    assert notes.states == ["loading", "ready"]
    assert notes[-1]["device"] == "none"
    assert notes[-1]["notes"] == []


def test_without_weights_it_looks_again_later_and_says_so_once() -> None:
    engine, clock = AbsentEngine(), FakeClock()
    room, notes = room_of(engine, clock)
    for _ in range(3):
        assert not room.open()
        clock.advance(10)
    assert notes.states == ["loading", "unavailable"]
    assert "not on this machine" in str(notes[-1]["reason"])
    assert "model pull" in str(notes[-1]["advice"])
    engine.here = True
    assert room.open()
    assert notes.states[-1] == "ready"


def test_it_does_not_look_again_at_once() -> None:
    engine = AbsentEngine()
    room, _ = room_of(engine, FakeClock())
    assert not room.open()
    engine.here = True
    assert not room.open()


def test_whatever_keeps_an_engine_from_loading_is_a_reason_not_a_crash() -> None:
    room, notes = room_of(Unloadable(), FakeClock())
    assert not room.open()
    assert "no such symbol" in str(notes[-1]["reason"])


def test_an_engine_that_does_not_load_is_logged_once_however_often_it_is_tried() -> None:
    clock = FakeClock()
    room, _ = room_of(Unloadable(), clock)
    with logged() as lines:
        for _ in range(100):
            assert not room.open()
            clock.advance(3)
    assert len([line for line in lines if line.startswith("The model cannot be loaded")]) == 1
    assert len(lines) <= 3


def test_an_engine_that_fails_again_and_again_is_soon_logged_no_more() -> None:
    clock = FakeClock()
    room, _ = room_of(BrokenEngine(), clock)
    with logged() as lines:
        for _ in range(100):
            if room.open():
                with pytest.raises(EngineError):
                    room.step()
                room.fail("The model failed.")
            clock.advance(60)
    assert len([line for line in lines if line.startswith("The model failed")]) == 2, "its beginning, and after an hour"
    assert len(lines) < 20


def test_whatever_a_step_raises_is_the_engines_error() -> None:
    room, _ = room_of(BrokenEngine(), FakeClock())
    room.open()
    with pytest.raises(EngineError, match="driver is gone"):
        room.step()


def test_after_failures_it_waits_longer_each_time_and_takes_one_row() -> None:
    clock = FakeClock()
    room, notes = room_of(EchoEngine(rows=8), clock)
    room.open()
    for pause in (2, 4, 8):
        room.fail("out of memory")
        assert notes.states[-1] == "restarting"
        clock.advance(pause - 0.1)
        assert not room.open()
        clock.advance(0.1)
        assert room.open()
        assert room.rows == 1


class Resting(EchoEngine):
    rests = 0

    def rest(self) -> None:
        self.rests += 1


def test_an_engine_gives_memory_back_once_it_has_been_idle_for_a_while() -> None:
    engine, clock = Resting(), FakeClock()
    room, _ = room_of(engine, clock)
    room.rest()
    room.open()
    room.rest()
    clock.advance(REST_SECONDS - 1)
    room.rest()
    assert engine.rests == 0
    clock.advance(1)
    room.rest()
    room.rest()
    assert engine.rests == 1
    room.submit(picture("a"))
    room.rest()
    assert engine.rests == 1
    clock.advance(REST_SECONDS)
    room.rest()
    assert engine.rests == 2
