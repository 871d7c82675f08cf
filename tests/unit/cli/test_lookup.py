"""Which file is meant by what is typed after show, why and retry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.records import Refusal
from storage.sidecars.names import sidecar_name
from tests.unit.cli.conftest import CliHome


@pytest.fixture
def album(home: CliHome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliHome:
    """Two folders with a picture of one name each, and one more; the current folder is elsewhere."""
    for folder in ("photos", "phone"):
        (home.inbox / folder).mkdir()
        home.describe(f"{folder}/IMG_1.jpg", folder.encode(), caption=f"Of the folder {folder}.")
    home.describe("photos/lighthouse.jpg", b"light", caption="A lighthouse.")
    monkeypatch.chdir(tmp_path)
    return home


@pytest.mark.parametrize(
    "text",
    [
        "photos/lighthouse.jpg",
        "./photos/lighthouse.jpg",
        "lighthouse.jpg",
        "lighthouse.jpg.md",
        "lighthouse.jpg.smolwatch.json",
        "photos/lighthouse.jpg.md",
        "phone/../photos/lighthouse.jpg",
    ],
)
@pytest.mark.parametrize("command", ["show", "why", "retry"])
def test_a_file_is_found_by_its_name_its_path_below_the_inbox_or_its_sidecar(
    album: CliHome, command: str, text: str
) -> None:
    result = album.invoke(command, text)
    assert result.exit_code == 0
    assert "lighthouse" in result.stdout


@pytest.mark.parametrize("place", ["inbox", "mirror"])
def test_a_sidecar_is_found_by_its_own_path(album: CliHome, place: str) -> None:
    path = album.inbox.resolve() / "photos" / "lighthouse.jpg.md"
    text = str(path) if place == "inbox" else f"{album.settings.sidecar_folder}{path}"
    for command in ("show", "why", "retry"):
        assert "lighthouse.jpg" in album.invoke(command, text).stdout


def test_a_sidecar_whose_name_had_to_lose_its_middle_is_its_files(album: CliHome) -> None:
    name = b"a" * 251 + b".jpg"
    album.describe(name, b"long", caption="A long name.")
    sidecar = sidecar_name(name, b".md").decode()
    assert "~" in sidecar
    assert "A long name." in album.invoke("show", sidecar).stdout


@pytest.mark.parametrize("command", ["show", "why", "retry"])
def test_several_files_of_one_name_are_listed_with_what_to_type(album: CliHome, command: str) -> None:
    result = album.invoke(command, "IMG_1.jpg")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "smolwatch: 2 files are named IMG_1.jpg:",
        "    phone/IMG_1.jpg",
        "    photos/IMG_1.jpg",
        f"  Type more of the path: smolwatch {command} phone/IMG_1.jpg",
    ]


def test_of_a_file_that_was_moved_by_copying_the_copy_is_shown(album: CliHome) -> None:
    (album.inbox / "phone" / "IMG_1.jpg").unlink()
    assert "Of the folder photos." in album.invoke("show", "IMG_1.jpg").stdout
    assert "Of the folder phone." in album.invoke("show", "phone/IMG_1.jpg").stdout


@pytest.mark.parametrize("command", ["show", "why", "retry"])
@pytest.mark.parametrize("text", ["lighthous.jpg", "Lighthouse.JPG", "lighthouse", "photo/lighthouse.jpg"])
def test_a_near_miss_is_suggested(album: CliHome, command: str, text: str) -> None:
    result = album.invoke(command, text)
    assert result.exit_code == 3
    assert f"Did you mean: smolwatch {command} photos/lighthouse.jpg" in result.stderr


def test_a_name_that_is_like_no_other_is_not_guessed(album: CliHome) -> None:
    result = album.invoke("show", "zebra.png")
    assert "Did you mean" not in result.stderr
    assert "smolwatch why PATH" in result.stderr


def test_a_file_in_the_current_folder_is_meant_before_one_of_that_name_in_the_inbox(
    album: CliHome, tmp_path: Path
) -> None:
    (tmp_path / "lighthouse.jpg").write_bytes(b"another")
    assert "Not in the inbox" in album.invoke("why", "lighthouse.jpg").stdout


@pytest.mark.parametrize("command", ["show", "why"])
def test_an_error_is_a_document_too(album: CliHome, command: str) -> None:
    result = album.invoke(command, "zebra.png", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["exit_code"]) == (3, 3)
    assert "zebra.png" in document["error"]
    assert "zebra.png" in result.stderr


@pytest.mark.parametrize("command", ["show", "retry"])
def test_a_file_that_was_not_admitted_has_no_job_but_a_reason(album: CliHome, command: str) -> None:
    song = album.drop("photos/song.mp3", b"la la")
    album.store.refuse(Refusal(path=song.path, code="not-allowed", kind="mp3", reason="", at=album.clock.now()))
    result = album.invoke(command, "song.mp3")
    assert result.exit_code == 3
    assert "It was not admitted. To see the reason: smolwatch why photos/song.mp3" in result.stderr
    assert "MP3" in album.invoke("why", "song.mp3").stdout
