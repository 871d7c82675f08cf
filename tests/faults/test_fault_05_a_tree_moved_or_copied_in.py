"""Fault 05: a tree of folders is moved or copied in. Real."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for

FOLDERS = ("trip", "trip/one", "trip/one/two", "trip/one/two/three", "trip/other/way")


@pytest.fixture
def tree(tmp_path: Path) -> set[str]:
    """The files of a tree of four levels beside the inbox, by their paths."""
    names = {f"{folder}/{number}.png" for folder in FOLDERS for number in range(20)}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PNG + name.encode())
    return names


def test_a_tree_that_is_moved_in_is_queued_whole(intake_home: IntakeHome, tree: set[str], tmp_path: Path) -> None:
    intake = intake_home.start_and_settle()
    (tmp_path / "trip").rename(intake_home.inbox / "trip")
    wait_for(lambda: intake_home.queued() == tree)
    wait_for(lambda: intake.is_idle)
    (intake_home.inbox / "trip/one/late.png").write_bytes(PNG + b"late")
    wait_for(lambda: "trip/one/late.png" in intake_home.queued())
    assert len(intake_home.jobs()) == len(tree) + 1


def test_a_tree_that_is_copied_in_is_queued_whole(intake_home: IntakeHome, tree: set[str], tmp_path: Path) -> None:
    intake = intake_home.start_and_settle()
    subprocess.run(["cp", "-a", tmp_path / "trip", intake_home.inbox], check=True)
    wait_for(lambda: intake_home.queued() == tree)
    wait_for(lambda: intake.is_idle)
    assert len(intake_home.jobs()) == len(tree)
