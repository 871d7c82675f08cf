from __future__ import annotations

import pytest

from storage.db.database import Database
from storage.health import has_wal_reset_bug, problems
from storage.jobs.store import JobStore
from storage.lifecycle import Cause
from storage.records import NewFile
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of, new_file


@pytest.mark.parametrize(
    ("version", "bad"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 4), False),
        ((4, 0, 0), False),
    ],
)
def test_the_versions_with_the_wal_reset_bug(version: tuple[int, int, int], bad: bool) -> None:
    assert has_wal_reset_bug(version) is bad


@pytest.fixture
def busy(database: Database, store: JobStore, clock: FakeClock) -> Database:
    """Jobs in every state: 1 done, 2 failed, 3 gone, 4 publishing, 5 running, 6 queued."""
    for number in range(1, 7):
        store.admit(named(number), spec=SPEC, model=MODEL, max_attempts=3)
    claims = [store.claim("w", lease_seconds=60) for _ in range(5)]
    first, second, third, fourth, fifth = (claim for claim in claims if claim)
    store.publish(first, description_of(named(1)))
    store.postpone(first, code="read-only", reason="Not now.", not_before=clock.now())
    ((again, _),) = store.claim_unpublished("w", lease_seconds=60)
    store.finish(again)
    store.fail(second, code="damaged", reason="No picture.", cause=Cause.INPUT)
    store.requeue(2)
    store.mark_gone(third, "It went away.")
    store.publish(fourth, description_of(named(4)))
    store.release(fifth, "Stopping.")
    for _ in range(2):
        assert store.claim("w", lease_seconds=60)
    store.admit(named(6, b"other bytes"), spec=SPEC, model=MODEL, max_attempts=3)
    return database


def named(number: int, content: bytes = b"") -> NewFile:
    return new_file(b"/inbox/%d.jpg" % number, content or b"%d" % number)


def test_what_the_store_writes_is_sound(busy: Database) -> None:
    assert problems(busy) == []


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        ("DELETE FROM descriptions WHERE job_id = 1", "described, but without a description"),
        ("UPDATE descriptions SET job_id = 3 WHERE job_id = 1", "not described, but with a description"),
        ("DELETE FROM stats", "Job 1, 4: described, but without statistics."),
        ("UPDATE jobs SET attempts = max_attempts WHERE state = 'queued'", "queued, with no attempt left"),
        ("UPDATE jobs SET token = 0 WHERE id = 1", "Job 1: claimed more often than its token counts."),
        ("UPDATE jobs SET state = 'skipped' WHERE state = 'gone'", "Job 3: in another state than its last event."),
        ("DELETE FROM events WHERE job_id = 3", "Job 3: in another state than its last event."),
        ("DELETE FROM events WHERE after = 'running' AND job_id = 3", "Job 3: with events that are not consecutive"),
        ("UPDATE events SET before = 'queued' WHERE after = 'done'", "Job 1: with a transition that is not allowed."),
        ("UPDATE jobs SET media_id = 99 WHERE id = 3", "refers to a missing row of media"),
        ("UPDATE jobs SET attempts = 9 WHERE id = 3", "Damaged: CHECK constraint failed"),
    ],
)
def test_broken_rules_are_found(busy: Database, harm: str, expected: str) -> None:
    with busy.read() as connection:  # the only connection there is: its rules can be put aside
        driver = connection.connection.driver_connection
        assert driver is not None
    driver.executescript(
        f"PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1; {harm}; PRAGMA ignore_check_constraints = 0"
    )
    assert any(expected in problem for problem in problems(busy)), problems(busy)


def test_many_jobs_are_counted_rather_than_named(busy: Database) -> None:
    with busy.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    assert "Job 1, 2, 3, 4, 5 and 1 more: in another state than its last event." in problems(busy)
