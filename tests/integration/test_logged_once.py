"""What lasts is logged when it begins and when it is over, not whenever somebody looks. Real."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.intake.sweep_schedule import PAUSE_SECONDS
from storage.lifecycle import JobState
from tests.support.holding import draw
from tests.support.processes import House
from tests.support.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house", {"SMOLWATCH_INBOX__PATH": str(tmp_path / "disk")})
    yield house
    house.close()


def lines(house: House) -> list[str]:
    return (house.settings.log_folder / "smolwatch.log").read_text().splitlines()


def test_an_inbox_that_is_missing_from_the_start_is_said_once_and_so_is_that_it_is_there(house: House) -> None:
    house.start_and_wait()
    wait_for(lambda: house.logged("Inbox missing: waiting for"))
    before = len(lines(house))
    time.sleep(3 * PAUSE_SECONDS)
    assert len(lines(house)) == before
    house.inbox.mkdir()
    draw(house.inbox / "beach.png")
    wait_for(lambda: house.states() == {"beach.png": JobState.DONE}, 30)
    wait_for(lambda: house.logged("The inbox is back after"), 20)
    assert house.logged("Inbox missing") == house.logged("The inbox is back") == 1


def test_an_inbox_that_goes_away_and_comes_back_makes_three_lines(house: House) -> None:
    house.inbox.mkdir()
    house.start_and_wait()
    wait_for(lambda: house.logged("Watching"))
    before = len(lines(house))
    shutil.rmtree(house.inbox)
    time.sleep(3 * PAUSE_SECONDS)
    house.inbox.mkdir()
    wait_for(lambda: house.logged("The inbox is back after"), 20)
    words = [line.split("] ", 1)[1] for line in lines(house)[before:]]
    assert words[0] == f"Inbox missing: waiting for {house.inbox}."
    assert words[1] == "Watching the inbox again: the inbox folder was replaced."
    assert words[2].startswith("The inbox is back after ")
    assert len(words) == 3


def test_a_full_disk_is_said_once_a_process_though_its_room_changes_all_the_time(tmp_path: Path) -> None:
    with closing(House(tmp_path / "house", {"SMOLWATCH_WORK__KEEP_FREE_BYTES": str(10**15)})) as house:
        house.start_and_wait()
        draw(house.inbox / "beach.png")
        until = time.monotonic() + 8
        while time.monotonic() < until:
            (tmp_path / "ballast").write_bytes(bytes(3_000_000 * (1 + int(time.monotonic() * 4) % 5)))
            time.sleep(0.2)
        assert 1 <= house.logged("Disk full") <= 2
