from __future__ import annotations

import json
from typing import Any

from storage.lifecycle import JobState
from tests.unit.cli.conftest import House


def state_of(house: House, number: int) -> JobState:
    with house.reading() as library:
        return library.job(number).state


def test_queued_and_running_files_are_cancelled_by_name_and_number(house: House) -> None:
    running, queued, other = house.queue("a.jpg", b"a"), house.queue("b.jpg", b"b"), house.queue("c.jpg", b"c")
    house.claim()
    result = house.ask("cancel", "a.jpg", str(queued))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"Cancelled: job {running}, a.jpg",
        f"Cancelled: job {queued}, b.jpg",
    ]
    assert [state_of(house, job) for job in (running, queued, other)] == [
        JobState.SKIPPED,
        JobState.SKIPPED,
        JobState.QUEUED,
    ]


def test_what_is_described_is_not_cancelled_and_the_others_are(house: House) -> None:
    done, queued = house.describe("a.jpg", b"a"), house.queue("b.jpg", b"b")
    result = house.ask("cancel", str(done), str(queued))
    assert result.exit_code == 1
    assert f"Not cancelled: job {done}, a.jpg: it is described already." in result.stdout
    assert state_of(house, queued) is JobState.SKIPPED


def test_to_cancel_twice_is_no_failure(house: House) -> None:
    house.queue()
    house.ask("cancel", "beach.jpg")
    result = house.ask("cancel", "beach.jpg")
    assert (result.exit_code, result.stdout) == (0, "Cancelled: job 1, beach.jpg\n")


def test_nothing_is_cancelled_when_one_is_not_found(house: House) -> None:
    number = house.queue()
    result = house.ask("cancel", "beach.jpg", "baech.jpg")
    assert result.exit_code == 3
    assert "Did you mean: smolwatch cancel beach.jpg" in result.stderr
    assert state_of(house, number) is JobState.QUEUED


def test_programs_get_a_document(house: House) -> None:
    done, queued = house.describe("a.jpg", b"a"), house.queue("b.jpg", b"b")
    result = house.ask("cancel", "--json", str(done), str(queued))
    document: dict[str, Any] = json.loads(result.stdout)
    assert [(job["id"], job["state"], job["cancelled"]) for job in document["jobs"]] == [
        (done, "done", False),
        (queued, "skipped", True),
    ]
    assert document["jobs"][1]["reason_code"] == "cancelled"


def test_a_retry_brings_it_back_and_why_shows_how(house: House) -> None:
    number = house.queue()
    house.ask("cancel", "beach.jpg")
    assert f"smolwatch retry {number}" in house.ask("why", "beach.jpg").stdout
    assert house.ask("retry", "beach.jpg").exit_code == 0
    assert state_of(house, number) is JobState.QUEUED


def test_no_file_is_wrong_usage_and_no_database_is_not_found(house: House) -> None:
    assert house.ask("cancel").exit_code == 2
    assert house.ask("cancel", "1").exit_code == 3
    assert not house.settings.database_file.exists()
