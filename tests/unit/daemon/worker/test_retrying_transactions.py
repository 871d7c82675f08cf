from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from daemon.worker.retrying_transactions import RETRY_SECONDS, RetryingTransactions
from storage.db.database import Database, open_database
from storage.errors import ClaimLostError, UnreachableError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Claim
from storage.status.board import StatusBoard
from storage.status.values import EngineStatus
from tests.fakes.clock import FakeClock
from tests.support.files import KEY, MODEL, SPEC, description_of, new_file


class Rival:
    """Another program that holds the write lock, and releases it once the worker has waited `times`."""

    def __init__(self, file: Path, times: int = 3) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._times = times
        self.waits: list[float] = []
        self.on_release: Callable[[], object] = lambda: None

    def lock(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) == self._times:
            self.release()
            self.on_release()

    def release(self) -> None:
        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


class Offline(Database):
    """A database that cannot be read until its reader has waited `times`."""

    def __init__(self, database: Database, times: int) -> None:
        super().__init__(database.backend)
        self._times = times
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if len(self.waits) < self._times:
            raise UnreachableError("The server is away.")
        with super().read() as connection:
            yield connection


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "smolwatch.db", busy_seconds=0.01)
    yield database
    database.close()


@pytest.fixture
def rival(database: Database) -> Iterator[Rival]:
    rival = Rival(Path(database.name))
    yield rival
    rival.close()


@pytest.fixture
def store(database: Database, clock: FakeClock, rival: Rival) -> JobStore:
    return JobStore(database, clock.now, RetryingTransactions(rival.sleep))


@pytest.fixture
def claim(store: JobStore) -> Claim:
    store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
    claim = store.claim("w", lease_seconds=60)
    assert claim
    return claim


Call = Callable[[JobStore, Claim, FakeClock], object]
WHY = {"code": "c", "reason": "r"}
OUTCOMES: dict[str, tuple[Call, JobState]] = {
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


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_is_retried_until_the_database_accepts_it(
    store: JobStore, database: Database, clock: FakeClock, rival: Rival, claim: Claim, outcome: str
) -> None:
    call, state = OUTCOMES[outcome]
    rival.lock()
    call(store, claim, clock)
    assert rival.waits == [RETRY_SECONDS] * 3
    assert Library(database).job(claim.job.id).state is state


@pytest.mark.parametrize("end", ["finish", "postpone"])
def test_the_end_of_a_publication_is_retried_too(
    store: JobStore, database: Database, clock: FakeClock, rival: Rival, claim: Claim, end: str
) -> None:
    store.publish(claim, description_of(new_file()))
    rival.lock()
    if end == "finish":
        store.finish(claim)
    else:
        store.postpone(claim, code="c", reason="r", not_before=clock.now())
    expected = JobState.DONE if end == "finish" else JobState.PUBLISHING
    assert Library(database).job(claim.job.id).state is expected
    assert len(rival.waits) == 3


def test_the_engines_state_is_retried_too(database: Database, rival: Rival) -> None:
    board = StatusBoard(database, "run", RetryingTransactions(rival.sleep))
    rival.lock()
    board.post(EngineStatus(state="ready"))
    assert board.engine() == EngineStatus(run="run", state="ready")


def test_nothing_is_claimed_meanwhile_and_the_caller_does_not_wait(store: JobStore, rival: Rival) -> None:
    store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
    rival.lock()
    assert store.claim("w", lease_seconds=60) is None
    assert store.claim_unpublished("w", lease_seconds=60) == []
    assert rival.waits == []
    rival.release()
    assert store.claim("w", lease_seconds=60)


def test_a_claim_that_was_taken_back_before_the_retry_is_lost(
    store: JobStore, database: Database, clock: FakeClock, rival: Rival, claim: Claim
) -> None:
    rival.on_release = lambda: JobStore(database, clock.now).abandon_all("The daemon was restarted.")
    rival.lock()
    with pytest.raises(ClaimLostError):
        store.publish(claim, description_of(new_file()))


def test_queries_are_retried_and_a_file_may_wait_while_the_database_cannot_be_read(
    database: Database, clock: FakeClock
) -> None:
    offline = Offline(database, times=3)
    store = JobStore(offline, clock.now, RetryingTransactions(offline.sleep))
    assert store.pending.has_file()
    assert offline.waits == []
    assert store.answers.described(["blake2b:none"], KEY) == set()
    assert offline.waits == [RETRY_SECONDS] * 3
    assert not store.pending.has_file()
