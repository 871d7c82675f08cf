from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.supervision.database_health import CHECK_SECONDS, DatabaseHealth
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
def notes() -> list[str]:
    return []


@pytest.fixture
def health(impatient: Database, clock: FakeClock, notes: list[str]) -> DatabaseHealth:
    return DatabaseHealth(impatient, clock, notes.append)


def test_a_healthy_database_gets_no_note_and_no_write(
    health: DatabaseHealth, impatient: Database, notes: list[str]
) -> None:
    log = Path(impatient.name).with_name("smolwatch.db-wal")
    before = log.stat().st_size
    health.check()
    assert notes == []
    assert log.stat().st_size == before


def test_a_held_database_is_noted_once_and_so_is_its_end(
    health: DatabaseHealth, impatient: Database, clock: FakeClock, notes: list[str]
) -> None:
    with closing(sqlite3.connect(Path(impatient.name), isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(BusyError) as caught:
                health.check()
            health.record(caught.value)
            clock.advance(CHECK_SECONDS)
        rival.execute("ROLLBACK")
    assert len(notes) == 1
    assert "held by another program" in notes[0]
    health.check()
    assert notes[1:] == [""]


def test_too_little_disk_space_is_noted_until_there_is_enough(
    health: DatabaseHealth, clock: FakeClock, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: 999)
    with pytest.raises(DiskFullError) as caught:
        health.check()
    health.record(caught.value)
    clock.advance(CHECK_SECONDS)
    monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: 1000)
    health.check()
    assert notes[0].startswith("Disk full: ")
    assert notes[1:] == [""]


def test_a_disk_that_stays_full_is_logged_once_however_full_it_is_and_so_is_its_end(
    health: DatabaseHealth, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [900]
    monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: free[0])
    with logged() as lines:
        for _ in range(20):
            free[0] -= 1
            with pytest.raises(DiskFullError) as caught:
                health.check()
            health.record(caught.value)
            clock.advance(CHECK_SECONDS)
        free[0] = 1000
        for _ in range(4):
            health.check()
            clock.advance(CHECK_SECONDS)
    assert len(lines) == 2
    assert lines[0].startswith("The database is unavailable: Disk full: ")
    assert lines[1] == "The database is available again after 95 s."


def test_it_checks_every_few_seconds(health: DatabaseHealth, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    health.check()
    monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: 0)
    clock.advance(CHECK_SECONDS - 0.1)
    health.check()
    clock.advance(0.1)
    with pytest.raises(DiskFullError):
        health.check()
