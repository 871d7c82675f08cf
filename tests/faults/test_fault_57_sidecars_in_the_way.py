"""Fault 57: sidecar: disk full, read-only folder, a folder, link or somebody's file in its place. Real.

Disks are real and small (root on Linux); only the pauses between two tries are not waited for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.description import Description
from storage.lifecycle import JobState
from storage.sidecars.conflict_copy import ChangedFrom
from storage.sidecars.writer import KeptSidecar
from tests.support.disks import fill, make_read_only, make_writable, small_disk
from tests.support.files import file_state
from tests.support.publishing_home import PublishingHouse


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PublishingHouse]:
    house = PublishingHouse(tmp_path / "home")
    yield house
    house.close()


@pytest.fixture
def house_on_disk(tmp_path: Path) -> Iterator[PublishingHouse]:
    """The inbox has a small disk of its own; the home has not."""
    with small_disk(tmp_path / "disk", 256 * 1024) as disk:
        house = PublishingHouse(tmp_path / "home", disk)
        yield house
        house.close()


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_full_disk_makes_the_sidecars_wait_and_they_are_written_when_there_is_room(
    house_on_disk: PublishingHouse,
) -> None:
    house = house_on_disk
    path = house.drop("beach.png")
    ballast = fill(house.inbox)
    house.work()
    job = house.job(path)
    assert (job.state, job.reason_code) == (JobState.PUBLISHING, "disk-full")
    assert job.reason == f"Sidecars pending. The disk is full: {house.inbox}"
    assert house.description(path).answers["caption"] == "A beach."
    assert names(house.inbox) == {"beach.png", ballast.name}
    assert "Sidecars pending. The disk is full" in house.ask("status").stdout
    for _ in range(5):
        house.clock.advance(60)
        house.work("Something else.")
    assert house.story(path).count("Described.") == 1
    ballast.unlink()
    house.clock.advance(60)
    house.work("Something else.")
    assert house.job(path).state is JobState.DONE
    assert "A beach." in (house.inbox / "beach.png.md").read_text()
    assert names(house.inbox) == {"beach.png", "beach.png.md", "beach.png.smolwatch.json"}


def test_sidecars_of_a_read_only_disk_stand_in_the_home_and_are_not_doubled_later(
    house_on_disk: PublishingHouse,
) -> None:
    house = house_on_disk
    path = house.drop("beach.png")
    make_read_only(house.inbox)
    house.work()
    away = Path(f"{house.mirror}{house.inbox}")
    assert house.job(path).state is JobState.DONE
    assert names(away) == {"beach.png.md", "beach.png.smolwatch.json"}
    assert (
        f"its folder is not writable, so it was saved at {away}/beach.png.md" in house.ask("why", path.decode()).stdout
    )
    assert f"{away}/beach.png.smolwatch.json" in house.ask("show", path.decode()).stdout
    assert f"they are below {house.mirror}" in house.ask("status").stdout
    make_writable(house.inbox)
    house.store.requeue(house.job(path).id)
    house.work("Dunes.")
    assert "Dunes." in (house.inbox / "beach.png.md").read_text()
    assert not house.mirror.exists()


def test_with_no_place_to_write_at_all_the_sidecars_wait(house_on_disk: PublishingHouse) -> None:
    house = house_on_disk
    path = house.drop("beach.png")
    make_read_only(house.inbox)
    house.mirror.write_text("a file where the mirror's folder would be")
    house.work()
    assert house.job(path).state is JobState.PUBLISHING
    house.mirror.unlink()
    house.clock.advance(60)
    house.work()
    assert house.job(path).state is JobState.DONE


def folder(place: Path, secret: Path) -> None:
    place.mkdir()
    (place / "mine").write_text("mine")


def link(place: Path, secret: Path) -> None:
    place.symlink_to(secret)


def link_to_one_of_ours(place: Path, secret: Path) -> None:
    secret.write_text("<!-- smolwatch 1 -->\n" if place.suffix == ".md" else '{"schema": 1, "smolwatch": "0.1.0"}')
    place.symlink_to(secret)


def dangling(place: Path, secret: Path) -> None:
    place.symlink_to(secret.with_name("nowhere"))


def pipe(place: Path, secret: Path) -> None:
    os.mkfifo(place)


def own_file(place: Path, secret: Path) -> None:
    place.write_text('{"smolwatch": "my own notes on it"}')


def hard_link(place: Path, secret: Path) -> None:
    place.hardlink_to(secret)


@pytest.mark.parametrize("in_the_way", [folder, link, link_to_one_of_ours, dangling, pipe, own_file, hard_link])
@pytest.mark.parametrize("suffix", [".md", ".smolwatch.json"])
def test_what_stands_in_a_sidecars_place_is_neither_overwritten_nor_followed(
    house: PublishingHouse, tmp_path: Path, in_the_way: Callable[[Path, Path], None], suffix: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not touch")
    place = house.inbox / f"beach.png{suffix}"
    in_the_way(place, secret)
    before = file_state(place), file_state(secret), secret.read_bytes()
    path = house.drop("beach.png")
    house.work()
    assert (file_state(place), file_state(secret), secret.read_bytes()) == before
    assert not (tmp_path / "nowhere").exists()
    job = house.job(path)
    assert job.state is JobState.DONE
    why = "a link already exists" if place.is_symlink() else ""
    assert house.story(path)[-1].startswith(f"beach.png{suffix} was not written: {why}")
    assert house.description(path).answers["caption"] == "A beach."
    (other,) = {".md", ".smolwatch.json"} - {suffix}
    assert "A beach." in (house.inbox / f"beach.png{other}").read_text()
    assert not list(house.inbox.glob(".sw-*"))


def test_a_link_in_the_place_of_the_files_folder_is_not_followed(house: PublishingHouse, tmp_path: Path) -> None:
    (house.inbox / "album").mkdir()
    path = house.drop("album/beach.png")

    write = house.write

    def write_after_the_swap(
        description: Description, changed_from: ChangedFrom, unsynced: set[bytes]
    ) -> list[KeptSidecar]:
        (house.inbox / "album").rename(tmp_path / "elsewhere")
        (house.inbox / "album").symlink_to(tmp_path / "elsewhere")
        house.write = write
        return write(description, changed_from, unsynced)

    house.write = write_after_the_swap
    house.work()
    assert names(tmp_path / "elsewhere") == {"beach.png"}
    assert house.job(path).state is JobState.PUBLISHING
    (house.inbox / "album").unlink()
    (tmp_path / "elsewhere").rename(house.inbox / "album")
    house.clock.advance(60)
    house.work()
    assert house.job(path).state is JobState.DONE
    record = json.loads((house.inbox / "album" / "beach.png.smolwatch.json").read_text())
    assert record["answers"]["caption"] == "A beach."
