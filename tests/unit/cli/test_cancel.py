from __future__ import annotations

import json
from typing import Any

from storage.lifecycle import JobState
from tests.unit.cli.conftest import CliHome


def state_of(home: CliHome, number: int) -> JobState:
    with home.reading() as library:
        return library.job(number).state


def test_queued_and_running_files_are_cancelled_by_name_and_number(home: CliHome) -> None:
    running, queued, other = home.queue("a.jpg", b"a"), home.queue("b.jpg", b"b"), home.queue("c.jpg", b"c")
    home.claim()
    result = home.invoke("cancel", "a.jpg", str(queued))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"Cancelled: job {running}, a.jpg",
        f"Cancelled: job {queued}, b.jpg",
    ]
    assert [state_of(home, job) for job in (running, queued, other)] == [
        JobState.SKIPPED,
        JobState.SKIPPED,
        JobState.QUEUED,
    ]


def test_what_is_described_is_not_cancelled_and_the_others_are(home: CliHome) -> None:
    done, queued = home.describe("a.jpg", b"a"), home.queue("b.jpg", b"b")
    result = home.invoke("cancel", str(done), str(queued))
    assert result.exit_code == 1
    assert f"Not cancelled: job {done}, a.jpg: it is described already." in result.stdout
    assert state_of(home, queued) is JobState.SKIPPED


def test_to_cancel_twice_is_no_failure(home: CliHome) -> None:
    home.queue()
    home.invoke("cancel", "beach.jpg")
    result = home.invoke("cancel", "beach.jpg")
    assert (result.exit_code, result.stdout) == (0, "Cancelled: job 1, beach.jpg\n")


def test_nothing_is_cancelled_when_one_is_not_found(home: CliHome) -> None:
    number = home.queue()
    result = home.invoke("cancel", "beach.jpg", "baech.jpg")
    assert result.exit_code == 3
    assert "Did you mean: smolwatch cancel beach.jpg" in result.stderr
    assert state_of(home, number) is JobState.QUEUED


def test_programs_get_a_document(home: CliHome) -> None:
    done, queued = home.describe("a.jpg", b"a"), home.queue("b.jpg", b"b")
    result = home.invoke("cancel", "--json", str(done), str(queued))
    document: dict[str, Any] = json.loads(result.stdout)
    assert [(job["id"], job["state"], job["cancelled"]) for job in document["jobs"]] == [
        (done, "done", False),
        (queued, "skipped", True),
    ]
    assert document["jobs"][1]["reason_code"] == "cancelled"


def test_a_retry_brings_it_back_and_why_shows_how(home: CliHome) -> None:
    number = home.queue()
    home.invoke("cancel", "beach.jpg")
    assert f"smolwatch retry {number}" in home.invoke("why", "beach.jpg").stdout
    assert home.invoke("retry", "beach.jpg").exit_code == 0
    assert state_of(home, number) is JobState.QUEUED


def test_no_file_is_wrong_usage_and_no_database_is_not_found(home: CliHome) -> None:
    assert home.invoke("cancel").exit_code == 2
    assert home.invoke("cancel", "1").exit_code == 3
    assert not home.settings.database_file.exists()
