"""The thread that delivers; events instead of sleeps."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.delivery import Delivery
from daemon.errors import ChangedError
from daemon.messages import Stage
from daemon.worker.delivery_queue import DeliveryQueue
from daemon.worker.heartbeat import Heartbeat, StageReporter
from storage.db.database import Database
from storage.description import Description
from storage.errors import StorageError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Claim
from storage.sidecars import writer
from storage.sidecars.conflict_copy import ChangedFrom
from storage.sidecars.writer import KeptSidecar
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of
from tests.unit.daemon.conftest import drop, settled

LONG = 30.0


class Drive:
    """Writes sidecars; after `block`, only when `unblocked` is set."""

    def __init__(self) -> None:
        self.begun, self.unblocked = threading.Event(), threading.Event()
        self.unblocked.set()
        self.on_write: Callable[[], object] = lambda: None

    def block(self) -> None:
        self.unblocked.clear()

    def write(self, description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
        self.begun.set()
        assert self.unblocked.wait(LONG)
        self.on_write()
        return writer.write(description, changed_from, unsynced)


class DeliveryHome:
    def __init__(self, inbox: Path, database: Database, clock: FakeClock) -> None:
        self.inbox, self.database, self.clock = inbox, database, clock
        self.store, self.library = JobStore(database, clock.now), Library(database)
        self.drive, self.stages = Drive(), list[Stage]()
        self.heartbeat = Heartbeat(self.store, beat_seconds=10, lease_seconds=60)

    @contextmanager
    def deliveries(self, store: JobStore | None = None, **bounds: int) -> Iterator[DeliveryQueue]:
        delivery = Delivery(store or self.store, self.drive.write, self.clock, lambda: 1.0)
        progress = StageReporter(self.stages.append, self.clock)
        with DeliveryQueue(
            delivery, self.heartbeat, progress, self.clock, owner="w", lease_seconds=60, **bounds
        ) as deliveries:
            yield deliveries

    def describe(self, *names: str) -> list[tuple[Claim, Description]]:
        for name in names:
            file = settled(drop(self.inbox, name, name.encode()))
            self.store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)
        claims = self.store.claim_all("w", lease_seconds=60, most=len(names))
        for claim in claims:
            self.heartbeat.hold(claim)
        return [(claim, description_of(settled(claim.job.path))) for claim in claims]

    def states(self) -> list[JobState]:
        return [job.state for job in reversed(self.library.jobs())]


@pytest.fixture
def home(inbox: Path, database: Database, clock: FakeClock) -> DeliveryHome:
    return DeliveryHome(inbox, database, clock)


def test_descriptions_are_delivered_in_the_background_and_their_claims_held_until_then(home: DeliveryHome) -> None:
    home.drive.block()
    described = home.describe("a.png", "b.png", "c.png")
    with home.deliveries() as deliveries:
        for claim, description in described:
            deliveries.put(claim, description)
        assert home.drive.begun.wait(LONG)
        assert len(deliveries) == 3
        assert home.heartbeat.is_holding
        home.drive.unblocked.set()
        deliveries.drain()
        assert len(deliveries) == 0
    assert home.states() == [JobState.DONE] * 3
    assert not home.heartbeat.is_holding
    assert sorted(file.name for file in home.inbox.glob("*.md")) == ["a.png.md", "b.png.md", "c.png.md"]


def test_a_drive_that_is_slower_than_the_model_makes_the_model_wait(home: DeliveryHome) -> None:
    home.drive.block()
    first, *others = home.describe("a.png", "b.png", "c.png", "d.png")
    handed_over = threading.Event()
    with home.deliveries(max_waiting=2) as deliveries:
        deliveries.put(*first)
        assert home.drive.begun.wait(LONG)

        def put_others() -> None:
            for claim, description in others:
                deliveries.put(claim, description)
            handed_over.set()

        model = threading.Thread(target=put_others)
        model.start()
        assert not handed_over.wait(0.05), "one is in delivery, and two wait"
        home.drive.unblocked.set()
        assert handed_over.wait(LONG)
        model.join()
        deliveries.drain()
    assert home.states() == [JobState.DONE] * 4


def test_waiting_ends_with_a_delivery_and_at_once_when_there_is_nothing_to_deliver(home: DeliveryHome) -> None:
    with home.deliveries() as deliveries:
        deliveries.wait(LONG)
        deliveries.put(*home.describe("a.png")[0])
        while len(deliveries):
            deliveries.wait(LONG)
    assert home.states() == [JobState.DONE]


def test_a_file_that_has_changed_is_not_delivered_and_the_reason_is_returned(home: DeliveryHome) -> None:
    changed, good = home.describe("a.png", "b.png")
    (home.inbox / "a.png").write_bytes(b"other bytes")
    with home.deliveries() as deliveries:
        deliveries.put(*changed)
        deliveries.put(*good)
        deliveries.drain()
        ((claim, error),) = deliveries.take_refused()
        assert deliveries.take_refused() == []
    assert claim == changed[0]
    assert isinstance(error, ChangedError)
    assert home.states() == [JobState.RUNNING, JobState.DONE]
    assert home.heartbeat.is_holding, "the worker has not handled it yet"


def test_a_description_that_the_database_refuses_blocks_no_other(home: DeliveryHome) -> None:
    good, bad, also = home.describe("a.png", "b.png", "c.png")
    broken = replace(bad[1], answers={"caption": object()})  # type: ignore[dict-item]
    home.drive.block()
    with home.deliveries() as deliveries:
        deliveries.put(*home.describe("first.png")[0])
        assert home.drive.begun.wait(LONG)
        for claim, description in (good, (bad[0], broken), also):
            deliveries.put(claim, description)
        home.drive.unblocked.set()
        deliveries.drain()
        ((claim, error),) = deliveries.take_refused()
    assert claim == bad[0]
    assert not isinstance(error, StorageError)
    assert home.states() == [JobState.DONE, JobState.RUNNING, JobState.DONE, JobState.DONE]


def test_a_lost_database_is_raised_in_the_worker_at_its_next_call(home: DeliveryHome) -> None:
    class Lost(JobStore):
        def publish_all(self, described: object) -> set[int]:
            raise StorageError("The database is damaged.")

    (first, second) = home.describe("a.png", "b.png")
    with home.deliveries(Lost(home.database, home.clock.now)) as deliveries:
        deliveries.put(*first)
        for call in (deliveries.drain, deliveries.check, lambda: deliveries.put(*second)):
            with pytest.raises(StorageError, match="damaged"):
                call()
        deliveries.wait(LONG)


def test_what_an_earlier_worker_left_is_published(home: DeliveryHome) -> None:
    ((claim, description),) = home.describe("a.png")
    home.store.publish(claim, description)
    home.store.abandon_all("The worker was killed.")
    written = threading.Event()
    home.drive.on_write = written.set
    with home.deliveries():
        assert written.wait(LONG)
    assert home.states() == [JobState.DONE]


def test_it_reports_progress_so_that_a_slow_drive_is_no_hang(home: DeliveryHome) -> None:
    with home.deliveries() as deliveries:
        deliveries._stages.report(Stage.WORKING)
        home.clock.advance(2)
        deliveries.put(*home.describe("a.png")[0])
        deliveries.drain()
    assert home.stages == [Stage.WORKING, Stage.WORKING]


def test_a_drive_that_hangs_does_not_delay_the_end(home: DeliveryHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.worker.delivery_queue.GRACE_SECONDS", 0.0)
    home.drive.block()
    with home.deliveries() as deliveries:
        deliveries.put(*home.describe("a.png")[0])
        assert home.drive.begun.wait(LONG)
    assert home.states() == [JobState.PUBLISHING]
    home.drive.unblocked.set()
    deliveries._thread.join(LONG)
    assert os.listdir(home.inbox)
    assert home.states() == [JobState.DONE]
