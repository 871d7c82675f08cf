from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.intake.birth_time import birth_of, is_the_same_file
from storage.records import Fingerprint, Job
from tests.support.files import claim_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"one")
    if birth_of(os.fsencode(file)) is None:
        pytest.skip("this disk knows no time of birth")
    return file


def job_of(file: Path, queued_at: datetime | None = None) -> Job:
    there = Fingerprint.of(file.lstat())
    return replace(claim_of(1).job, fingerprint=there, queued_at=queued_at or datetime.now(UTC) + timedelta(seconds=1))


def same(file: Path, job: Job) -> bool:
    return is_the_same_file(os.fsencode(file), Fingerprint.of(file.lstat()), job)


def test_a_file_is_born_when_it_is_made_and_not_when_it_is_written(file: Path) -> None:
    born = birth_of(os.fsencode(file))
    assert born is not None
    assert abs(born - time.time()) < 60
    file.write_bytes(b"two")
    os.utime(file, (1, 1))
    assert birth_of(os.fsencode(file)) == born


def test_a_file_that_is_rewritten_in_place_is_the_same(file: Path) -> None:
    job = job_of(file)
    file.write_bytes(b"other bytes")
    assert same(file, job)


def test_another_file_with_the_same_inode_was_born_after_the_job(file: Path) -> None:
    job = job_of(file, queued_at=datetime.now(UTC) - timedelta(minutes=1))
    assert not same(file, job)


def test_a_file_that_was_renamed_over_it_is_another(file: Path) -> None:
    job = job_of(file)
    (file.parent / "new").write_bytes(b"new")
    (file.parent / "new").rename(file)
    assert not same(file, job)


def test_what_is_not_there_was_never_born(tmp_path: Path) -> None:
    assert birth_of(os.fsencode(tmp_path / "nothing")) is None
    assert birth_of(b"/proc/self/status") is None
