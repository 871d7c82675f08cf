from __future__ import annotations

import json
import os

import pytest

from storage.lifecycle import Cause, JobState
from tests.unit.cli.conftest import House


def failed(house: House, name: str) -> int:
    number = house.queue(name, name.encode())
    house.store.fail(house.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    return number


def state_of(house: House, number: int) -> JobState:
    with house.reading() as library:
        return library.job(number).state


def test_a_failed_job_waits_again(house: House) -> None:
    first, second = failed(house, "a.jpg"), failed(house, "b.jpg")
    result = house.ask("retry", str(first))
    assert result.exit_code == 0
    assert "a.jpg" in result.stdout
    assert (state_of(house, first), state_of(house, second)) == (JobState.QUEUED, JobState.FAILED)


def test_paths_and_numbers_mix(house: House) -> None:
    numbers = [failed(house, "a.jpg"), failed(house, "b.jpg")]
    house.ask("retry", str(numbers[0]), str(house.inbox / "b.jpg"))
    assert [state_of(house, number) for number in numbers] == [JobState.QUEUED] * 2


def test_all_failed_jobs_at_once(house: House) -> None:
    numbers = [failed(house, "a.jpg"), failed(house, "b.jpg")]
    result = house.ask("retry", "--failed")
    assert result.stdout == "Queued again: 2\n"
    assert [state_of(house, number) for number in numbers] == [JobState.QUEUED] * 2


def test_nothing_changes_when_one_is_not_found(house: House) -> None:
    number = failed(house, "a.jpg")
    assert house.ask("retry", str(number), "99").exit_code == 3
    assert state_of(house, number) is JobState.FAILED


def test_a_file_that_is_done_is_described_anew(house: House) -> None:
    number = house.describe()
    result = house.ask("retry", str(number))
    assert result.exit_code == 0
    with house.reading() as library:
        newest = library.job_at(os.fsencode(house.inbox.resolve() / "beach.jpg"))
    assert newest is not None
    assert newest.id != number
    assert newest.state is JobState.QUEUED


@pytest.mark.parametrize("arguments", [(), ("1", "--failed")])
def test_either_files_or_failed_must_be_given(house: House, arguments: tuple[str, ...]) -> None:
    failed(house, "a.jpg")
    assert house.ask("retry", *arguments).exit_code == 2


def test_no_database_is_made_for_a_retry(house: House) -> None:
    assert house.ask("retry", "--failed").exit_code == 3
    assert not house.settings.database_file.exists()


def test_without_a_daemon_retry_shows_how_to_start_one(house: House) -> None:
    assert "smolwatch run" in house.ask("retry", str(failed(house, "a.jpg"))).stderr


def test_either_half_of_a_live_photo_has_the_one_item_described_anew(house: House) -> None:
    house.describe_live_photo()
    result = house.ask("retry", str(house.inbox / "IMG_1.MOV"))
    assert result.exit_code == 0
    assert "IMG_1.HEIC" in result.stdout
    with house.reading() as library:
        assert [(job.name, str(job.state)) for job in library.jobs()] == [
            ("IMG_1.HEIC", "queued"),
            ("IMG_1.HEIC", "done"),
        ]


def test_programs_get_a_document(house: House) -> None:
    numbers = [failed(house, "a.jpg"), failed(house, "b.jpg")]
    document = json.loads(house.ask("retry", "--json", str(numbers[0])).stdout)
    assert (document["count"], [job["id"] for job in document["jobs"]]) == (1, numbers[:1])
    assert json.loads(house.ask("retry", "--json", "--failed").stdout) == {"count": 1}
