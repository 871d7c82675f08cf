from __future__ import annotations

import pytest

from config.errors import ModelUnavailableError
from daemon.supervision.model_status import CHECK_SECONDS, ModelStatus
from storage.errors import BusyError
from storage.status.values import EngineStatus
from tests.fakes.clock import FakeClock

IDLE = EngineStatus(state="idle", model="small")


class FakeModel:
    """A model that is here or not, and the reports on it."""

    def __init__(self) -> None:
        self.is_here = True
        self.checks = 0
        self.busy = False
        self.reports: list[EngineStatus] = []

    def find(self) -> None:
        self.checks += 1
        if not self.is_here:
            raise ModelUnavailableError("No weights.", advice="Fetch them.")

    def report(self, status: EngineStatus) -> None:
        if self.busy:
            raise BusyError("The database is held.")
        self.reports.append(status)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def model_status(model: FakeModel, clock: FakeClock) -> ModelStatus:
    return ModelStatus(model.find, model.report, clock, model="small")


def test_a_model_that_is_here_is_checked_and_reported_once(
    model_status: ModelStatus, model: FakeModel, clock: FakeClock
) -> None:
    for _ in range(10):
        model_status.check()
        clock.advance(60)
    assert (model.reports, model.checks) == ([IDLE], 1)


def test_a_missing_model_is_reported_with_advice_and_noticed_when_it_arrives(
    model_status: ModelStatus, model: FakeModel, clock: FakeClock
) -> None:
    model.is_here = False
    missing = EngineStatus(state="unavailable", reason="No weights.", advice="Fetch them.")
    for _ in range(10):
        model_status.check()
        clock.advance(CHECK_SECONDS / 2)
    assert model.reports == [missing]
    assert model.checks == 5
    model.is_here = True
    clock.advance(CHECK_SECONDS)
    model_status.check()
    assert model.reports == [missing, IDLE]


def test_after_a_worker_has_run_the_state_is_reported_again(model_status: ModelStatus, model: FakeModel) -> None:
    model_status.check()
    model_status.reset()
    model_status.check()
    assert model.reports == [IDLE, IDLE]


def test_a_report_that_failed_is_repeated_at_the_next_check(
    model_status: ModelStatus, model: FakeModel, clock: FakeClock
) -> None:
    model.busy = True
    with pytest.raises(BusyError):
        model_status.check()
    model.busy = False
    model_status.check()
    assert model.reports == [IDLE]


def test_after_a_worker_died_the_state_is_reported_once_nothing_waits(
    model_status: ModelStatus, model: FakeModel
) -> None:
    model_status.check()
    model_status.worker_died("It was killed.")
    model_status.check()
    assert model.reports == [IDLE, EngineStatus(state="restarting", reason="It was killed."), IDLE]
