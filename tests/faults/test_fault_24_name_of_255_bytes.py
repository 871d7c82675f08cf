"""Fault 24: a name of 255 bytes, which no suffix fits behind. Real."""

from __future__ import annotations

import json
import os
from pathlib import Path

from PIL import Image

from storage.lifecycle import JobState
from tests.support.processes import DaemonHome

#: As long as names may be, in plain letters and in letters of several bytes; the last two differ at their end alone.
NAMES = ["a" * 251 + ".png", "é" * 125 + "x.png", "🏖" * 62 + "abc.png", "b" * 250 + "1.png", "b" * 250 + "2.png"]


def test_its_sidecars_have_shortened_names_of_their_own_with_the_whole_name_inside(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home")
    try:
        assert {len(os.fsencode(name)) for name in NAMES} == {255}
        for number, name in enumerate(NAMES):
            Image.new("RGB", (32 + number, 32), "red").save(home.inbox / name)
        assert home.start("--once").wait(timeout=40) == 0
        assert home.states() == dict.fromkeys(NAMES, JobState.DONE)
        records = [json.loads(file.read_bytes()) for file in home.inbox.glob("*.smolwatch.json")]
        assert {record["file"]["name"] for record in records} == set(NAMES)
        titles = {file.read_text().splitlines()[2] for file in home.inbox.glob("*.md")}
        assert titles == {f"# {name}" for name in NAMES}
        assert len(list(home.inbox.iterdir())) == 3 * len(NAMES)
        assert home.start("--once").wait(timeout=40) == 0
        assert len(home.jobs()) == len(NAMES), "no sidecar is taken for a file, and no file is described twice"
    finally:
        home.close()
