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
from tests.support.checkout import ROOT
from tests.support.media.media_files import save_image, some_image
from tests.support.processes import DaemonHome
from tests.support.publishing_home import PublishingHome

ANSWER = "The killed process described it."


#: Where the process dies, and how many files it then leaves beside the picture.
PLACES = {"published": 0, "temporary-written": 1, "temporary-written:2": 2, "sidecars-written": 2}


def publish(folder: str) -> None:
    """In the process that dies."""
    home = PublishingHome(Path(folder))
    home.drop("beach.png", (home.settings.home / "beach.png").read_bytes())
    home.work(ANSWER)


@pytest.mark.parametrize("place", PLACES)
def test_a_description_is_published_once_and_never_generated_again(tmp_path: Path, place: str) -> None:
    home = DaemonHome(tmp_path / "home")
    try:
        save_image(home.settings.home / "beach.png", some_image())
        call = f"from {__name__} import publish; publish({str(home.settings.home)!r})"
        environ = {**home.environ, VARIABLE: place}
        killed = subprocess.run([sys.executable, "-c", call], cwd=ROOT, env=environ, check=False, timeout=30)
        assert killed.returncode == -signal.SIGKILL
        assert home.states() == {"beach.png": JobState.PUBLISHING}
        assert len(list(home.inbox.iterdir())) == 1 + PLACES[place]
        assert home.start("--once").wait(timeout=40) == 0
        assert home.states() == {"beach.png": JobState.DONE}
        job = home.jobs()["beach.png"]
        assert home.notes(job).count("Described.") == 1
        names = {file.name for file in home.inbox.iterdir()}
        assert names == {"beach.png", "beach.png.md", "beach.png.smolwatch.json"}, "nothing half-written is left"
        with home.reading() as library:
            description = library.description(job.id)
        assert description is not None
        record = json.loads((home.inbox / "beach.png.smolwatch.json").read_bytes())
        assert record.items() >= description.record().items()
        assert record["answers"]["caption"] == ANSWER
        assert ANSWER in (home.inbox / "beach.png.md").read_text()
    finally:
        home.close()
