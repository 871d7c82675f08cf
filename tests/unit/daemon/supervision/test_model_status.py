from __future__ import annotations

import pytest

from config.errors import ModelUnavailableError
from daemon.supervision.model_status import LOOK_AGAIN_SECONDS, ModelStatus
from storage.errors import BusyError
from tests.fakes.clock import FakeClock

IDLE = {"state": "idle", "model": "small"}


class Shelf:
    """Where the model lies, or not, and what was reported of it."""

    def __init__(self) -> None:
        self.is_here = True
        self.looks = 0
        self.busy = False
        self.told: list[dict[str, object]] = []

    def find(self) -> None:
        self.looks += 1
        if not self.is_here:
            raise ModelUnavailableError("No weights.", advice="Fetch them.")

    def report(self, state: dict[str, object]) -> None:
        if self.busy:
            raise BusyError("The database is held.")
        self.told.append(state)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def model_status(shelf: Shelf, clock: FakeClock) -> ModelStatus:
    return ModelStatus(shelf.find, shelf.report, clock, model="small")


def test_a_model_that_is_here_is_idle_which_is_looked_for_and_told_once(
    model_status: ModelStatus, shelf: Shelf, clock: FakeClock
) -> None:
    for _ in range(10):
        model_status.look()
        clock.advance(60)
    assert (shelf.told, shelf.looks) == ([IDLE], 1)


def test_a_model_that_is_not_here_is_told_with_what_to_do_and_noticed_when_it_comes(
    model_status: ModelStatus, shelf: Shelf, clock: FakeClock
) -> None:
    shelf.is_here = False
    missing = {"state": "unavailable", "reason": "No weights.", "advice": "Fetch them."}
    for _ in range(10):
        model_status.look()
        clock.advance(LOOK_AGAIN_SECONDS / 2)
    assert shelf.told == [missing]
    assert shelf.looks == 5
    shelf.is_here = True
    clock.advance(LOOK_AGAIN_SECONDS)
    model_status.look()
    assert shelf.told == [missing, IDLE]


def test_after_a_worker_has_spoken_for_the_model_the_same_is_told_again(
    model_status: ModelStatus, shelf: Shelf
) -> None:
    model_status.look()
    model_status.end()
    model_status.look()
    assert shelf.told == [IDLE, IDLE]


def test_what_could_not_be_written_down_is_told_at_the_next_look(
    model_status: ModelStatus, shelf: Shelf, clock: FakeClock
) -> None:
    shelf.busy = True
    with pytest.raises(BusyError):
        model_status.look()
    shelf.busy = False
    model_status.look()
    assert shelf.told == [IDLE]
