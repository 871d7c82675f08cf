from __future__ import annotations

import json
import os

import pytest

from storage.lifecycle import Cause, JobState
from tests.unit.cli.conftest import CliHome


def failed(home: CliHome, name: str) -> int:
    number = home.queue(name, name.encode())
    home.store.fail(home.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    return number


def state_of(home: CliHome, number: int) -> JobState:
    with home.reading() as library:
        return library.job(number).state


def test_a_failed_job_waits_again(home: CliHome) -> None:
    first, second = failed(home, "a.jpg"), failed(home, "b.jpg")
    result = home.invoke("retry", str(first))
    assert result.exit_code == 0
    assert "a.jpg" in result.stdout
    assert (state_of(home, first), state_of(home, second)) == (JobState.QUEUED, JobState.FAILED)


def test_paths_and_numbers_mix(home: CliHome) -> None:
    numbers = [failed(home, "a.jpg"), failed(home, "b.jpg")]
    home.invoke("retry", str(numbers[0]), str(home.inbox / "b.jpg"))
    assert [state_of(home, number) for number in numbers] == [JobState.QUEUED] * 2


def test_all_failed_jobs_at_once(home: CliHome) -> None:
    numbers = [failed(home, "a.jpg"), failed(home, "b.jpg")]
    result = home.invoke("retry", "--failed")
    assert result.stdout == "Queued again: 2\n"
    assert [state_of(home, number) for number in numbers] == [JobState.QUEUED] * 2


def test_nothing_changes_when_one_is_not_found(home: CliHome) -> None:
    number = failed(home, "a.jpg")
    assert home.invoke("retry", str(number), "99").exit_code == 3
    assert state_of(home, number) is JobState.FAILED


def test_a_file_that_is_done_is_described_anew(home: CliHome) -> None:
    number = home.describe()
    result = home.invoke("retry", str(number))
    assert result.exit_code == 0
    with home.reading() as library:
        newest = library.job_at(os.fsencode(home.inbox.resolve() / "beach.jpg"))
    assert newest is not None
    assert newest.id != number
    assert newest.state is JobState.QUEUED


@pytest.mark.parametrize("arguments", [(), ("1", "--failed")])
def test_either_files_or_failed_must_be_given(home: CliHome, arguments: tuple[str, ...]) -> None:
    failed(home, "a.jpg")
    assert home.invoke("retry", *arguments).exit_code == 2


def test_no_database_is_made_for_a_retry(home: CliHome) -> None:
    assert home.invoke("retry", "--failed").exit_code == 3
    assert not home.settings.database_file.exists()


def test_without_a_daemon_retry_shows_how_to_start_one(home: CliHome) -> None:
    assert "smolwatch run" in home.invoke("retry", str(failed(home, "a.jpg"))).stderr


def test_either_half_of_a_live_photo_has_the_one_item_described_anew(home: CliHome) -> None:
    home.describe_live_photo()
    result = home.invoke("retry", str(home.inbox / "IMG_1.MOV"))
    assert result.exit_code == 0
    assert "IMG_1.HEIC" in result.stdout
    with home.reading() as library:
        assert [(job.name, str(job.state)) for job in library.jobs()] == [
            ("IMG_1.HEIC", "queued"),
            ("IMG_1.HEIC", "done"),
        ]


def test_programs_get_a_document(home: CliHome) -> None:
    numbers = [failed(home, "a.jpg"), failed(home, "b.jpg")]
    document = json.loads(home.invoke("retry", "--json", str(numbers[0])).stdout)
    assert (document["count"], [job["id"] for job in document["jobs"]]) == (1, numbers[:1])
    assert json.loads(home.invoke("retry", "--json", "--failed").stdout) == {"count": 1}
