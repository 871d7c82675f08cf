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


@pytest.fixture
def intake_house_polls(tmp_path: Path) -> Iterator[IntakeHouse]:
    """Nothing is watched there; the inbox is listed often."""
    house = IntakeHouse(tmp_path / "home", {"inbox.observer": "poll"})
    yield house
    house.close()
