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
from tests.unit.cli.conftest import CliHome, shown


def why_json(home: CliHome, path: str) -> dict[str, Any]:
    result = home.invoke("why", path, "--json")
    assert result.exit_code == 0
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def steps_of(document: dict[str, Any]) -> dict[str, str]:
    return {step["step"]: step["says"] for step in document["chain"]}


def refused(home: CliHome, name: str, code: str, reason: str, kind: str | None = None) -> None:
    path = home.drop(name).path
    home.store.refuse(Refusal(path=path, code=code, reason=reason, kind=kind, at=home.clock.now()))


def test_a_refusal_is_shown_with_code_reason_and_time(home: CliHome) -> None:
    refused(home, "notes.txt", "not-allowed", "Not a picture or video that smolwatch knows.")
    result = home.invoke("why", str(home.inbox / "notes.txt"))
    assert result.exit_code == 0
    moment = shown(home.clock.now(), with_seconds=True)
    assert f"{moment}  Not a picture or video that smolwatch knows. (not-allowed)" in result.stdout
    document = why_json(home, str(home.inbox / "notes.txt"))
    assert document["refusal"] == {
        "code": "not-allowed",
        "reason": "Not a picture or video that smolwatch knows.",
        "at": "2026-11-24T09:00:00Z",
    }


def test_a_failed_job_is_shown_event_by_event_with_what_to_do(home: CliHome) -> None:
    number = home.queue()
    home.clock.advance(60)
    home.store.fail(home.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    document = why_json(home, str(home.inbox / "beach.jpg"))
    assert [(event.get("before"), event["after"]) for event in document["events"]] == [
        (None, "queued"),
        ("queued", "running"),
        ("running", "failed"),
    ]
    assert [event["at"] for event in document["events"]][::2] == ["2026-11-24T09:00:00Z", "2026-11-24T09:01:00Z"]
    assert "The file is damaged. (unreadable)" in steps_of(document)["now"]
    assert document["job"]["id"] == number
    assert "undamaged copy" in document["advice"]
    assert "smolwatch retry" not in document["advice"], "the same bytes would fail again"


def test_a_file_that_is_done_points_to_show(home: CliHome) -> None:
    number = home.describe()
    assert f"smolwatch show {number}" in why_json(home, str(home.inbox / "beach.jpg"))["advice"]


def test_a_waiting_file_names_the_missing_daemon(home: CliHome) -> None:
    home.queue()
    assert "smolwatch run" in why_json(home, str(home.inbox / "beach.jpg"))["advice"]


def test_a_waiting_file_names_the_missing_weights(home: CliHome) -> None:
    home.queue()
    advice = "Fetch them with: smolwatch model pull"
    home.board.post(EngineStatus(state="unavailable", reason="No weights.", advice=advice))
    with HomeLock(home.settings.lock_file):
        assert advice in why_json(home, str(home.inbox / "beach.jpg"))["advice"]


def test_a_postponed_file_shows_its_next_try(home: CliHome) -> None:
    home.queue()
    claim = home.claim()
    later = home.clock.now().replace(hour=10, second=0)
    home.store.retry_later(claim, code="decoder-hung", reason="Too slow.", cause=Cause.TRANSIENT, not_before=later)
    with HomeLock(home.settings.lock_file):
        document = why_json(home, str(home.inbox / "beach.jpg"))
    assert document["advice"] == "No action needed: it is retried after 2026-11-24T10:00:00Z."
    with HomeLock(home.settings.lock_file):
        assert f"it is retried after {shown(later)}" in home.invoke("why", "beach.jpg").stdout
    assert document["job"]["not_before"] == "2026-11-24T10:00:00Z"


def test_an_ignored_name_names_the_rule(home: CliHome) -> None:
    home.drop("beach.jpg.part")
    document = why_json(home, str(home.inbox / "beach.jpg.part"))
    assert "'*.part'" in steps_of(document)["rules"]
    assert str(home.settings.config_file) in document["advice"]


def test_a_file_in_a_folder_that_is_not_entered_names_the_folder_and_what_allows_it(home: CliHome) -> None:
    (home.inbox / "thumbs").mkdir()
    home.drop("thumbs/beach.jpg")
    for name in ("thumbs/beach.jpg", "thumbs"):
        document = why_json(home, str(home.inbox / name))
        assert steps_of(document)["rules"] == "In “thumbs”, a folder of thumbnails; such folders are not searched."
        assert 'inbox.ignore_folders = ["!thumbs"]' in document["advice"]


def test_a_file_elsewhere_is_not_in_the_inbox(home: CliHome, tmp_path: Path) -> None:
    (tmp_path / "beach.jpg").write_bytes(PNG)
    document = why_json(home, str(tmp_path / "beach.jpg"))
    assert document["in_inbox"] is False
    assert "Not in the inbox" in steps_of(document)["inbox"]
    assert str(home.inbox) in document["advice"]


def test_a_link_is_distinguished_from_its_target(home: CliHome) -> None:
    home.drop("real.jpg")
    (home.inbox / "link.jpg").symlink_to(home.inbox / "real.jpg")
    document = why_json(home, str(home.inbox / "link.jpg"))
    assert "symbolic link" in steps_of(document)["file"]
    assert document["advice"] == "Put the file itself into the inbox."


def test_an_unseen_file_waits_for_a_daemon_or_the_sweep(home: CliHome) -> None:
    home.drop("new.jpg", PNG)
    assert not home.store.pending.has_any()
    assert "smolwatch run" in why_json(home, str(home.inbox / "new.jpg"))["advice"]
    with HomeLock(home.settings.lock_file):
        assert "300 s" in why_json(home, str(home.inbox / "new.jpg"))["advice"]


def test_before_the_first_start_the_disk_is_still_read(home: CliHome) -> None:
    home.drop("new.jpg", PNG)
    assert not home.settings.database_file.exists()
    document = why_json(home, str(home.inbox / "new.jpg"))
    assert (document["exists"], document["in_inbox"]) == (True, True)
    assert "smolwatch run" in document["advice"]


def test_a_file_that_left_is_still_known(home: CliHome) -> None:
    home.describe()
    (home.inbox / "beach.jpg").unlink()
    document = why_json(home, str(home.inbox / "beach.jpg"))
    assert document["exists"] is False
    assert steps_of(document)["file"] == "It does not exist."
    assert document["advice"] == "It is gone; its description is kept: smolwatch show 1"


def test_what_never_was_is_not_found(home: CliHome) -> None:
    result = home.invoke("why", str(home.inbox / "nowhere.jpg"))
    assert result.exit_code == 3
    assert result.stdout == ""


def test_a_linked_inbox_is_the_inbox(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    settings = load_settings(home=tmp_path / "link" / "home", environ={})
    prepare_home(settings)
    home = CliHome(settings)
    home.drop("beach.jpg")
    for way in ("link", "disk"):
        assert why_json(home, str(tmp_path / way / "home" / "inbox" / "beach.jpg"))["in_inbox"] is True


def test_hostile_names_are_neutral(home: CliHome) -> None:
    home.queue(b"\x1b[2J\n\xff.jpg")
    path = bytes(home.inbox.resolve()) + b"/\x1b[2J\n\xff.jpg"
    result = home.invoke("why", path.decode("utf-8", "surrogateescape"))
    assert result.exit_code == 0
    assert r"\x1b[2J\x0a\xff.jpg" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_file_that_is_not_downloaded_is_known_by_its_own_name(home: CliHome) -> None:
    refused(home, ".beach.jpg.icloud", "not-downloaded", "Waiting: not downloaded.")
    document = why_json(home, str(home.inbox / "beach.jpg"))
    assert document["refusal"]["code"] == "not-downloaded"
    assert "download" in document["advice"]


def test_a_job_that_waits_for_the_machine_shows_what_to_fix(home: CliHome) -> None:
    home.queue()
    later = home.clock.now() + timedelta(seconds=60)
    reason = "Reading the file is not permitted. Check its permissions."
    home.store.wait(home.claim(), code="no-access", reason=reason, cause=Cause.ENVIRONMENT, not_before=later)
    with HomeLock(home.settings.lock_file):
        document = why_json(home, str(home.inbox / "beach.jpg"))
    assert reason in steps_of(document)["now"]
    assert document["advice"] == "Fix what its reason names; it is retried automatically after 2026-11-24T09:01:00Z."


def test_a_foreign_file_is_named_with_what_can_be_done_about_it(home: CliHome) -> None:
    refused(home, "art.psd", "not-allowed", "", kind="psd")
    document = why_json(home, str(home.inbox / "art.psd"))
    assert steps_of(document)["intake"] == "It is a Photoshop file (PSD), which smolwatch does not open. (not-allowed)"
    assert document["advice"] == "Export it as JPEG or PNG into the inbox."
    assert (document["refusal"]["code"], document["refusal"]["kind"]) == ("not-allowed", "psd")


@pytest.mark.parametrize("place", ["inbox", "elsewhere"])
def test_a_foreign_file_that_no_daemon_has_seen_is_named_too(home: CliHome, tmp_path: Path, place: str) -> None:
    path = (home.inbox if place == "inbox" else tmp_path) / "song.jpg"
    path.write_bytes(b"ID3\4" + bytes(200))
    document = why_json(home, str(path))
    assert steps_of(document)["content"] == "It is a song (MP3), which smolwatch does not open. (not-allowed)"
    assert document["content"]["kind"] == "mp3"
    assert document["advice"].startswith("Nothing needs doing")


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
def test_advice_is_what_can_help(home: CliHome, code: str, reason: str, advice: str) -> None:
    refused(home, "x.jpg", code, reason)
    document = why_json(home, str(home.inbox / "x.jpg"))["advice"]
    assert advice in document
    assert ("smolwatch run" in document) == ("smolwatch run" in advice)
    assert "retry" not in document


def test_a_file_that_waits_shows_when_it_is_retried(home: CliHome) -> None:
    refused(home, "kept.jpg", "no-access", "Not permitted. Check the permissions.")
    refused(home, "new.jpg", "being-written", "Waiting: the file is still being written.")
    with HomeLock(home.settings.lock_file):
        assert "within 300 s" in why_json(home, str(home.inbox / "kept.jpg"))["advice"]
        assert why_json(home, str(home.inbox / "new.jpg"))["advice"] == RETRIED


@pytest.mark.parametrize(
    ("code", "advice", "helps"),
    [
        ("decoder-hung", "To try it again: smolwatch retry 1", True),
        ("out-of-memory", "smolwatch retry 1", True),
        ("unreadable", "Replace it with an undamaged copy", False),
    ],
)
def test_a_retry_is_advised_where_it_can_help(home: CliHome, code: str, advice: str, helps: bool) -> None:
    home.queue()
    home.store.fail(home.claim(), code=code, reason="It failed.", cause=Cause.INPUT)
    document = why_json(home, str(home.inbox / "beach.jpg"))["advice"]
    assert advice in document
    assert ("retry" in document) == helps


@pytest.mark.parametrize("code", ["not-allowed", "too-large"])
def test_a_skipped_file_is_not_to_be_retried(home: CliHome, code: str) -> None:
    home.queue()
    home.store.skip(home.claim(), code=code, reason="It is a song with a cover.", detail="no frames (avformat)")
    document = why_json(home, str(home.inbox / "beach.jpg"))
    assert "retry" not in document["advice"] and "smolwatch run" not in document["advice"]
    assert document["job"]["detail"] == "no frames (avformat)"
    assert "avformat" not in home.invoke("why", str(home.inbox / "beach.jpg")).stdout


def test_a_file_that_was_replaced_by_a_foreign_one_is_explained_as_it_is_now(home: CliHome) -> None:
    home.describe()
    refused(home, "beach.jpg", "not-allowed", "", kind="psd")
    assert why_json(home, str(home.inbox / "beach.jpg"))["advice"] == "Export it as JPEG or PNG into the inbox."


def test_a_file_that_is_gone_needs_no_action(home: CliHome) -> None:
    refused(home, "song.mp3", "not-allowed", "", kind="mp3")
    home.queue()
    for name in ("song.mp3", "beach.jpg"):
        (home.inbox / name).unlink()
    assert why_json(home, str(home.inbox / "song.mp3"))["advice"] == "It is gone; no action needed."
    gone = "It is gone; to describe it, put it back into the inbox."
    assert why_json(home, str(home.inbox / "beach.jpg"))["advice"] == gone


def test_a_missing_inbox_is_explained_before_its_files(home: CliHome) -> None:
    home.describe()
    shutil.rmtree(home.inbox)
    assert why_json(home, str(home.inbox / "beach.jpg"))["advice"].startswith("The whole inbox is missing")


def test_the_half_of_a_live_photo_that_is_set_aside_names_the_other(home: CliHome) -> None:
    home.describe_live_photo()
    picture = home.inbox.resolve() / "IMG_1.HEIC"
    document = why_json(home, str(home.inbox / "IMG_1.MOV"))
    assert "It is the moving half of a Live Photo" in steps_of(document)["intake"]
    assert document["advice"] == f"To read its description: smolwatch show {picture}"
    assert document["refusal"]["partner"] == str(picture)


def test_a_described_file_that_is_gone_keeps_its_description(home: CliHome) -> None:
    number = home.describe()
    path = home.inbox / "beach.jpg"
    path.unlink()
    assert why_json(home, str(path))["advice"] == f"It is gone; its description is kept: smolwatch show {number}"
    home.store.presence.mark_missing([bytes(path.resolve())])
    assert steps_of(why_json(home, str(path)))["file"] == "It does not exist."
    gone = f"{shown(home.clock.now(), with_seconds=True)}  It does not exist."
    assert gone in home.invoke("why", str(path)).stdout
