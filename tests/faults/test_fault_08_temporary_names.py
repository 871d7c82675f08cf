"""Fault 08: programs write under a temporary name first. Real."""

from __future__ import annotations

import pytest

from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for

#: The temporary name, and the one that the file gets in the end.
RENAMED = [
    ("beach.png.part", "beach.png"),
    ("Unconfirmed 123.crdownload", "download.png"),
    ("safari.png.download/safari.png", "safari.png"),
    ("draft.tmp", "draft.png"),
    ("~syncthing~cat.png.tmp", "cat.png"),
    (".syncthing.dog.png", "dog.png"),
    (".cloud.png.icloud", "cloud.png"),
]
NEVER = ("._beach.png", ".DS_Store", "Thumbs.db", ".sw-0123456789abcdef.tmp")


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "listed"])
def test_a_file_is_queued_once_under_its_final_name_alone(intake_home: IntakeHome, watched: bool) -> None:
    inbox = intake_home.inbox
    if watched:
        intake_home.start_and_settle()
    for temporary, _ in RENAMED:
        (inbox / temporary).parent.mkdir(exist_ok=True)
        (inbox / temporary).write_bytes(PNG + temporary.encode())
    for name in NEVER:
        (inbox / name).write_bytes(PNG)
    (inbox / "last.png").write_bytes(PNG + b"last")
    if not watched:
        intake_home.start_and_settle()
    wait_for(lambda: intake_home.queued() == {"last.png"})
    for temporary, final in RENAMED:
        (inbox / temporary).rename(inbox / final)
    wait_for(lambda: len(intake_home.queued()) >= len(RENAMED) + 1)
    wait_for(lambda: intake_home.intake.is_idle)
    assert intake_home.queued() == {final for _, final in RENAMED} | {"last.png"}
    assert len(intake_home.jobs()) == len(RENAMED) + 1
