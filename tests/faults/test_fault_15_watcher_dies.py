"""Fault 15: a thread of the watcher dies without a word. Real."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from watchdog.observers.api import BaseObserver

from daemon.intake.loop import Intake
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for


def kill_dispatcher(observer: BaseObserver) -> None:
    """It meets an event that no listener can take."""
    observer.event_queue.put((object(), next(iter(observer.emitters)).watch))
    observer.join(10)
    assert not observer.is_alive()


def kill_emitters(observer: BaseObserver) -> None:
    for emitter in observer.emitters:
        emitter.stop()
        emitter.join()


def kill_reader(observer: BaseObserver) -> None:
    if sys.platform != "linux":
        pytest.skip("inotify is Linux's")
    observer._reader.stop()  # type: ignore[attr-defined]
    observer._reader.join()  # type: ignore[attr-defined]


def observer_of(intake: Intake) -> BaseObserver:
    observer = intake._watcher._observer
    assert observer is not None
    return observer


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("kill", [kill_dispatcher, kill_emitters, kill_reader])
def test_a_dead_watch_is_replaced_and_what_it_missed_is_queued(
    intake_home: IntakeHome, kill: Callable[[BaseObserver], None]
) -> None:
    intake = intake_home.start_and_settle()
    kill(observer_of(intake))
    (intake_home.inbox / "missed.png").write_bytes(PNG)
    wait_for(lambda: intake_home.queued() == {"missed.png"}, 10)
    (intake_home.inbox / "received.png").write_bytes(PNG + b"2")
    wait_for(lambda: intake_home.queued() == {"missed.png", "received.png"})
    assert intake._watcher.defect() is None
