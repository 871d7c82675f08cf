"""Fault 24: a name of 255 bytes, which no suffix fits behind. Real."""

from __future__ import annotations

import json
import os
from pathlib import Path

from PIL import Image

from storage.lifecycle import JobState
from tests.support.processes import House

#: As long as names may be, in plain letters and in letters of several bytes; the last two differ at their end alone.
NAMES = ["a" * 251 + ".png", "é" * 125 + "x.png", "🏖" * 62 + "abc.png", "b" * 250 + "1.png", "b" * 250 + "2.png"]


def test_its_sidecars_have_shortened_names_of_their_own_with_the_whole_name_inside(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    try:
        assert {len(os.fsencode(name)) for name in NAMES} == {255}
        for number, name in enumerate(NAMES):
            Image.new("RGB", (32 + number, 32), "red").save(house.inbox / name)
        assert house.start("--once").wait(timeout=40) == 0
        assert house.states() == dict.fromkeys(NAMES, JobState.DONE)
        records = [json.loads(file.read_bytes()) for file in house.inbox.glob("*.smolwatch.json")]
        assert {record["file"]["name"] for record in records} == set(NAMES)
        titles = {file.read_text().splitlines()[2] for file in house.inbox.glob("*.md")}
        assert titles == {f"# {name}" for name in NAMES}
        assert len(list(house.inbox.iterdir())) == 3 * len(NAMES)
        assert house.start("--once").wait(timeout=40) == 0
        assert len(house.jobs()) == len(NAMES), "no sidecar is taken for a file, and no file is described twice"
    finally:
        house.close()
