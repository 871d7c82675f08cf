"""Fault 20: symbolic links to the outside, in a loop, to nothing, to a folder. Real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for

LINKS = {
    "outside.png": "../../secret/s.png",
    "folder": "../../secret",
    "loop": ".",
    "self.png": "self.png",
    "no.png": "no",
}


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "listed"])
def test_no_link_is_followed_and_each_is_named(intake_home: IntakeHome, tmp_path: Path, watched: bool) -> None:
    inbox = intake_home.inbox
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.png").write_bytes(PNG)
    if watched:
        intake_home.start_and_settle()
    for name, target in LINKS.items():
        (inbox / name).symlink_to(target)
    (inbox / "real.png").write_bytes(PNG + b"real")
    if not watched:
        intake_home.start_and_settle()
    wait_for(lambda: intake_home.queued() == {"real.png"})
    wait_for(lambda: [intake_home.refused(name) for name in LINKS] == ["symlink"] * len(LINKS))
    assert [path for path in intake_home.opened if not path.endswith(b"/real.png")] == []


def test_a_file_that_becomes_a_link_is_no_longer_read(intake_home: IntakeHome, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    intake = intake_home.start_and_settle()
    (intake_home.inbox / "x.png").write_bytes(PNG + b"x")
    wait_for(lambda: intake_home.queued() == {"x.png"})
    (intake_home.inbox / "x.png").unlink()
    (intake_home.inbox / "x.png").symlink_to(tmp_path / "secret.png")
    wait_for(lambda: intake_home.refused("x.png") == "symlink")
    wait_for(lambda: intake.is_idle)
    assert len(intake_home.jobs()) == 1
