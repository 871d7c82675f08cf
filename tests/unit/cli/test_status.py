from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from daemon.lock import HomeLock
from daemon.service.start_failure import write_failure
from storage.lifecycle import JobState
from storage.records import Refusal
from storage.status.values import DaemonStatus, EngineStatus, IntakeStatus, PowerStatus
from tests.support.files import MODEL, SPEC, description_of
from tests.unit.cli.conftest import House, shown

KEYS = {
    "schema",
    "log",
    "files",
    "home",
    "inbox",
    "database",
    "database_exists",
    "daemon",
    "engine",
    "intake",
    "jobs",
    "not_taken",
    "current",
    "sidecars",
    "speed",
    "power",
}
READY = EngineStatus(state="ready", model="smolwatch-demo", device="cpu", dtype="float32", detail="balanced")


def told(house: House) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(house.ask("status", "--json").stdout)
    return found


def line(house: House, name: str) -> str:
    return next(line for line in house.ask("status").stdout.splitlines() if line.startswith(name))


def test_before_the_first_start_status_shows_how_to_start(house: House) -> None:
    result = house.ask("status")
    assert result.exit_code == 4
    assert "not running. Start it with: smolwatch run" in result.stdout
    assert str(house.inbox) in result.stdout
    assert "there is no database yet" in result.stdout
    assert not house.settings.database_file.exists()
    document = told(house)
    assert set(document) == KEYS
    assert document["jobs"] == {str(state): 0 for state in JobState}


@pytest.mark.parametrize(
    ("inbox", "text"),
    [
        ("/", "The inbox / is the root of the disk. Choose a folder"),
        (".", "is smolwatch's own home. Choose a folder"),
        ("config/smolwatch.toml", "belongs to smolwatch's own files."),
        ("notes.txt", "notes.txt is a file, not a folder. Choose a folder"),
        ("/nowhere/at/all", "/nowhere/at/all is not there. Connect its disk"),
    ],
)
def test_an_inbox_that_cannot_be_one_or_is_missing_is_shown_without_a_daemon_too(
    house: House, inbox: str, text: str
) -> None:
    (house.settings.home / "notes.txt").touch()
    house.settings.config_file.write_text(f'[inbox]\npath = "{inbox}"\n')
    assert text in line(house, "inbox")
    assert text in told(house)["inbox_error"]


def test_without_a_daemon_the_counts_and_the_speed_are_shown(house: House) -> None:
    house.describe()
    house.queue("next.jpg", b"next")
    result = house.ask("status")
    assert result.exit_code == 4
    assert "1 done · 1 waiting" in result.stdout
    assert "image 2.6 s" in result.stdout


def test_a_running_daemon_is_shown_with_its_process(house: House) -> None:
    house.board.post(DaemonStatus(state="running", pid=1, started_at=house.clock.now()))
    with HomeLock(house.settings.lock_file):
        result = house.ask("status")
        document = told(house)
    assert result.exit_code == 0
    assert f"running, process {os.getpid()}, since {shown(house.clock.now())}" in result.stdout
    assert (document["daemon"]["running"], document["daemon"]["pid"]) == (True, os.getpid())
    assert set(document) == KEYS


def test_trouble_with_the_database_is_shown_while_the_daemon_runs(house: House) -> None:
    house.describe()
    with HomeLock(house.settings.lock_file) as lock:
        assert "\ntrouble" not in house.ask("status").stdout
        lock.note("Disk full: 3 MB are free.")
        assert line(house, "trouble") == "trouble  Disk full: 3 MB are free."
        assert told(house)["daemon"]["trouble"] == "Disk full: 3 MB are free."
    assert "Disk full" not in house.ask("status").stdout


def test_the_state_of_a_dead_daemon_is_ignored(house: House) -> None:
    house.board.post(DaemonStatus(state="running", pid=1, started_at=house.clock.now()))
    house.board.post(READY)
    assert told(house)["daemon"] == {"running": False}
    assert "not running" in line(house, "daemon")
    assert "not loaded" in line(house, "model")


def test_missing_weights_are_shown_with_what_to_type(house: House) -> None:
    advice = "Fetch them with: smolwatch model pull"
    house.board.post(EngineStatus(state="unavailable", reason="No weights here.", advice=advice))
    with HomeLock(house.settings.lock_file):
        assert line(house, "model").endswith("unavailable. No weights here. Fetch them with: smolwatch model pull")
        assert told(house)["engine"]["advice"] == advice
    assert "in the last run: unavailable" in line(house, "model")


def test_a_ready_model_is_named_with_where_it_runs(house: House) -> None:
    house.board.post(READY)
    with HomeLock(house.settings.lock_file):
        assert line(house, "model").endswith("smolwatch-demo on cpu, float32, balanced detail")


def test_a_model_that_is_unloaded_because_no_file_waits_is_idle(house: House) -> None:
    house.board.post(EngineStatus(state="idle", model="smolwatch-demo"))
    with HomeLock(house.settings.lock_file):
        assert line(house, "model").endswith("idle: smolwatch-demo is loaded with the next file")
        assert told(house)["engine"]["state"] == "idle"


def test_power_is_shown_only_while_there_is_work(house: House) -> None:
    """Without work nobody looks at it: what was said last may be over."""
    house.board.post(PowerStatus(pace="paused", reason="Paused until the machine has cooled down."))
    with HomeLock(house.settings.lock_file):
        assert told(house)["power"] == {}
        house.queue()
        assert line(house, "power").startswith("power   Paused until the machine has cooled down.")


def test_the_engines_notes_are_shown_while_it_runs(house: House) -> None:
    house.board.post(replace(READY, notes=("Threads: 2; measured.",)))
    with HomeLock(house.settings.lock_file):
        assert line(house, "note") == "note    Threads: 2; measured."
        assert told(house)["engine"]["notes"] == ["Threads: 2; measured."]
    assert "Threads" not in house.ask("status").stdout


def test_a_problem_of_the_inbox_is_shown(house: House) -> None:
    house.board.post(IntakeStatus(problem="inbox missing"))
    with HomeLock(house.settings.lock_file):
        assert "(inbox missing)" in line(house, "inbox")


def test_the_jobs_under_way_are_named_safely(house: House) -> None:
    number = house.queue(b"\x1b[2Jbeach.jpg")
    house.claim()
    with HomeLock(house.settings.lock_file):
        assert rf"\x1b[2Jbeach.jpg (job {number}, started {shown(house.clock.now())})" in line(house, "now")
        (job,) = told(house)["current"]
    assert job["id"] == number
    assert told(house)["current"] == [], "what a dead daemon had under way is under way no more"


def test_why_a_service_did_not_start_is_shown_until_a_daemon_runs(house: House) -> None:
    write_failure(house.settings.home, ConfigError("model.engine is wrong."), "2026-11-24T09:15:02Z")
    assert "The service did not start it: model.engine is wrong." in line(house, "daemon")
    assert told(house)["daemon"] == {"running": False, "refused": "model.engine is wrong."}
    with HomeLock(house.settings.lock_file):
        assert "did not start" not in line(house, "daemon")


def test_sidecars_that_are_not_beside_their_files_are_shown(house: House) -> None:
    assert not any(said.startswith("sidecars") for said in house.ask("status").stdout.splitlines())
    file = house.drop()
    house.store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)
    claim = house.claim()
    house.store.publish(claim, description_of(file))
    reason = "Sidecars pending. The disk is full: /inbox"
    house.store.postpone(claim, code="disk-full", reason=reason, not_before=house.clock.now())
    (house.settings.sidecar_folder / "inbox").mkdir(parents=True)
    assert line(house, "sidecars").split(maxsplit=1)[1] == (
        "1 not written yet, retried automatically. Sidecars pending. The disk is full: /inbox. "
        f"For folders that cannot be written, they are below {house.settings.sidecar_folder}."
    )
    assert told(house)["sidecars"] == {
        "pending": 1,
        "orphans": 0,
        "reason": reason,
        "mirror": str(house.settings.sidecar_folder),
    }


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 described file is gone, but its sidecars are still there (output.orphans)."),
        (2, "2 described files are gone, but their sidecars are still there (output.orphans)."),
    ],
)
def test_sidecars_of_files_that_are_gone_are_counted(house: House, count: int, words: str) -> None:
    house.board.post(IntakeStatus(orphans=count))
    assert told(house)["sidecars"] == {"pending": 0, "orphans": count}
    assert words in house.ask("status").stdout


def test_what_was_not_taken_is_counted_in_the_users_words(house: House) -> None:
    assert "not taken" not in house.ask("status").stdout
    counts = {"mp3": 3, "pdf": 2, "text": 1}
    for kind, count in counts.items():
        for number in range(count):
            path = b"/inbox/%d.%s" % (number, kind.encode())
            house.store.refuse(Refusal(path=path, code="not-allowed", kind=kind, reason="", at=house.clock.now()))
    for code in ("not-downloaded", "live-photo"):
        house.store.refuse(Refusal(path=code.encode(), code=code, reason="Waiting.", at=house.clock.now()))
    assert line(house, "not taken") == "not taken  6: 3 songs, 2 PDF documents, 1 text file"
    assert line(house, "not ready") == "not ready  1: 1 not downloaded"
    assert told(house)["not_taken"] == {"count": 6, "kinds": counts, "waiting": {"not-downloaded": 1}}


def test_a_file_is_counted_once_however_often_it_was_described(house: House) -> None:
    number = house.describe()
    house.describe("other.jpg", b"other")
    house.store.requeue(number)
    assert told(house)["jobs"] == {str(state): 0 for state in JobState} | {"done": 2, "queued": 1}
    assert told(house)["files"] == {"done": 1, "waiting": 1, "failed": 0, "skipped": 0, "gone": 0}
    assert line(house, "files") == "files   1 done · 1 waiting"


def test_three_jobs_under_way_are_named_and_the_others_counted(house: House) -> None:
    for number in range(5):
        house.queue(f"{number}.jpg", bytes([number]))
        house.claim()
    with HomeLock(house.settings.lock_file):
        shown = house.ask("status").stdout.splitlines()
        assert len(told(house)["current"]) == 5
    names = [line.split()[1] for line in shown if line.startswith("now")]
    assert names == ["4.jpg", "3.jpg", "2.jpg"]
    assert "        and 2 more" in shown


def test_while_work_is_under_way_the_speed_and_the_time_left_are_shown(house: House) -> None:
    for seconds in range(60, -1, -10):
        house.clock.set_wall(datetime.now(UTC) - timedelta(seconds=seconds))
        house.describe(f"{seconds}.jpg", b"%d" % seconds)
    assert "many at once" in line(house, "speed")
    for number in range(12):
        house.queue(f"next{number}.jpg", b"next %d" % number)
    with HomeLock(house.settings.lock_file):
        assert re.fullmatch(r"speed +[56]\.\d files a minute · about 2 min left", line(house, "speed"))
        speed = told(house)["speed"]
    assert speed["files_per_minute"] == pytest.approx(6, abs=0.6)
    assert speed["seconds_left"] == pytest.approx(120, abs=15)
    assert speed["seconds"] == {"image": 2.6}


def test_the_log_and_the_inbox_that_the_daemon_watches_are_named(house: House, tmp_path: Path) -> None:
    assert line(house, "log") == f"log     {house.settings.log_folder / 'smolwatch.log'}"
    house.board.post(DaemonStatus(inbox="/elsewhere"))
    assert told(house)["inbox"] == str(house.inbox)
    with HomeLock(house.settings.lock_file):
        assert told(house)["inbox"] == "/elsewhere"


def test_the_document_has_a_schema_number(house: House) -> None:
    assert told(house)["schema"] == 1
