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
from tests.support.publishing_home import PublishingHome


@pytest.fixture
def home(tmp_path: Path) -> Iterator[PublishingHome]:
    home = PublishingHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def home_on_disk(tmp_path: Path) -> Iterator[PublishingHome]:
    """The inbox has a small disk of its own; the home has not."""
    with small_disk(tmp_path / "disk", 256 * 1024) as disk:
        home = PublishingHome(tmp_path / "home", disk)
        yield home
        home.close()


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_full_disk_makes_the_sidecars_wait_and_they_are_written_when_there_is_room(
    home_on_disk: PublishingHome,
) -> None:
    home = home_on_disk
    path = home.drop("beach.png")
    ballast = fill(home.inbox)
    home.work()
    job = home.job(path)
    assert (job.state, job.reason_code) == (JobState.PUBLISHING, "disk-full")
    assert job.reason == f"Sidecars pending. The disk is full: {home.inbox}"
    assert home.description(path).answers["caption"] == "A beach."
    assert names(home.inbox) == {"beach.png", ballast.name}
    assert "Sidecars pending. The disk is full" in home.invoke("status").stdout
    for _ in range(5):
        home.clock.advance(60)
        home.work("Something else.")
    assert home.story(path).count("Described.") == 1
    ballast.unlink()
    home.clock.advance(60)
    home.work("Something else.")
    assert home.job(path).state is JobState.DONE
    assert "A beach." in (home.inbox / "beach.png.md").read_text()
    assert names(home.inbox) == {"beach.png", "beach.png.md", "beach.png.smolwatch.json"}


def test_sidecars_of_a_read_only_disk_stand_in_the_home_and_are_not_doubled_later(
    home_on_disk: PublishingHome,
) -> None:
    home = home_on_disk
    path = home.drop("beach.png")
    make_read_only(home.inbox)
    home.work()
    away = Path(f"{home.mirror}{home.inbox}")
    assert home.job(path).state is JobState.DONE
    assert names(away) == {"beach.png.md", "beach.png.smolwatch.json"}
    assert (
        f"its folder is not writable, so it was saved at {away}/beach.png.md"
        in home.invoke("why", path.decode()).stdout
    )
    assert f"{away}/beach.png.smolwatch.json" in home.invoke("show", path.decode()).stdout
    assert f"they are below {home.mirror}" in home.invoke("status").stdout
    make_writable(home.inbox)
    home.store.requeue(home.job(path).id)
    home.work("Dunes.")
    assert "Dunes." in (home.inbox / "beach.png.md").read_text()
    assert not home.mirror.exists()


def test_with_no_place_to_write_at_all_the_sidecars_wait(home_on_disk: PublishingHome) -> None:
    home = home_on_disk
    path = home.drop("beach.png")
    make_read_only(home.inbox)
    home.mirror.write_text("a file where the mirror's folder would be")
    home.work()
    assert home.job(path).state is JobState.PUBLISHING
    home.mirror.unlink()
    home.clock.advance(60)
    home.work()
    assert home.job(path).state is JobState.DONE


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
    home: PublishingHome, tmp_path: Path, in_the_way: Callable[[Path, Path], None], suffix: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not touch")
    place = home.inbox / f"beach.png{suffix}"
    in_the_way(place, secret)
    before = file_state(place), file_state(secret), secret.read_bytes()
    path = home.drop("beach.png")
    home.work()
    assert (file_state(place), file_state(secret), secret.read_bytes()) == before
    assert not (tmp_path / "nowhere").exists()
    job = home.job(path)
    assert job.state is JobState.DONE
    why = "a link already exists" if place.is_symlink() else ""
    assert home.story(path)[-1].startswith(f"beach.png{suffix} was not written: {why}")
    assert home.description(path).answers["caption"] == "A beach."
    (other,) = {".md", ".smolwatch.json"} - {suffix}
    assert "A beach." in (home.inbox / f"beach.png{other}").read_text()
    assert not list(home.inbox.glob(".sw-*"))


def test_a_link_in_the_place_of_the_files_folder_is_not_followed(home: PublishingHome, tmp_path: Path) -> None:
    (home.inbox / "album").mkdir()
    path = home.drop("album/beach.png")

    write = home.write

    def write_after_the_swap(
        description: Description, changed_from: ChangedFrom, unsynced: set[bytes]
    ) -> list[KeptSidecar]:
        (home.inbox / "album").rename(tmp_path / "elsewhere")
        (home.inbox / "album").symlink_to(tmp_path / "elsewhere")
        home.write = write
        return write(description, changed_from, unsynced)

    home.write = write_after_the_swap
    home.work()
    assert names(tmp_path / "elsewhere") == {"beach.png"}
    assert home.job(path).state is JobState.PUBLISHING
    (home.inbox / "album").unlink()
    (tmp_path / "elsewhere").rename(home.inbox / "album")
    home.clock.advance(60)
    home.work()
    assert home.job(path).state is JobState.DONE
    record = json.loads((home.inbox / "album" / "beach.png.smolwatch.json").read_text())
    assert record["answers"]["caption"] == "A beach."
