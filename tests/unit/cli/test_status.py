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
from storage.status.inbox_values import IntakeStatus
from storage.status.values import DaemonStatus, EngineStatus, FeatureCacheStatus, PowerStatus
from tests.support.files import MODEL, SPEC, description_of
from tests.unit.cli.conftest import CliHome, shown

KEYS = {
    "schema",
    "log",
    "files",
    "home",
    "inbox",
    "inboxes",
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
    "feature_cache",
}
READY = EngineStatus(state="ready", model="smolwatch-demo", device="cpu", dtype="float32", detail="balanced")


def status_json(home: CliHome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(home.invoke("status", "--json").stdout)
    return found


def line(home: CliHome, name: str) -> str:
    return next(line for line in home.invoke("status").stdout.splitlines() if line.startswith(name))


def test_before_the_first_start_status_shows_how_to_start(home: CliHome) -> None:
    result = home.invoke("status")
    assert result.exit_code == 4
    assert "not running. Start it with: smolwatch run" in result.stdout
    assert str(home.inbox) in result.stdout
    assert "there is no database yet" in result.stdout
    assert not home.settings.database_file.exists()
    document = status_json(home)
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
    home: CliHome, inbox: str, text: str
) -> None:
    (home.settings.home / "notes.txt").touch()
    home.settings.config_file.write_text(f'[inbox]\npath = "{inbox}"\n')
    assert text in line(home, "inbox")
    assert text in status_json(home)["inbox_error"]


def test_without_a_daemon_the_counts_and_the_speed_are_shown(home: CliHome) -> None:
    home.describe()
    home.queue("next.jpg", b"next")
    result = home.invoke("status")
    assert result.exit_code == 4
    assert "1 done · 1 waiting" in result.stdout
    assert "image 2.6 s" in result.stdout


def test_an_evaluation_on_the_same_device_is_shown(home: CliHome) -> None:
    assert "evaluation" not in status_json(home)
    with HomeLock(home.settings.evaluation_lock_file):
        assert status_json(home)["evaluation"] == {"pid": os.getpid()}
        assert f"process {os.getpid()} evaluates a model on the same device" in line(home, "evaluation")


def test_a_running_daemon_is_shown_with_its_process(home: CliHome) -> None:
    home.board.post(DaemonStatus(state="running", pid=1, started_at=home.clock.now()))
    with HomeLock(home.settings.lock_file):
        result = home.invoke("status")
        document = status_json(home)
    assert result.exit_code == 0
    assert f"running, process {os.getpid()}, since {shown(home.clock.now())}" in result.stdout
    assert (document["daemon"]["running"], document["daemon"]["pid"]) == (True, os.getpid())
    assert set(document) == KEYS


def test_trouble_with_the_database_is_shown_while_the_daemon_runs(home: CliHome) -> None:
    home.describe()
    with HomeLock(home.settings.lock_file) as lock:
        assert "\ntrouble" not in home.invoke("status").stdout
        lock.note("Disk full: 3 MB are free.")
        assert line(home, "trouble") == "trouble  Disk full: 3 MB are free."
        assert status_json(home)["daemon"]["trouble"] == "Disk full: 3 MB are free."
    assert "Disk full" not in home.invoke("status").stdout


def test_the_state_of_a_dead_daemon_is_ignored(home: CliHome) -> None:
    home.board.post(DaemonStatus(state="running", pid=1, started_at=home.clock.now()))
    home.board.post(READY)
    assert status_json(home)["daemon"] == {"running": False}
    assert "not running" in line(home, "daemon")
    assert "not loaded" in line(home, "model")


def test_missing_weights_are_shown_with_what_to_type(home: CliHome) -> None:
    advice = "Fetch them with: smolwatch model pull"
    home.board.post(EngineStatus(state="unavailable", reason="No weights here.", advice=advice))
    with HomeLock(home.settings.lock_file):
        assert line(home, "model").endswith("unavailable. No weights here. Fetch them with: smolwatch model pull")
        assert status_json(home)["engine"]["advice"] == advice
    assert "in the last run: unavailable" in line(home, "model")


def test_a_ready_model_is_named_with_where_it_runs(home: CliHome) -> None:
    home.board.post(READY)
    with HomeLock(home.settings.lock_file):
        assert line(home, "model").endswith("smolwatch-demo on cpu, float32, balanced detail")


def test_a_model_that_is_unloaded_because_no_file_waits_is_idle(home: CliHome) -> None:
    home.board.post(EngineStatus(state="idle", model="smolwatch-demo"))
    with HomeLock(home.settings.lock_file):
        assert line(home, "model").endswith("idle: smolwatch-demo is loaded with the next file")
        assert status_json(home)["engine"]["state"] == "idle"


def test_power_is_shown_only_while_there_is_work(home: CliHome) -> None:
    """Without work nobody looks at it: what was said last may be over."""
    home.board.post(PowerStatus(pace="paused", reason="Paused until the machine has cooled down."))
    with HomeLock(home.settings.lock_file):
        assert status_json(home)["power"] == {}
        home.queue()
        assert line(home, "power").startswith("power   Paused until the machine has cooled down.")


def test_a_model_that_is_not_trusted_is_marked_with_the_reason(home: CliHome) -> None:
    home.board.post(replace(READY, control="12345678", problem="It answers without looking."))
    with HomeLock(home.settings.lock_file):
        assert line(home, "model").endswith("balanced detail. Not trusted: It answers without looking.")
        assert status_json(home)["engine"]["control"] == "12345678"


def test_kept_features_are_shown_while_the_daemon_runs(home: CliHome) -> None:
    home.board.post(FeatureCacheStatus(memory_bytes=2_500_000, disk_bytes=1_204_000_000, hits=1200, misses=3400))
    with HomeLock(home.settings.lock_file):
        assert line(home, "features") == (
            "features  1,200 of 4,600 tiles were not encoded again; 2.5 MB in memory, 1.2 GB on disk"
        )
        assert status_json(home)["feature_cache"]["hits"] == 1200
    assert status_json(home)["feature_cache"] == {}
    assert "tiles" not in home.invoke("status").stdout


def test_the_engines_notes_are_shown_while_it_runs(home: CliHome) -> None:
    home.board.post(replace(READY, notes=("Threads: 2; measured.",)))
    with HomeLock(home.settings.lock_file):
        assert line(home, "note") == "note    Threads: 2; measured."
        assert status_json(home)["engine"]["notes"] == ["Threads: 2; measured."]
    assert "Threads" not in home.invoke("status").stdout


def test_a_problem_of_the_inbox_is_shown(home: CliHome) -> None:
    home.board.post(IntakeStatus(problem="inbox missing"))
    with HomeLock(home.settings.lock_file):
        assert "(inbox missing)" in line(home, "inbox")


def test_the_jobs_under_way_are_named_safely(home: CliHome) -> None:
    number = home.queue(b"\x1b[2Jbeach.jpg")
    home.claim()
    with HomeLock(home.settings.lock_file):
        assert rf"\x1b[2Jbeach.jpg (job {number}, started {shown(home.clock.now())})" in line(home, "now")
        (job,) = status_json(home)["current"]
    assert job["id"] == number
    assert status_json(home)["current"] == [], "what a dead daemon had under way is under way no more"


def test_why_a_service_did_not_start_is_shown_until_a_daemon_runs(home: CliHome) -> None:
    write_failure(home.settings.home, ConfigError("model.engine is wrong."), "2026-11-24T09:15:02Z")
    assert "The service did not start it: model.engine is wrong." in line(home, "daemon")
    assert status_json(home)["daemon"] == {"running": False, "refused": "model.engine is wrong."}
    with HomeLock(home.settings.lock_file):
        assert "did not start" not in line(home, "daemon")


def test_sidecars_that_are_not_beside_their_files_are_shown(home: CliHome) -> None:
    assert not any(said.startswith("sidecars") for said in home.invoke("status").stdout.splitlines())
    file = home.drop()
    home.store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)
    claim = home.claim()
    home.store.publish(claim, description_of(file))
    reason = "Sidecars pending. The disk is full: /inbox"
    home.store.postpone(claim, code="disk-full", reason=reason, not_before=home.clock.now())
    (home.settings.sidecar_folder / "inbox").mkdir(parents=True)
    assert line(home, "sidecars").split(maxsplit=1)[1] == (
        "1 not written yet, retried automatically. Sidecars pending. The disk is full: /inbox. "
        f"For folders that cannot be written, they are below {home.settings.sidecar_folder}."
    )
    assert status_json(home)["sidecars"] == {
        "pending": 1,
        "orphans": 0,
        "reason": reason,
        "mirror": str(home.settings.sidecar_folder),
    }


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 described file is gone, but its sidecars are still there (output.orphans)."),
        (2, "2 described files are gone, but their sidecars are still there (output.orphans)."),
    ],
)
def test_sidecars_of_files_that_are_gone_are_counted(home: CliHome, count: int, words: str) -> None:
    home.board.post(IntakeStatus(orphans=count))
    assert status_json(home)["sidecars"] == {"pending": 0, "orphans": count}
    assert words in home.invoke("status").stdout


def test_what_was_not_taken_is_counted_in_the_users_words(home: CliHome) -> None:
    assert "not taken" not in home.invoke("status").stdout
    counts = {"mp3": 3, "pdf": 2, "text": 1}
    for kind, count in counts.items():
        for number in range(count):
            path = b"/inbox/%d.%s" % (number, kind.encode())
            home.store.refuse(Refusal(path=path, code="not-allowed", kind=kind, reason="", at=home.clock.now()))
    for code in ("not-downloaded", "live-photo"):
        home.store.refuse(Refusal(path=code.encode(), code=code, reason="Waiting.", at=home.clock.now()))
    assert line(home, "not taken") == "not taken  6: 3 songs, 2 PDF documents, 1 text file"
    assert line(home, "not ready") == "not ready  1: 1 not downloaded"
    assert status_json(home)["not_taken"] == {"count": 6, "kinds": counts, "waiting": {"not-downloaded": 1}}


def test_a_file_is_counted_once_however_often_it_was_described(home: CliHome) -> None:
    number = home.describe()
    home.describe("other.jpg", b"other")
    home.store.requeue(number)
    assert status_json(home)["jobs"] == {str(state): 0 for state in JobState} | {"done": 2, "queued": 1}
    assert status_json(home)["files"] == {"done": 1, "waiting": 1, "failed": 0, "skipped": 0, "gone": 0}
    assert line(home, "files") == "files   1 done · 1 waiting"


def test_three_jobs_under_way_are_named_and_the_others_counted(home: CliHome) -> None:
    for number in range(5):
        home.queue(f"{number}.jpg", bytes([number]))
        home.claim()
    with HomeLock(home.settings.lock_file):
        shown = home.invoke("status").stdout.splitlines()
        assert len(status_json(home)["current"]) == 5
    names = [line.split()[1] for line in shown if line.startswith("now")]
    assert names == ["4.jpg", "3.jpg", "2.jpg"]
    assert "        and 2 more" in shown


def test_while_work_is_under_way_the_speed_and_the_time_left_are_shown(home: CliHome) -> None:
    for seconds in range(60, -1, -10):
        home.clock.set_wall(datetime.now(UTC) - timedelta(seconds=seconds))
        home.describe(f"{seconds}.jpg", b"%d" % seconds)
    assert "many at once" in line(home, "speed")
    for number in range(12):
        home.queue(f"next{number}.jpg", b"next %d" % number)
    with HomeLock(home.settings.lock_file):
        assert re.fullmatch(r"speed +[56]\.\d files a minute · about 2 min left", line(home, "speed"))
        speed = status_json(home)["speed"]
    assert speed["files_per_minute"] == pytest.approx(6, abs=0.6)
    assert speed["seconds_left"] == pytest.approx(120, abs=15)
    assert speed["seconds"] == {"image": 2.6}


def test_the_log_and_the_inbox_that_the_daemon_watches_are_named(home: CliHome, tmp_path: Path) -> None:
    assert line(home, "log") == f"log     {home.settings.log_folder / 'smolwatch.log'}"
    home.board.post(DaemonStatus(inbox="/elsewhere"))
    assert status_json(home)["inbox"] == str(home.inbox)
    with HomeLock(home.settings.lock_file):
        assert status_json(home)["inbox"] == "/elsewhere"


def test_the_document_has_a_schema_number(home: CliHome) -> None:
    assert status_json(home)["schema"] == 1
