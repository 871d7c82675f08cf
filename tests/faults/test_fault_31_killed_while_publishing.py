"""Fault 31: kill between the row and the sidecars, and between a sidecar's temporary file and its name. Real.

A process that had a model's words dies at that moment; a daemon whose model would say others must publish those.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.failpoints import VARIABLE
from storage.lifecycle import JobState
from tests.support.media.media_files import save_image, some_image
from tests.support.processes import ROOT, House
from tests.support.publishing_home import PublishingHouse

SAID = "What the killed process had said."


#: Where the process dies, and how many files it then leaves beside the picture.
PLACES = {"published": 0, "temporary-written": 1, "temporary-written:2": 2, "sidecars-written": 2}


def publish(home: str) -> None:
    """In the process that dies."""
    house = PublishingHouse(Path(home))
    house.drop("beach.png", (house.settings.home / "beach.png").read_bytes())
    house.work(SAID)


@pytest.mark.parametrize("place", PLACES)
def test_what_was_said_is_published_once_and_never_asked_for_again(tmp_path: Path, place: str) -> None:
    house = House(tmp_path / "house")
    try:
        save_image(house.settings.home / "beach.png", some_image())
        call = f"from {__name__} import publish; publish({str(house.settings.home)!r})"
        environ = {**house.environ, VARIABLE: place}
        killed = subprocess.run([sys.executable, "-c", call], cwd=ROOT, env=environ, check=False, timeout=30)
        assert killed.returncode == -signal.SIGKILL
        assert house.states() == {"beach.png": JobState.PUBLISHING}
        assert len(list(house.inbox.iterdir())) == 1 + PLACES[place]
        assert house.start("--once").wait(timeout=40) == 0
        assert house.states() == {"beach.png": JobState.DONE}
        job = house.jobs()["beach.png"]
        assert house.notes(job).count("Described.") == 1
        names = {file.name for file in house.inbox.iterdir()}
        assert names == {"beach.png", "beach.png.md", "beach.png.smolwatch.json"}, "nothing half-written is left"
        with house.reading() as library:
            description = library.description(job.id)
        assert description is not None
        record = json.loads((house.inbox / "beach.png.smolwatch.json").read_bytes())
        assert record.items() >= description.record().items()
        assert record["answers"]["caption"] == SAID
        assert SAID in (house.inbox / "beach.png.md").read_text()
    finally:
        house.close()
