"""Fault 28: what smolwatch writes lies in the inbox itself. Real."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_INBOX__SWEEP_SECONDS": "0.5"})
    yield home
    home.close()


def test_no_output_becomes_a_job_or_is_reported(home: DaemonHome) -> None:
    picture = home.inbox / "beach.png"
    Image.new("RGB", (64, 48), "red").save(picture)
    home.start_and_wait()
    wait_for(lambda: home.states() == {"beach.png": JobState.DONE}, 30)
    outputs = {"beach.png.smolwatch.json", "beach.png.md"}
    assert outputs < {file.name for file in home.inbox.iterdir()}
    # Not even where such a name holds a picture: as a temporary file, or as a sidecar that was copied elsewhere.
    shutil.copy(picture, home.inbox / ".sw-0123456789abcdef.tmp")
    (home.inbox / "copies").mkdir()
    for name in outputs:
        shutil.copy(picture, home.inbox / "copies" / name)
    Image.new("RGB", (65, 48), "blue").save(home.inbox / "later.png")
    wait_for(lambda: home.states().get("later.png") is JobState.DONE, 20)
    swept = listed_at(home)
    wait_for(lambda: listed_at(home) != swept)
    assert set(home.states()) == {"beach.png", "later.png"}
    with home.reading() as library:
        for file in home.inbox.rglob("*"):
            assert library.refusal(os.fsencode(file)) is None


def listed_at(home: DaemonHome) -> object:
    with home.reading() as library:
        intake = library.status.intake()
        return intake and intake.last_sweep
