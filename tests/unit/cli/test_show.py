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
from tests.unit.cli.conftest import CliHome, shown


def test_a_job_is_meant_by_number_or_path(home: CliHome) -> None:
    number = home.describe(caption="A lighthouse.")
    for meant in (str(number), str(home.inbox / "beach.jpg"), str(home.inbox / ".." / "inbox" / "beach.jpg")):
        result = home.invoke("show", meant)
        assert result.exit_code == 0
        assert "A lighthouse." in result.stdout
        assert "A lighthouse. It is long." in result.stdout


def test_a_path_is_found_from_the_current_folder(home: CliHome, monkeypatch: pytest.MonkeyPatch) -> None:
    home.describe()
    monkeypatch.chdir(home.inbox)
    assert home.invoke("show", "beach.jpg").exit_code == 0


def test_a_path_through_a_link_is_the_file_that_it_leads_to(home: CliHome, tmp_path: Path) -> None:
    home.describe()
    (tmp_path / "shortcut").symlink_to(home.inbox)
    assert home.invoke("show", str(tmp_path / "shortcut" / "beach.jpg")).exit_code == 0


def test_a_file_named_like_a_number_is_meant_by_its_path(home: CliHome, monkeypatch: pytest.MonkeyPatch) -> None:
    home.describe("other.jpg", b"other", caption="The first job.")
    home.describe("1", b"one", caption="A file named one.")
    monkeypatch.chdir(home.inbox)
    assert "The first job." in home.invoke("show", "1").stdout
    assert "A file named one." in home.invoke("show", "./1").stdout


@pytest.mark.parametrize("what", ["99", "nowhere.jpg", "99999999999999999999999"])
def test_what_is_not_there_is_not_found(home: CliHome, what: str) -> None:
    home.describe()
    result = home.invoke("show", what)
    assert result.exit_code == 3
    assert result.stdout == ""


def test_the_document_is_the_record_and_the_job(home: CliHome) -> None:
    number = home.describe(caption="A lighthouse.")
    shown = json.loads(home.invoke("show", str(number), "--json").stdout)
    with home.reading() as library:
        description = library.description(number)
    assert description is not None
    assert {key: value for key, value in shown.items() if key != "job"} == description.record()
    assert shown["job"]["id"] == number
    assert shown["job"]["state"] == "done"


def test_a_failed_file_shows_its_reason(home: CliHome) -> None:
    number = home.queue()
    home.store.fail(home.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    assert "The file is damaged. (unreadable)" in home.invoke("show", str(number)).stdout
    shown = json.loads(home.invoke("show", str(number), "--json").stdout)
    assert set(shown) == {"job"}
    assert shown["job"]["reason_code"] == "unreadable"


def test_the_models_text_is_neutral(home: CliHome) -> None:
    number = home.describe(caption="\x1b[31m\u202e<script>")
    shown = home.invoke("show", str(number)).stdout
    assert not set(shown) & set("\x1b\u202e")
    assert r"\x1b[31m\u202e<script>" in shown


def test_a_suspect_answer_is_explained_and_a_good_one_has_no_line(home: CliHome) -> None:
    doubt = Quality(verdict="suspect", reasons=("caption: loop", "summary: cut-off"))
    number = home.describe(caption="A car, a car, a car", quality=doubt)
    assert "suspect: the caption repeats itself; the summary breaks off" in home.invoke("show", str(number)).stdout
    assert json.loads(home.invoke("show", str(number), "--json").stdout)["quality"] == {
        "verdict": "suspect",
        "reasons": ["caption: loop", "summary: cut-off"],
    }
    good = home.describe("dune.jpg", b"dune")
    assert "quality" not in home.invoke("show", str(good)).stdout


def test_undecodable_names_are_exact_for_programs(home: CliHome) -> None:
    home.describe(b"bad\xff.jpg")
    path = bytes(home.inbox.resolve()) + b"/bad\xff.jpg"
    result = home.invoke("show", os.fsdecode(path), "--json")
    assert result.exit_code == 0
    job = json.loads(result.stdout)["job"]
    assert os.fsencode(job["path"]) == path
    assert "path_b64" in job


def test_the_sidecars_are_shown_where_they_are(home: CliHome) -> None:
    number = home.describe()
    with home.reading() as library:
        description = library.description(number)
    assert description is not None
    writer.write(description)
    away = Path(os.fsdecode(mirror_path(home.settings.sidecar_folder, description.path + b".md")))
    away.parent.mkdir(parents=True)
    (home.inbox / "beach.jpg.md").rename(away)
    standing = [str(home.inbox.resolve() / "beach.jpg.smolwatch.json"), str(away)]
    shown = home.invoke("show", str(number)).stdout.splitlines()
    assert [line.split()[1] for line in shown if line.startswith("sidecar")] == standing
    document = json.loads(home.invoke("show", str(number), "--json").stdout)
    assert [one["path"] for one in document["sidecars"]] == standing


def test_the_half_of_a_live_photo_that_is_set_aside_shows_the_description_of_the_other(home: CliHome) -> None:
    home.queue("IMG_1.MOV", b"moving waves")
    home.store.mark_gone(home.claim(), "The file is no longer there.")
    home.describe_live_photo()
    picture, film = home.inbox / "IMG_1.HEIC", home.inbox / "IMG_1.MOV"
    for half in (picture, film):
        shown = home.invoke("show", str(half)).stdout
        assert "A lighthouse." in shown
        assert f"other half  {film.resolve()} (a Live Photo: both are described as one)" in shown
        output = json.loads(home.invoke("show", str(half), "--json").stdout)
        assert output["job"]["path"] == str(picture.resolve())
        assert output["live_photo"] == [{"path": str(film.resolve())}]
    film.unlink()
    assert "other half" not in home.invoke("show", str(picture)).stdout


def test_a_file_that_is_gone_is_shown_as_gone_with_its_description(home: CliHome) -> None:
    number = home.describe()
    home.store.presence.mark_missing([bytes((home.inbox / "beach.jpg").resolve())])
    output = home.invoke("show", str(number)).stdout
    assert f"Gone since {shown(home.clock.now())}; its description is kept" in output
    assert f"finished  {shown(home.clock.now())}" in output
    assert "A beach." in output
    assert (
        json.loads(home.invoke("show", str(number), "--json").stdout)["job"]["missing_since"] == "2026-11-24T09:00:00Z"
    )


def test_times_are_local_with_how_long_ago(home: CliHome) -> None:
    home.clock.set_wall(datetime.now(UTC) - timedelta(minutes=3))
    number = home.describe()
    output = home.invoke("show", str(number)).stdout
    assert f"queued    {shown(home.clock.now())} (3 min ago)" in output
    assert f"finished  {shown(home.clock.now())} (3 min ago)" in output
    assert "3 min ago" in home.invoke("ls").stdout


def test_an_answer_of_several_lines_is_shown_line_by_line(home: CliHome) -> None:
    number = home.describe(caption="NO SWIMMING\nStrong\tcurrents")
    assert "\ncaption\n  NO SWIMMING\n  Strong\\x09currents\n" in home.invoke("show", str(number)).stdout
