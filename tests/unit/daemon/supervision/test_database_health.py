from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.supervision.database_health import LOOK_SECONDS, DatabaseHealth
from storage.db import sqlite_backend
from storage.db.database import Database, open_database
from storage.errors import BusyError, DiskFullError
from tests.fakes.clock import FakeClock
from tests.support.logs import logged


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "smolwatch.db", keep_free=1000, busy_seconds=0.01)
    yield database
    database.close()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def trouble(impatient: Database, clock: FakeClock, told: list[str]) -> DatabaseHealth:
    return DatabaseHealth(impatient, clock, told.append)


def test_without_trouble_nothing_is_said_or_written(
    trouble: DatabaseHealth, impatient: Database, told: list[str]
) -> None:
    log = Path(impatient.name).with_name("smolwatch.db-wal")
    before = log.stat().st_size
    trouble.look()
    assert told == []
    assert log.stat().st_size == before


def test_a_database_that_is_held_is_told_once_and_so_is_its_end(
    trouble: DatabaseHealth, impatient: Database, clock: FakeClock, told: list[str]
) -> None:
    with closing(sqlite3.connect(Path(impatient.name), isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(BusyError) as caught:
                trouble.look()
            trouble.meet(caught.value)
            clock.advance(LOOK_SECONDS)
        rival.execute("ROLLBACK")
    assert len(told) == 1
    assert "held by another program" in told[0]
    trouble.look()
    assert told[1:] == [""]


def test_too_little_room_is_told_until_there_is_enough(
    trouble: DatabaseHealth, clock: FakeClock, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: 999)
    with pytest.raises(DiskFullError) as caught:
        trouble.look()
    trouble.meet(caught.value)
    clock.advance(LOOK_SECONDS)
    monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: 1000)
    trouble.look()
    assert told[0].startswith("Disk full: ")
    assert told[1:] == [""]


def test_a_disk_that_stays_full_is_logged_once_however_full_it_is_and_so_is_its_end(
    trouble: DatabaseHealth, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [900]
    monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: free[0])
    with logged() as lines:
        for _ in range(20):
            free[0] -= 1
            with pytest.raises(DiskFullError) as caught:
                trouble.look()
            trouble.meet(caught.value)
            clock.advance(LOOK_SECONDS)
        free[0] = 1000
        for _ in range(4):
            trouble.look()
            clock.advance(LOOK_SECONDS)
    assert len(lines) == 2
    assert lines[0].startswith("The database cannot be used now: Disk full: ")
    assert lines[1] == "The database can be used again after 95 s."


def test_it_looks_every_few_seconds(trouble: DatabaseHealth, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble.look()
    monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: 0)
    clock.advance(LOOK_SECONDS - 0.1)
    trouble.look()
    clock.advance(0.1)
    with pytest.raises(DiskFullError):
        trouble.look()
