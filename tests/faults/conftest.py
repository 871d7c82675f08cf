"""What the faults happen to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from config.load import load_settings, prepare_home
from storage.db.database import open_database
from storage.jobs.store import JobStore
from storage.library import Library
from tests.fakes.clock import FakeClock
from tests.support.intake_home import IntakeHome
from tests.support.processes import DaemonHome
from tests.support.worker_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A worker with a clock that only the test moves, on a home of its own."""
    settings = load_settings(home=tmp_path / "bench", overrides={"model.engine": "echo"})
    prepare_home(settings)
    clock = FakeClock()
    with closing(open_database(settings.database_file)) as database:
        yield Bench(settings, database, JobStore(database, clock.now), Library(database), clock)


@pytest.fixture
def intake_home(tmp_path: Path) -> Iterator[IntakeHome]:
    home = IntakeHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    """A home on which the real daemon can be started."""
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def polling_intake_home(tmp_path: Path) -> Iterator[IntakeHome]:
    """Nothing is watched there; the inbox is listed often."""
    home = IntakeHome(tmp_path / "home", {"inbox.observer": "poll"})
    yield home
    home.close()
