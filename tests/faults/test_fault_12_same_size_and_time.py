"""Fault 12: a file is rewritten without a trace in its size and time. Real."""

from __future__ import annotations

import os

from PIL import Image

from cli.daemon_commands import rescan
from storage.lifecycle import JobState
from tests.support.processes import House
from tests.support.waiting import wait_for


def test_only_a_comparison_finds_it_and_tells_how_many(house: House) -> None:
    for name in ("a.bmp", "b.bmp", "c.bmp"):
        Image.new("RGB", (40 + ord(name[0]), 30), "red").save(house.inbox / name)
    (house.inbox / "notes.txt").write_text("no picture")
    house.start_and_wait()
    wait_for(lambda: list(house.states().values()) == [JobState.DONE] * 3, 30)
    first = house.jobs()["b.bmp"]
    before = (house.inbox / "b.bmp").stat()
    with (house.inbox / "b.bmp").open("r+b") as file:
        file.seek(-30, os.SEEK_END)
        file.write(bytes(30))
    os.utime(house.inbox / "b.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))

    listed = rescan(house.settings, compare=False)
    assert (listed["seen"], listed["compared"]) == (4, 0)
    assert house.jobs()["b.bmp"] == first, "size and time are what is looked at otherwise"

    compared = rescan(house.settings, compare=True)
    assert (compared["seen"], compared["compared"], compared["changed"]) == (4, 3, 1)
    wait_for(lambda: house.jobs()["b.bmp"].id != first.id and house.jobs()["b.bmp"].state is JobState.DONE)
    newest = house.jobs()["b.bmp"]
    assert newest.digest != first.digest
    assert house.notes(newest)[0] == "Admitted: the file's content has changed since it was described."
    assert rescan(house.settings, compare=True)["changed"] == 0
