"""What the faults happen to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.intake_house import IntakeHouse
from tests.fakes.processes import House


@pytest.fixture
def intake_house(tmp_path: Path) -> Iterator[IntakeHouse]:
    house = IntakeHouse(tmp_path / "home")
    yield house
    house.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A home on which the real daemon can be started."""
    house = House(tmp_path / "house")
    yield house
    house.close()
