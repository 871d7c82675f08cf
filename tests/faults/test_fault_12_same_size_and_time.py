"""Fault 12: a file is rewritten without a trace in its size and time. Real."""

from __future__ import annotations

import os

from PIL import Image

from cli.daemon_commands import rescan
from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for


def test_only_a_comparison_finds_it_and_reports_how_many(home: DaemonHome) -> None:
    for name in ("a.bmp", "b.bmp", "c.bmp"):
        Image.new("RGB", (40 + ord(name[0]), 30), "red").save(home.inbox / name)
    (home.inbox / "notes.txt").write_text("no picture")
    home.start_and_wait()
    wait_for(lambda: list(home.states().values()) == [JobState.DONE] * 3, 30)
    first = home.jobs()["b.bmp"]
    before = (home.inbox / "b.bmp").stat()
    with (home.inbox / "b.bmp").open("r+b") as file:
        file.seek(-30, os.SEEK_END)
        file.write(bytes(30))
    os.utime(home.inbox / "b.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))

    listed = rescan(home.settings, compare=False)
    assert (listed["seen"], listed["compared"]) == (4, 0)
    assert home.jobs()["b.bmp"] == first, "size and time are what is looked at otherwise"

    compared = rescan(home.settings, compare=True)
    assert (compared["seen"], compared["compared"], compared["changed"]) == (4, 3, 1)
    wait_for(lambda: home.jobs()["b.bmp"].id != first.id and home.jobs()["b.bmp"].state is JobState.DONE)
    newest = home.jobs()["b.bmp"]
    assert newest.digest != first.digest
    assert home.notes(newest)[0] == "Admitted: the file's content has changed since it was described."
    assert rescan(home.settings, compare=True)["changed"] == 0
