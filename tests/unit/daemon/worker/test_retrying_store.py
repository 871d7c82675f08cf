from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.worker.retrying_store import AGAIN_SECONDS, RetryingStore
from storage.db.database import Database, open_database
from storage.errors import ClaimLostError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Claim
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, RECIPE, description_of, new_file


class Rival:
    """Another program that holds the database, and lets go of it when the worker has waited `times`."""

    def __init__(self, file: Path, times: int = 3) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._times = times
        self.waits: list[float] = []
        self.last: Callable[[], object] = lambda: None

    def hold(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) == self._times:
            self.let_go()
            self.last()

    def let_go(self) -> None:
        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "smolwatch.db", busy_seconds=0.01)
    yield database
    database.close()


@pytest.fixture
def rival(impatient: Database) -> Iterator[Rival]:
    rival = Rival(Path(impatient.name))
    yield rival
    rival.close()


@pytest.fixture
def patient(impatient: Database, clock: FakeClock, rival: Rival) -> RetryingStore:
    return RetryingStore(impatient, clock.now, rival.sleep)


@pytest.fixture
def claim(patient: RetryingStore) -> Claim:
    patient.admit(new_file(), model=MODEL, recipe=RECIPE, max_attempts=3)
    claim = patient.claim("w", lease_seconds=60)
    assert claim
    return claim


Way = Callable[[RetryingStore, Claim, FakeClock], object]
WHY = {"code": "c", "reason": "r"}
WAYS: dict[str, tuple[Way, JobState]] = {
    "release": (lambda store, claim, _: store.release(claim, "Stopping."), JobState.QUEUED),
    "publish": (lambda store, claim, _: store.publish(claim, description_of(new_file())), JobState.PUBLISHING),
    "fail": (lambda store, claim, _: store.fail(claim, **WHY, cause=Cause.INPUT), JobState.FAILED),
    "skip": (lambda store, claim, _: store.skip(claim, **WHY), JobState.SKIPPED),
    "gone": (lambda store, claim, _: store.mark_gone(claim, "r"), JobState.GONE),
    "retry": (
        lambda store, claim, clock: store.retry_later(
            claim, **WHY, cause=Cause.TRANSIENT, not_before=clock.now() + timedelta(seconds=9)
        ),
        JobState.QUEUED,
    ),
    "wait": (
        lambda store, claim, clock: store.wait(
            claim, **WHY, cause=Cause.ENVIRONMENT, not_before=clock.now() + timedelta(seconds=9)
        ),
        JobState.QUEUED,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_outcome_is_kept_until_the_database_takes_it(
    patient: RetryingStore, impatient: Database, clock: FakeClock, rival: Rival, claim: Claim, way: str
) -> None:
    go, state = WAYS[way]
    rival.hold()
    go(patient, claim, clock)
    assert rival.waits == [AGAIN_SECONDS] * 3
    assert Library(impatient).job(claim.job.id).state is state


@pytest.mark.parametrize("end", ["finish", "postpone"])
def test_so_is_the_end_of_a_publication(
    patient: RetryingStore, impatient: Database, clock: FakeClock, rival: Rival, claim: Claim, end: str
) -> None:
    patient.publish(claim, description_of(new_file()))
    rival.hold()
    if end == "finish":
        patient.finish(claim)
    else:
        patient.postpone(claim, code="c", reason="r", not_before=clock.now())
    expected = JobState.DONE if end == "finish" else JobState.PUBLISHING
    assert Library(impatient).job(claim.job.id).state is expected
    assert len(rival.waits) == 3


def test_so_is_what_the_engine_says_of_itself(patient: RetryingStore, rival: Rival) -> None:
    rival.hold()
    patient.set_state("engine", {"state": "ready"})
    assert patient.state("engine") == {"state": "ready"}


def test_nothing_new_is_taken_meanwhile_and_nobody_waits_for_it(patient: RetryingStore, rival: Rival) -> None:
    patient.admit(new_file(), model=MODEL, recipe=RECIPE, max_attempts=3)
    rival.hold()
    assert patient.claim("w", lease_seconds=60) is None
    assert patient.claim_unpublished("w", lease_seconds=60) == []
    assert rival.waits == []
    rival.let_go()
    assert patient.claim("w", lease_seconds=60)


def test_a_claim_that_was_taken_back_in_between_is_lost(
    patient: RetryingStore, impatient: Database, clock: FakeClock, rival: Rival, claim: Claim
) -> None:
    rival.last = lambda: JobStore(impatient, clock.now).abandon_all("The daemon was restarted.")
    rival.hold()
    with pytest.raises(ClaimLostError):
        patient.publish(claim, description_of(new_file()))
