"""Fault 18: names that differ in the way their accents are written, and names that are no text. Real."""

from __future__ import annotations

import json
import os

from PIL import Image

from storage.lifecycle import JobState
from tests.support.disk_names import that_can_be_named
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for

NAMES = {b"caf\xc3\xa9.png": "red", b"cafe\xcc\x81.png": "green", b"bad\xff.png": "blue"}


def test_each_has_a_job_and_sidecars_under_its_very_bytes(home: DaemonHome) -> None:
    inbox = os.fsencode(home.inbox.resolve())
    names = that_can_be_named(home.inbox, list(NAMES))  # a Mac's disk takes but one of them
    for number, name in enumerate(names):
        with open(os.path.join(inbox, name), "wb") as file:  # noqa: PTH123 - a path of bytes
            Image.new("RGB", (40 + number, 30), NAMES[name]).save(file, "png")
    home.start_and_wait()
    wait_for(lambda: list(home.states().values()) == [JobState.DONE] * len(names), 30)
    assert {job.path for job in home.jobs().values()} == {os.path.join(inbox, name) for name in names}
    for number, name in enumerate(names):
        with open(os.path.join(inbox, name + b".smolwatch.json"), "rb") as file:  # noqa: PTH123
            record = json.load(file)
        assert os.fsencode(record["file"]["name"]) == name
        assert record["media"]["width"] == 40 + number
        assert os.path.exists(os.path.join(inbox, name + b".md"))
