from __future__ import annotations

import pytest

from config.errors import ModelUnavailableError
from daemon.errors import EngineError
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine, EngineInfo
from daemon.worker.engine_host import IDLE_SECONDS, EngineHost
from storage.status.values import EngineStatus
from tests.contracts.test_engine import picture
from tests.fakes.clock import FakeClock
from tests.fakes.engines import AbsentEngine, BrokenEngine
from tests.support.logs import logged


class Unloadable(EchoEngine):
    def load(self) -> EngineInfo:
        raise RuntimeError("no such symbol")


class Notes(list[EngineStatus]):
    """Every state that was reported."""

    @property
    def states(self) -> list[str]:
        return [note.state for note in self]


def host_of(engine: Engine, clock: FakeClock) -> tuple[EngineHost, Notes]:
    notes = Notes()
    return EngineHost(lambda: engine, clock, notes.append), notes


def test_a_loaded_engine_is_reported_with_its_device() -> None:
    host, notes = host_of(EchoEngine(rows=3), FakeClock())
    assert host.rows == 0
    assert host.open()
    assert host.rows == 3
    assert notes.states == ["loading", "ready"]
    assert notes[-1].device == "none"
    assert notes[-1].notes == ()


def test_without_weights_loading_is_retried_later_and_reported_once() -> None:
    engine, clock = AbsentEngine(), FakeClock()
    host, notes = host_of(engine, clock)
    for _ in range(3):
        assert not host.open()
        clock.advance(10)
    assert notes.states == ["loading", "unavailable"]
    assert "not on this machine" in str(notes[-1].reason)
    assert "model pull" in str(notes[-1].advice)
    engine.here = True
    assert host.open()
    assert notes.states[-1] == "ready"


def test_the_reason_why_no_model_is_loaded_is_there_until_one_is() -> None:
    engine, clock = AbsentEngine(), FakeClock()
    host, _ = host_of(engine, clock)
    assert host.problem is None
    assert not host.open()
    assert isinstance(host.problem, ModelUnavailableError)
    with pytest.raises(EngineError):
        host.loaded_info()
    engine.here = True
    clock.advance(60)
    assert host.open()
    assert host.problem is None
    assert host.loaded_info().engine == "echo"


def test_loading_is_not_retried_at_once() -> None:
    engine = AbsentEngine()
    host, _ = host_of(engine, FakeClock())
    assert not host.open()
    engine.here = True
    assert not host.open()


def test_any_error_while_loading_is_a_reason_and_no_crash() -> None:
    host, notes = host_of(Unloadable(), FakeClock())
    assert not host.open()
    assert "no such symbol" in str(notes[-1].reason)


def test_an_engine_that_does_not_load_is_logged_once_however_often_it_is_tried() -> None:
    clock = FakeClock()
    host, _ = host_of(Unloadable(), clock)
    with logged() as lines:
        for _ in range(100):
            assert not host.open()
            clock.advance(3)
    assert len([line for line in lines if line.startswith("The model cannot be loaded")]) == 1
    assert len(lines) <= 3


def test_an_engine_that_fails_repeatedly_is_soon_logged_no_more() -> None:
    clock = FakeClock()
    host, _ = host_of(BrokenEngine(), clock)
    with logged() as lines:
        for _ in range(100):
            if host.open():
                with pytest.raises(EngineError):
                    host.step()
                host.fail("The model failed.")
            clock.advance(60)
    assert len([line for line in lines if line.startswith("The model failed")]) == 2, "its beginning, and after an hour"
    assert len(lines) < 20


def test_any_error_of_a_step_is_an_engine_error() -> None:
    host, _ = host_of(BrokenEngine(), FakeClock())
    host.open()
    with pytest.raises(EngineError, match="driver is gone"):
        host.step()


def test_any_error_of_a_cancellation_is_an_engine_error() -> None:
    host, _ = host_of(BrokenEngine(), FakeClock())
    host.open()
    with pytest.raises(EngineError, match="driver is gone"):
        host.cancel("a")


def test_a_cancelled_request_gets_no_reply() -> None:
    host, _ = host_of(EchoEngine(), FakeClock())
    host.open()
    for name in ("a", "b"):
        host.submit(picture(name))
    host.cancel("a")
    assert [reply.id for reply in host.step()] == ["b"]


def test_each_failure_doubles_the_pause_and_leaves_one_row() -> None:
    clock = FakeClock()
    host, notes = host_of(EchoEngine(rows=8), clock)
    host.open()
    for pause in (2, 4, 8):
        host.fail("out of memory")
        assert notes.states[-1] == "restarting"
        clock.advance(pause - 0.1)
        assert not host.open()
        clock.advance(0.1)
        assert host.open()
        assert host.rows == 1


class Resting(EchoEngine):
    rests = 0

    def rest(self) -> None:
        self.rests += 1


def test_an_engine_frees_memory_after_it_was_idle_for_a_while() -> None:
    engine, clock = Resting(), FakeClock()
    host, _ = host_of(engine, clock)
    host.idle()
    host.open()
    host.idle()
    clock.advance(IDLE_SECONDS - 1)
    host.idle()
    assert engine.rests == 0
    clock.advance(1)
    host.idle()
    host.idle()
    assert engine.rests == 1
    host.submit(picture("a"))
    host.idle()
    assert engine.rests == 1
    clock.advance(IDLE_SECONDS)
    host.idle()
    assert engine.rests == 2


def test_a_cancelled_request_gets_no_reply_and_without_an_engine_there_is_none_to_cancel() -> None:
    host, _ = host_of(EchoEngine(), FakeClock())
    host.cancel("a")
    host.open()
    host.submit(picture("a"))
    host.submit(picture("b"))
    host.cancel("a")
    assert [reply.id for reply in host.step()] == ["b"]
