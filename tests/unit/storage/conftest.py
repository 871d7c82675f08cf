from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.db.database import Database, open_database
from storage.jobs.store import JobStore
from storage.library import Library
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "data" / "smolwatch.db")
    yield database
    database.close()


@pytest.fixture
def store(database: Database, clock: FakeClock) -> JobStore:
    return JobStore(database, clock.now)


@pytest.fixture
def library(database: Database) -> Library:
    return Library(database)
