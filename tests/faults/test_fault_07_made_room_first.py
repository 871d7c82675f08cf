"""Fault 07: a file has its full size from the start, and its bytes come later, through memory. Real."""

from __future__ import annotations

import io
import json
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    """Nothing announces what is written through memory: the inbox is listed often."""
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_INBOX__SWEEP_SECONDS": "0.5"})
    yield home
    home.close()


@pytest.fixture
def picture() -> bytes:
    content = io.BytesIO()
    Image.frombytes("RGB", (80, 60), os.urandom(80 * 60 * 3)).save(content, "png")
    return content.getvalue()


def make_room(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def fill(path: Path, content: bytes) -> None:
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[: len(content)] = content


def is_done(home: DaemonHome, name: str) -> bool:
    return home.states().get(name) is JobState.DONE


def test_a_file_without_a_head_is_refused_and_taken_when_it_has_one(home: DaemonHome, picture: bytes) -> None:
    home.start_and_wait()
    path = home.inbox / "room.png"
    make_room(path, len(picture))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:] = bytes(len(picture))  # what is written into the same memory later need not change the file's time
        wait_for(lambda: home.why("room.png").startswith("It starts with zeros only"))
        memory[:] = picture
        wait_for(lambda: is_done(home, "room.png"), 20)
    job = home.jobs()["room.png"]
    assert home.notes(job).count("Described.") == 1


def test_a_file_with_nothing_but_a_head_is_not_given_up_while_it_is_young(home: DaemonHome, picture: bytes) -> None:
    home.start_and_wait()
    path = home.inbox / "half.png"
    make_room(path, len(picture))
    fill(path, picture[:64])
    wait_for(lambda: getattr(home.jobs().get("half.png"), "reason_code", None) == "unreadable", 20)
    job = home.jobs()["half.png"]
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert job.not_before is not None
    fill(path, picture)
    os.utime(path)  # memory that is written gets a new time sooner or later, as the file system likes
    wait_for(lambda: is_done(home, "half.png"), 20)
    record = json.loads((home.inbox / "half.png.smolwatch.json").read_text())
    assert record["file"]["digest"] == home.jobs()["half.png"].digest != job.digest
