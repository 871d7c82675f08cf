from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.advice import RETRIED
from config.load import load_settings, prepare_home
from daemon.lock import HomeLock
from storage.lifecycle import Cause
from storage.records import Refusal
from storage.status.values import EngineStatus
from tests.support.intake_home import PNG
from tests.unit.cli.conftest import House, shown


def asked(house: House, path: str) -> dict[str, Any]:
    result = house.ask("why", path, "--json")
    assert result.exit_code == 0
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def says(told: dict[str, Any]) -> dict[str, str]:
    return {step["step"]: step["says"] for step in told["chain"]}


def refused(house: House, name: str, code: str, reason: str, kind: str | None = None) -> None:
    path = house.drop(name).path
    house.store.refuse(Refusal(path=path, code=code, reason=reason, kind=kind, at=house.clock.now()))


def test_a_refusal_is_shown_with_code_reason_and_time(house: House) -> None:
    refused(house, "notes.txt", "not-allowed", "Not a picture or video that smolwatch knows.")
    result = house.ask("why", str(house.inbox / "notes.txt"))
    assert result.exit_code == 0
    moment = shown(house.clock.now(), with_seconds=True)
    assert f"{moment}  Not a picture or video that smolwatch knows. (not-allowed)" in result.stdout
    told = asked(house, str(house.inbox / "notes.txt"))
    assert told["refusal"] == {
        "code": "not-allowed",
        "reason": "Not a picture or video that smolwatch knows.",
        "at": "2026-11-24T09:00:00Z",
    }


def test_a_failed_job_is_shown_event_by_event_with_what_to_do(house: House) -> None:
    number = house.queue()
    house.clock.advance(60)
    house.store.fail(house.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    told = asked(house, str(house.inbox / "beach.jpg"))
    assert [(event.get("before"), event["after"]) for event in told["events"]] == [
        (None, "queued"),
        ("queued", "running"),
        ("running", "failed"),
    ]
    assert [event["at"] for event in told["events"]][::2] == ["2026-11-24T09:00:00Z", "2026-11-24T09:01:00Z"]
    assert "The file is damaged. (unreadable)" in says(told)["now"]
    assert told["job"]["id"] == number
    assert "undamaged copy" in told["advice"]
    assert "smolwatch retry" not in told["advice"], "the same bytes would fail again"


def test_a_file_that_is_done_points_to_show(house: House) -> None:
    number = house.describe()
    assert f"smolwatch show {number}" in asked(house, str(house.inbox / "beach.jpg"))["advice"]


def test_a_waiting_file_names_the_missing_daemon(house: House) -> None:
    house.queue()
    assert "smolwatch run" in asked(house, str(house.inbox / "beach.jpg"))["advice"]


def test_a_waiting_file_names_the_missing_weights(house: House) -> None:
    house.queue()
    advice = "Fetch them with: smolwatch model pull"
    house.board.post(EngineStatus(state="unavailable", reason="No weights.", advice=advice))
    with HomeLock(house.settings.lock_file):
        assert advice in asked(house, str(house.inbox / "beach.jpg"))["advice"]


def test_a_postponed_file_shows_its_next_try(house: House) -> None:
    house.queue()
    claim = house.claim()
    later = house.clock.now().replace(hour=10, second=0)
    house.store.retry_later(claim, code="decoder-hung", reason="Too slow.", cause=Cause.TRANSIENT, not_before=later)
    with HomeLock(house.settings.lock_file):
        told = asked(house, str(house.inbox / "beach.jpg"))
    assert told["advice"] == "No action needed: it is retried after 2026-11-24T10:00:00Z."
    with HomeLock(house.settings.lock_file):
        assert f"it is retried after {shown(later)}" in house.ask("why", "beach.jpg").stdout
    assert told["job"]["not_before"] == "2026-11-24T10:00:00Z"


def test_an_ignored_name_names_the_rule(house: House) -> None:
    house.drop("beach.jpg.part")
    told = asked(house, str(house.inbox / "beach.jpg.part"))
    assert "'*.part'" in says(told)["rules"]
    assert str(house.settings.config_file) in told["advice"]


def test_a_file_in_a_folder_that_is_not_entered_names_the_folder_and_what_allows_it(house: House) -> None:
    (house.inbox / "thumbs").mkdir()
    house.drop("thumbs/beach.jpg")
    for name in ("thumbs/beach.jpg", "thumbs"):
        told = asked(house, str(house.inbox / name))
        assert says(told)["rules"] == "In “thumbs”, a folder of thumbnails; such folders are not searched."
        assert 'inbox.ignore_folders = ["!thumbs"]' in told["advice"]


def test_a_file_elsewhere_is_not_in_the_inbox(house: House, tmp_path: Path) -> None:
    (tmp_path / "beach.jpg").write_bytes(PNG)
    told = asked(house, str(tmp_path / "beach.jpg"))
    assert told["in_inbox"] is False
    assert "Not in the inbox" in says(told)["inbox"]
    assert str(house.inbox) in told["advice"]


def test_a_link_is_distinguished_from_its_target(house: House) -> None:
    house.drop("real.jpg")
    (house.inbox / "link.jpg").symlink_to(house.inbox / "real.jpg")
    told = asked(house, str(house.inbox / "link.jpg"))
    assert "symbolic link" in says(told)["file"]
    assert told["advice"] == "Put the file itself into the inbox."


def test_an_unseen_file_waits_for_a_daemon_or_the_sweep(house: House) -> None:
    house.drop("new.jpg", PNG)
    assert not house.store.pending.has_any()
    assert "smolwatch run" in asked(house, str(house.inbox / "new.jpg"))["advice"]
    with HomeLock(house.settings.lock_file):
        assert "300 s" in asked(house, str(house.inbox / "new.jpg"))["advice"]


def test_before_the_first_start_the_disk_is_still_read(house: House) -> None:
    house.drop("new.jpg", PNG)
    assert not house.settings.database_file.exists()
    told = asked(house, str(house.inbox / "new.jpg"))
    assert (told["exists"], told["in_inbox"]) == (True, True)
    assert "smolwatch run" in told["advice"]


def test_a_file_that_left_is_still_known(house: House) -> None:
    house.describe()
    (house.inbox / "beach.jpg").unlink()
    told = asked(house, str(house.inbox / "beach.jpg"))
    assert told["exists"] is False
    assert says(told)["file"] == "It does not exist."
    assert told["advice"] == "It is gone; its description is kept: smolwatch show 1"


def test_what_never_was_is_not_found(house: House) -> None:
    result = house.ask("why", str(house.inbox / "nowhere.jpg"))
    assert result.exit_code == 3
    assert result.stdout == ""


def test_a_linked_inbox_is_the_inbox(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    settings = load_settings(home=tmp_path / "link" / "home", environ={})
    prepare_home(settings)
    house = House(settings)
    house.drop("beach.jpg")
    for way in ("link", "disk"):
        assert asked(house, str(tmp_path / way / "home" / "inbox" / "beach.jpg"))["in_inbox"] is True


def test_hostile_names_are_neutral(house: House) -> None:
    house.queue(b"\x1b[2J\n\xff.jpg")
    path = bytes(house.inbox.resolve()) + b"/\x1b[2J\n\xff.jpg"
    result = house.ask("why", path.decode("utf-8", "surrogateescape"))
    assert result.exit_code == 0
    assert r"\x1b[2J\x0a\xff.jpg" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_file_that_is_not_downloaded_is_known_by_its_own_name(house: House) -> None:
    refused(house, ".beach.jpg.icloud", "not-downloaded", "Waiting: not downloaded.")
    told = asked(house, str(house.inbox / "beach.jpg"))
    assert told["refusal"]["code"] == "not-downloaded"
    assert "download" in told["advice"]


def test_a_job_that_waits_for_the_machine_shows_what_to_fix(house: House) -> None:
    house.queue()
    later = house.clock.now() + timedelta(seconds=60)
    reason = "Reading the file is not permitted. Check its permissions."
    house.store.wait(house.claim(), code="no-access", reason=reason, cause=Cause.ENVIRONMENT, not_before=later)
    with HomeLock(house.settings.lock_file):
        told = asked(house, str(house.inbox / "beach.jpg"))
    assert reason in says(told)["now"]
    assert told["advice"] == "Fix what its reason names; it is retried automatically after 2026-11-24T09:01:00Z."


def test_a_foreign_file_is_named_with_what_can_be_done_about_it(house: House) -> None:
    refused(house, "art.psd", "not-allowed", "", kind="psd")
    told = asked(house, str(house.inbox / "art.psd"))
    assert says(told)["intake"] == "It is a Photoshop file (PSD), which smolwatch does not open. (not-allowed)"
    assert told["advice"] == "Export it as JPEG or PNG into the inbox."
    assert (told["refusal"]["code"], told["refusal"]["kind"]) == ("not-allowed", "psd")


@pytest.mark.parametrize("place", ["inbox", "elsewhere"])
def test_a_foreign_file_that_no_daemon_has_seen_is_named_too(house: House, tmp_path: Path, place: str) -> None:
    path = (house.inbox if place == "inbox" else tmp_path) / "song.jpg"
    path.write_bytes(b"ID3\4" + bytes(200))
    told = asked(house, str(path))
    assert says(told)["content"] == "It is a song (MP3), which smolwatch does not open. (not-allowed)"
    assert told["content"]["kind"] == "mp3"
    assert told["advice"].startswith("Nothing needs doing")


@pytest.mark.parametrize(
    ("code", "reason", "advice"),
    [
        ("unreadable", "The file is empty.", "Copy the file into the inbox again; it is picked up automatically."),
        ("too-large", "The file is too large.", "Put a smaller copy into the inbox"),
        ("not-allowed", "", "If it is a picture or a video, save it as JPEG, PNG or MP4 in the inbox."),
        ("live-photo", "The other half of a Live Photo.", "No action needed"),
        ("being-written", "Waiting: the file is still being written.", "start it with: smolwatch run"),
        ("no-access", "Not permitted. Check the permissions.", "start it with: smolwatch run"),
    ],
)
def test_advice_is_what_can_help(house: House, code: str, reason: str, advice: str) -> None:
    refused(house, "x.jpg", code, reason)
    told = asked(house, str(house.inbox / "x.jpg"))["advice"]
    assert advice in told
    assert ("smolwatch run" in told) == ("smolwatch run" in advice)
    assert "retry" not in told


def test_a_file_that_waits_shows_when_it_is_retried(house: House) -> None:
    refused(house, "kept.jpg", "no-access", "Not permitted. Check the permissions.")
    refused(house, "new.jpg", "being-written", "Waiting: the file is still being written.")
    with HomeLock(house.settings.lock_file):
        assert "within 300 s" in asked(house, str(house.inbox / "kept.jpg"))["advice"]
        assert asked(house, str(house.inbox / "new.jpg"))["advice"] == RETRIED


@pytest.mark.parametrize(
    ("code", "advice", "helps"),
    [
        ("decoder-hung", "To try it again: smolwatch retry 1", True),
        ("out-of-memory", "smolwatch retry 1", True),
        ("unreadable", "Replace it with an undamaged copy", False),
    ],
)
def test_a_retry_is_advised_where_it_can_help(house: House, code: str, advice: str, helps: bool) -> None:
    house.queue()
    house.store.fail(house.claim(), code=code, reason="It failed.", cause=Cause.INPUT)
    told = asked(house, str(house.inbox / "beach.jpg"))["advice"]
    assert advice in told
    assert ("retry" in told) == helps


@pytest.mark.parametrize("code", ["not-allowed", "too-large"])
def test_a_skipped_file_is_not_to_be_retried(house: House, code: str) -> None:
    house.queue()
    house.store.skip(house.claim(), code=code, reason="It is a song with a cover.", detail="no frames (avformat)")
    told = asked(house, str(house.inbox / "beach.jpg"))
    assert "retry" not in told["advice"] and "smolwatch run" not in told["advice"]
    assert told["job"]["detail"] == "no frames (avformat)"
    assert "avformat" not in house.ask("why", str(house.inbox / "beach.jpg")).stdout


def test_a_file_that_was_replaced_by_a_foreign_one_is_explained_as_it_is_now(house: House) -> None:
    house.describe()
    refused(house, "beach.jpg", "not-allowed", "", kind="psd")
    assert asked(house, str(house.inbox / "beach.jpg"))["advice"] == "Export it as JPEG or PNG into the inbox."


def test_a_file_that_is_gone_needs_no_action(house: House) -> None:
    refused(house, "song.mp3", "not-allowed", "", kind="mp3")
    house.queue()
    for name in ("song.mp3", "beach.jpg"):
        (house.inbox / name).unlink()
    assert asked(house, str(house.inbox / "song.mp3"))["advice"] == "It is gone; no action needed."
    gone = "It is gone; to describe it, put it back into the inbox."
    assert asked(house, str(house.inbox / "beach.jpg"))["advice"] == gone


def test_a_missing_inbox_is_explained_before_its_files(house: House) -> None:
    house.describe()
    shutil.rmtree(house.inbox)
    assert asked(house, str(house.inbox / "beach.jpg"))["advice"].startswith("The whole inbox is missing")


def test_the_half_of_a_live_photo_that_is_set_aside_names_the_other(house: House) -> None:
    house.describe_live_photo()
    picture = house.inbox.resolve() / "IMG_1.HEIC"
    told = asked(house, str(house.inbox / "IMG_1.MOV"))
    assert "It is the moving half of a Live Photo" in says(told)["intake"]
    assert told["advice"] == f"To read its description: smolwatch show {picture}"
    assert told["refusal"]["partner"] == str(picture)


def test_a_described_file_that_is_gone_keeps_its_description(house: House) -> None:
    number = house.describe()
    path = house.inbox / "beach.jpg"
    path.unlink()
    assert asked(house, str(path))["advice"] == f"It is gone; its description is kept: smolwatch show {number}"
    house.store.presence.mark_missing([bytes(path.resolve())])
    assert says(asked(house, str(path)))["file"] == "It does not exist."
    gone = f"{shown(house.clock.now(), with_seconds=True)}  It does not exist."
    assert gone in house.ask("why", str(path)).stdout
