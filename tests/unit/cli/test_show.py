from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.description import Quality
from storage.lifecycle import Cause
from storage.sidecars import writer
from storage.sidecars.mirror import mirror_path
from tests.unit.cli.conftest import House, shown


def test_a_job_is_meant_by_number_or_path(house: House) -> None:
    number = house.describe(caption="A lighthouse.")
    for meant in (str(number), str(house.inbox / "beach.jpg"), str(house.inbox / ".." / "inbox" / "beach.jpg")):
        result = house.ask("show", meant)
        assert result.exit_code == 0
        assert "A lighthouse." in result.stdout
        assert "A lighthouse. It is long." in result.stdout


def test_a_path_is_found_from_the_current_folder(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.describe()
    monkeypatch.chdir(house.inbox)
    assert house.ask("show", "beach.jpg").exit_code == 0


def test_a_path_through_a_link_is_the_file_that_it_leads_to(house: House, tmp_path: Path) -> None:
    house.describe()
    (tmp_path / "shortcut").symlink_to(house.inbox)
    assert house.ask("show", str(tmp_path / "shortcut" / "beach.jpg")).exit_code == 0


def test_a_file_named_like_a_number_is_meant_by_its_path(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.describe("other.jpg", b"other", caption="The first job.")
    house.describe("1", b"one", caption="A file named one.")
    monkeypatch.chdir(house.inbox)
    assert "The first job." in house.ask("show", "1").stdout
    assert "A file named one." in house.ask("show", "./1").stdout


@pytest.mark.parametrize("what", ["99", "nowhere.jpg", "99999999999999999999999"])
def test_what_is_not_there_is_not_found(house: House, what: str) -> None:
    house.describe()
    result = house.ask("show", what)
    assert result.exit_code == 3
    assert result.stdout == ""


def test_the_document_is_the_record_and_the_job(house: House) -> None:
    number = house.describe(caption="A lighthouse.")
    shown = json.loads(house.ask("show", str(number), "--json").stdout)
    with house.reading() as library:
        description = library.description(number)
    assert description is not None
    assert {key: value for key, value in shown.items() if key != "job"} == description.record()
    assert shown["job"]["id"] == number
    assert shown["job"]["state"] == "done"


def test_a_failed_file_shows_its_reason(house: House) -> None:
    number = house.queue()
    house.store.fail(house.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    assert "The file is damaged. (unreadable)" in house.ask("show", str(number)).stdout
    shown = json.loads(house.ask("show", str(number), "--json").stdout)
    assert set(shown) == {"job"}
    assert shown["job"]["reason_code"] == "unreadable"


def test_the_models_text_is_neutral(house: House) -> None:
    number = house.describe(caption="\x1b[31m\u202e<script>")
    shown = house.ask("show", str(number)).stdout
    assert not set(shown) & set("\x1b\u202e")
    assert r"\x1b[31m\u202e<script>" in shown


def test_a_suspect_answer_is_explained_and_a_good_one_has_no_line(house: House) -> None:
    doubt = Quality(verdict="suspect", reasons=("caption: loop", "summary: cut-off"))
    number = house.describe(caption="A car, a car, a car", quality=doubt)
    assert "suspect: the caption repeats itself; the summary breaks off" in house.ask("show", str(number)).stdout
    assert json.loads(house.ask("show", str(number), "--json").stdout)["quality"] == {
        "verdict": "suspect",
        "reasons": ["caption: loop", "summary: cut-off"],
    }
    good = house.describe("dune.jpg", b"dune")
    assert "quality" not in house.ask("show", str(good)).stdout


def test_undecodable_names_are_exact_for_programs(house: House) -> None:
    house.describe(b"bad\xff.jpg")
    path = bytes(house.inbox.resolve()) + b"/bad\xff.jpg"
    result = house.ask("show", os.fsdecode(path), "--json")
    assert result.exit_code == 0
    job = json.loads(result.stdout)["job"]
    assert os.fsencode(job["path"]) == path
    assert "path_b64" in job


def test_the_sidecars_are_shown_where_they_are(house: House) -> None:
    number = house.describe()
    with house.reading() as library:
        description = library.description(number)
    assert description is not None
    writer.write(description)
    away = Path(os.fsdecode(mirror_path(house.settings.sidecar_folder, description.path + b".md")))
    away.parent.mkdir(parents=True)
    (house.inbox / "beach.jpg.md").rename(away)
    standing = [str(house.inbox.resolve() / "beach.jpg.smolwatch.json"), str(away)]
    shown = house.ask("show", str(number)).stdout.splitlines()
    assert [line.split()[1] for line in shown if line.startswith("sidecar")] == standing
    document = json.loads(house.ask("show", str(number), "--json").stdout)
    assert [one["path"] for one in document["sidecars"]] == standing


def test_the_half_of_a_live_photo_that_is_set_aside_shows_the_description_of_the_other(house: House) -> None:
    house.queue("IMG_1.MOV", b"moving waves")
    house.store.mark_gone(house.claim(), "The file is no longer there.")
    house.describe_live_photo()
    picture, film = house.inbox / "IMG_1.HEIC", house.inbox / "IMG_1.MOV"
    for half in (picture, film):
        shown = house.ask("show", str(half)).stdout
        assert "A lighthouse." in shown
        assert f"other half  {film.resolve()} (a Live Photo: both are described as one)" in shown
        told = json.loads(house.ask("show", str(half), "--json").stdout)
        assert told["job"]["path"] == str(picture.resolve())
        assert told["live_photo"] == [{"path": str(film.resolve())}]
    film.unlink()
    assert "other half" not in house.ask("show", str(picture)).stdout


def test_a_file_that_is_gone_is_shown_as_gone_with_its_description(house: House) -> None:
    number = house.describe()
    house.store.presence.mark_missing([bytes((house.inbox / "beach.jpg").resolve())])
    told = house.ask("show", str(number)).stdout
    assert f"Gone since {shown(house.clock.now())}; its description is kept" in told
    assert f"finished  {shown(house.clock.now())}" in told
    assert "A beach." in told
    assert json.loads(house.ask("show", str(number), "--json").stdout)["job"]["missing_since"] == "2026-11-24T09:00:00Z"


def test_times_are_local_with_how_long_ago(house: House) -> None:
    house.clock.set_wall(datetime.now(UTC) - timedelta(minutes=3))
    number = house.describe()
    told = house.ask("show", str(number)).stdout
    assert f"queued    {shown(house.clock.now())} (3 min ago)" in told
    assert f"finished  {shown(house.clock.now())} (3 min ago)" in told
    assert "3 min ago" in house.ask("ls").stdout


def test_an_answer_of_several_lines_is_shown_line_by_line(house: House) -> None:
    number = house.describe(caption="NO SWIMMING\nStrong\tcurrents")
    assert "\ncaption\n  NO SWIMMING\n  Strong\\x09currents\n" in house.ask("show", str(number)).stdout
