"""The thread that delivers; events say when something has happened, and nothing is waited for by the clock."""

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
from daemon.worker.heartbeat import Heartbeat
from daemon.worker.loop_progress import LoopProgress
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
from tests.support.files import MODEL, RECIPE, description_of
from tests.unit.daemon.conftest import drop, settled

LONG = 30.0


class Drive:
    """Writes sidecars; while it is `stuck`, only when it is let go."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.on_write: Callable[[], object] = lambda: None

    def stick(self) -> None:
        self.go_on.clear()

    def write(self, description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
        self.begun.set()
        assert self.go_on.wait(LONG)
        self.on_write()
        return writer.write(description, changed_from, unsynced)


class House:
    def __init__(self, inbox: Path, database: Database, clock: FakeClock) -> None:
        self.inbox, self.database, self.clock = inbox, database, clock
        self.store, self.library = JobStore(database, clock.now), Library(database)
        self.drive, self.stages = Drive(), list[Stage]()
        self.pulse = Heartbeat(self.store, beat_seconds=10, lease_seconds=60)

    @contextmanager
    def deliveries(self, store: JobStore | None = None, **bounds: int) -> Iterator[DeliveryQueue]:
        delivery = Delivery(store or self.store, self.drive.write, self.clock, lambda: 1.0)
        progress = LoopProgress(self.stages.append, self.clock)
        with DeliveryQueue(
            delivery, self.pulse, progress, self.clock, owner="w", lease_seconds=60, **bounds
        ) as deliveries:
            yield deliveries

    def describe(self, *names: str) -> list[tuple[Claim, Description]]:
        for name in names:
            file = settled(drop(self.inbox, name, name.encode()))
            self.store.admit(file, model=MODEL, recipe=RECIPE, max_attempts=3)
        claims = self.store.claim_all("w", lease_seconds=60, most=len(names))
        for claim in claims:
            self.pulse.hold(claim)
        return [(claim, description_of(settled(claim.job.path))) for claim in claims]

    def states(self) -> list[JobState]:
        return [job.state for job in reversed(self.library.jobs())]


@pytest.fixture
def house(inbox: Path, database: Database, clock: FakeClock) -> House:
    return House(inbox, database, clock)


def test_what_is_handed_over_is_delivered_beside_and_its_claims_are_held_until_then(house: House) -> None:
    house.drive.stick()
    described = house.describe("a.png", "b.png", "c.png")
    with house.deliveries() as deliveries:
        for one in described:
            deliveries.put(*one)
        assert house.drive.begun.wait(LONG)
        assert len(deliveries) == 3
        assert house.pulse.is_holding
        house.drive.go_on.set()
        deliveries.drain()
        assert len(deliveries) == 0
    assert house.states() == [JobState.DONE] * 3
    assert not house.pulse.is_holding
    assert sorted(file.name for file in house.inbox.glob("*.md")) == ["a.png.md", "b.png.md", "c.png.md"]


def test_a_drive_that_is_slower_than_the_model_makes_the_model_wait(house: House) -> None:
    house.drive.stick()
    one, *more = house.describe("a.png", "b.png", "c.png", "d.png")
    handed = threading.Event()
    with house.deliveries(most_waiting=2) as deliveries:
        deliveries.put(*one)
        assert house.drive.begun.wait(LONG)

        def hand() -> None:
            for each in more:
                deliveries.put(*each)
            handed.set()

        model = threading.Thread(target=hand)
        model.start()
        assert not handed.wait(0.05), "one is being delivered, and two wait"
        house.drive.go_on.set()
        assert handed.wait(LONG)
        model.join()
        deliveries.drain()
    assert house.states() == [JobState.DONE] * 4


def test_waiting_ends_when_something_was_delivered_and_at_once_when_there_is_nothing(house: House) -> None:
    with house.deliveries() as deliveries:
        deliveries.wait(LONG)
        deliveries.put(*house.describe("a.png")[0])
        while len(deliveries):
            deliveries.wait(LONG)
    assert house.states() == [JobState.DONE]


def test_a_file_that_holds_other_bytes_now_is_not_delivered_and_the_reason_is_handed_back(house: House) -> None:
    changed, good = house.describe("a.png", "b.png")
    (house.inbox / "a.png").write_bytes(b"other bytes")
    with house.deliveries() as deliveries:
        deliveries.put(*changed)
        deliveries.put(*good)
        deliveries.drain()
        ((claim, error),) = deliveries.take_refused()
        assert deliveries.take_refused() == []
    assert claim == changed[0]
    assert isinstance(error, ChangedError)
    assert house.states() == [JobState.RUNNING, JobState.DONE]
    assert house.pulse.is_holding, "the worker has yet to say what becomes of it"


def test_a_description_that_no_database_takes_keeps_none_of_the_others(house: House) -> None:
    good, bad, also = house.describe("a.png", "b.png", "c.png")
    broken = replace(bad[1], answers={"caption": object()})  # type: ignore[dict-item]
    house.drive.stick()
    with house.deliveries() as deliveries:
        deliveries.put(*house.describe("first.png")[0])
        assert house.drive.begun.wait(LONG)
        for one in (good, (bad[0], broken), also):
            deliveries.put(*one)
        house.drive.go_on.set()
        deliveries.drain()
        ((claim, error),) = deliveries.take_refused()
    assert claim == bad[0]
    assert not isinstance(error, StorageError)
    assert house.states() == [JobState.DONE, JobState.RUNNING, JobState.DONE, JobState.DONE]


def test_a_database_that_is_lost_is_told_to_the_worker_whatever_it_does_next(house: House) -> None:
    class Lost(JobStore):
        def publish_all(self, described: object) -> set[int]:
            raise StorageError("The database is damaged.")

    (one, two) = house.describe("a.png", "b.png")
    with house.deliveries(Lost(house.database, house.clock.now)) as deliveries:
        deliveries.put(*one)
        for way in (deliveries.drain, deliveries.check, lambda: deliveries.put(*two)):
            with pytest.raises(StorageError, match="damaged"):
                way()
        deliveries.wait(LONG)


def test_what_an_earlier_worker_left_behind_is_published_without_being_handed_over(house: House) -> None:
    ((claim, description),) = house.describe("a.png")
    house.store.publish(claim, description)
    house.store.abandon_all("The worker was killed.")
    written = threading.Event()
    house.drive.on_write = written.set
    with house.deliveries():
        assert written.wait(LONG)
    assert house.states() == [JobState.DONE]


def test_it_tells_that_it_goes_on_so_that_nobody_takes_a_slow_drive_for_a_hang(house: House) -> None:
    with house.deliveries() as deliveries:
        deliveries._progress.say(Stage.WORKING)
        house.clock.advance(2)
        deliveries.put(*house.describe("a.png")[0])
        deliveries.drain()
    assert house.stages == [Stage.WORKING, Stage.WORKING]


def test_a_drive_that_hangs_does_not_hold_up_the_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.worker.delivery_queue.GRACE_SECONDS", 0.0)
    house.drive.stick()
    with house.deliveries() as deliveries:
        deliveries.put(*house.describe("a.png")[0])
        assert house.drive.begun.wait(LONG)
    assert house.states() == [JobState.PUBLISHING]
    house.drive.go_on.set()
    deliveries._thread.join(LONG)
    assert os.listdir(house.inbox)
    assert house.states() == [JobState.DONE]
