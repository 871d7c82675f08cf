"""Fault 28: what smolwatch writes lies in the inbox itself. Real."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from storage.lifecycle import JobState
from tests.support.processes import House
from tests.support.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house", {"SMOLWATCH_INBOX__SWEEP_SECONDS": "0.5"})
    yield house
    house.close()


def test_no_output_becomes_a_job_or_is_spoken_of(house: House) -> None:
    picture = house.inbox / "beach.png"
    Image.new("RGB", (64, 48), "red").save(picture)
    house.start_and_wait()
    wait_for(lambda: house.states() == {"beach.png": JobState.DONE}, 30)
    outputs = {"beach.png.smolwatch.json", "beach.png.md"}
    assert outputs < {file.name for file in house.inbox.iterdir()}
    # Not even where such a name holds a picture: as a temporary file, or as a sidecar that was copied elsewhere.
    shutil.copy(picture, house.inbox / ".sw-0123456789abcdef.tmp")
    (house.inbox / "copies").mkdir()
    for name in outputs:
        shutil.copy(picture, house.inbox / "copies" / name)
    Image.new("RGB", (65, 48), "blue").save(house.inbox / "later.png")
    wait_for(lambda: house.states().get("later.png") is JobState.DONE, 20)
    swept = listed_at(house)
    wait_for(lambda: listed_at(house) != swept)
    assert set(house.states()) == {"beach.png", "later.png"}
    with house.reading() as library:
        for file in house.inbox.rglob("*"):
            assert library.refusal(os.fsencode(file)) is None


def listed_at(house: House) -> object:
    with house.reading() as library:
        intake = library.status.intake()
        return intake and intake.last_sweep
