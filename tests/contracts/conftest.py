"""A new, empty store on each kind of database, with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.jobs.store import JobStore
from storage.library import Library
from tests.fakes.clock import FakeClock
from tests.support.stores import MAKERS, Made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[Made]:
    with MAKERS[request.param](tmp_path, clock) as made:
        yield made


@pytest.fixture
def store(made: Made) -> JobStore:
    return made.store


@pytest.fixture
def library(made: Made) -> Library:
    return made.library
