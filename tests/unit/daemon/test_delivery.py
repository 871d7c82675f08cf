"""The order row, sidecars, done, with the process killed between any two steps."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from stat import S_ISDIR

import pytest
from sqlalchemy import Connection

from daemon.delivery import Delivery
from storage.db.database import Database
from storage.description import Description
from storage.errors import SidecarError
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Claim
from storage.sidecars import durability, writer
from storage.sidecars.conflict_copy import ChangedFrom
from storage.sidecars.writer import KeptSidecar
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of
from tests.support.logs import logged
from tests.unit.daemon.conftest import drop, settled


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.fixture
def claim(store: JobStore, inbox: Path) -> Claim:
    store.admit(settled(drop(inbox, "beach.png")), spec=SPEC, model=MODEL, max_attempts=3)
    claim = store.claim("first", lease_seconds=60)
    assert claim is not None
    return claim


@pytest.fixture
def description(claim: Claim) -> Description:
    return description_of(settled(claim.job.path))


def killed(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
    raise Killed


def full(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
    raise SidecarError("disk-full", "The disk is full")


def state(library: Library, claim: Claim) -> JobState:
    return library.job(claim.job.id).state


def test_a_delivered_job_is_done_and_its_sidecars_exist(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    Delivery(store, writer.write, clock, lambda: 1.0).deliver([(claim, description)])
    assert state(library, claim) is JobState.DONE
    assert {file.name for file in inbox.iterdir()} == {"beach.png", "beach.png.md", "beach.png.smolwatch.json"}


def test_the_row_is_stored_before_the_first_sidecar_is_begun(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description
) -> None:
    def look(written: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
        assert state(library, claim) is JobState.PUBLISHING
        assert library.description(claim.job.id) == written
        return []

    Delivery(store, look, clock, lambda: 1.0).deliver([(claim, description)])
    assert state(library, claim) is JobState.DONE


def test_killed_before_the_sidecars_the_job_is_published_again_and_not_described_again(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    with pytest.raises(Killed):
        Delivery(store, killed, clock, lambda: 1.0).deliver([(claim, description)])
    store.abandon_all("restart")
    assert store.claim("second", lease_seconds=60) is None
    assert Delivery(store, writer.write, clock, lambda: 1.0).claim_unpublished("second", lease_seconds=60) == 1
    assert state(library, claim) is JobState.DONE
    assert (inbox / "beach.png.smolwatch.json").exists()


def test_killed_after_the_sidecars_they_are_written_again_to_the_same_bytes(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    def write_and_die(written: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
        writer.write(written)
        raise Killed

    with pytest.raises(Killed):
        Delivery(store, write_and_die, clock, lambda: 1.0).deliver([(claim, description)])
    first = (inbox / "beach.png.smolwatch.json").read_bytes()
    store.abandon_all("restart")
    Delivery(store, writer.write, clock, lambda: 1.0).claim_unpublished("second", lease_seconds=60)
    assert (inbox / "beach.png.smolwatch.json").read_bytes() == first
    assert state(library, claim) is JobState.DONE


def test_the_temporaries_of_a_killed_worker_are_removed_and_those_of_others_are_kept(
    store: JobStore, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    with pytest.raises(Killed):
        Delivery(store, killed, clock, lambda: 1.0).deliver([(claim, description)])
    store.abandon_all("The worker was killed.")
    left, written = inbox / ".sw-0123456789abcdef.tmp", inbox / ".sw-fedcba9876543210.tmp"
    for file, age in ((left, 5.0), (written, -5.0)):
        file.touch()
        os.utime(file, (clock.now().timestamp() - age,) * 2)
    Delivery(store, writer.write, clock, lambda: 1.0).claim_unpublished("second", lease_seconds=60)
    assert (left.exists(), written.exists()) == (False, True)
    assert (inbox / "beach.png.md").exists()


def test_sidecars_that_cannot_be_written_wait_with_a_growing_pause_and_a_reason(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description
) -> None:
    delivery = Delivery(store, full, clock, lambda: 1.0)
    delivery.deliver([(claim, description)])
    for pause in (10, 40, 60, 60):
        job = library.job(claim.job.id)
        assert (job.state, job.reason) == (JobState.PUBLISHING, "Sidecars pending. The disk is full")
        assert job.not_before is not None
        assert (job.not_before - clock.now()).total_seconds() == pause
        assert delivery.claim_unpublished("first", lease_seconds=60) == 0
        clock.advance(pause)
        assert delivery.claim_unpublished("first", lease_seconds=60) == 1
    notes = [event.note for event in library.events(claim.job.id)]
    assert notes.count("Sidecars pending. The disk is full") == 1, "the events do not grow with every retry"
    assert not any(note.startswith("Publication resumed") for note in notes)


def test_many_jobs_with_the_same_cause_are_logged_once_and_so_is_the_end(
    store: JobStore, clock: FakeClock, inbox: Path
) -> None:
    is_full = True

    def write(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
        return full(description, changed_from, unsynced) if is_full else []

    delivery = Delivery(store, write, clock, lambda: 1.0)
    with logged() as lines:
        for number in range(5):
            file = settled(drop(inbox, f"{number}.png", b"%d" % number))
            store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)
            claim = store.claim("first", lease_seconds=60)
            assert claim is not None
            delivery.deliver([(claim, description_of(file))])
        for _ in range(10):
            clock.advance(60)
            delivery.claim_unpublished("first", lease_seconds=60)
        assert lines == ["Sidecars pending. The disk is full (first for 0.png)"]
        is_full = False
        clock.advance(60)
        delivery.claim_unpublished("first", lease_seconds=60)
    assert [line for line in lines[1:] if "done" not in line] == [
        "Sidecars are written again (disk-full) after 10 min."
    ]


def test_an_unexpected_error_blocks_no_other_publication(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description
) -> None:
    def breaks(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
        raise ValueError("unforeseen")

    Delivery(store, breaks, clock, lambda: 1.0).deliver([(claim, description)])
    job = library.job(claim.job.id)
    assert (job.state, job.reason_code) == (JobState.PUBLISHING, "internal")
    assert job.reason == "Sidecars pending. Unexpected error; see the log for details."
    assert job.detail == "ValueError: unforeseen"


def test_a_lost_claim_delivers_nothing(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    store.abandon_all("The worker was killed.")
    Delivery(store, writer.write, clock, lambda: 1.0).deliver([(claim, description)])
    assert [file.name for file in inbox.iterdir()] == ["beach.png"]
    assert library.description(claim.job.id) is None


def test_a_kept_sidecar_is_an_event_of_the_job(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    (inbox / "beach.png.md").write_text("my own notes")
    Delivery(store, writer.write, clock, lambda: 1.0).deliver([(claim, description)])
    assert state(library, claim) is JobState.DONE
    assert (inbox / "beach.png.md").read_text() == "my own notes"
    note = "beach.png.md was not written: a file that smolwatch did not write already exists."
    assert library.events(claim.job.id)[-1].note == note


class CountingDatabase(Database):
    """Counts its transactions that write."""

    writes = 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.writes += 1
        with super().write() as connection:
            yield connection


class TestTogether:
    """Several jobs that were described shortly after one another."""

    NAMES = tuple(f"{number}.png" for number in range(8))

    @pytest.fixture
    def counting(self, database: Database) -> Iterator[CountingDatabase]:
        with closing(CountingDatabase(database.backend)) as counting:
            yield counting

    @pytest.fixture
    def store(self, counting: CountingDatabase, clock: FakeClock) -> JobStore:
        return JobStore(counting, clock.now)

    @pytest.fixture
    def described(self, store: JobStore, inbox: Path) -> list[tuple[Claim, Description]]:
        files = [settled(drop(inbox, name, name.encode())) for name in self.NAMES]
        store.admit_all(files, spec=SPEC, model=MODEL, max_attempts=3)
        claims = store.claim_all("first", lease_seconds=60, most=len(files))
        return [(claim, description_of(file)) for claim, file in zip(claims, files, strict=True)]

    def test_they_cost_two_transactions_and_two_syncs_a_file_and_one_for_their_folder(
        self,
        counting: CountingDatabase,
        store: JobStore,
        library: Library,
        clock: FakeClock,
        described: list[tuple[Claim, Description]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        before, synced = counting.writes, list[bool]()
        monkeypatch.setattr(os, "fsync", lambda fd: synced.append(S_ISDIR(os.fstat(fd).st_mode)))
        Delivery(store, writer.write, clock, lambda: 1.0).deliver(described)
        assert counting.writes - before == 2
        assert synced == [False] * 2 * len(described) + [True]
        assert library.counts()[JobState.DONE] == len(described)

    def test_all_rows_are_stored_before_the_first_sidecar_and_all_names_synced_before_the_first_is_done(
        self, store: JobStore, library: Library, clock: FakeClock, described: list[tuple[Claim, Description]]
    ) -> None:
        seen: list[str] = []

        def write(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
            assert library.counts()[JobState.PUBLISHING] == len(described)
            seen.append("written")
            return writer.write(description, changed_from, unsynced)

        def sync(folders: Collection[bytes]) -> dict[bytes, SidecarError]:
            assert library.counts()[JobState.PUBLISHING] == len(described)
            seen.append(f"{len(folders)} synced")
            return durability.sync(folders)

        Delivery(store, write, clock, lambda: 1.0, sync).deliver(described)
        assert seen == ["written"] * len(described) + ["1 synced"]
        assert library.counts()[JobState.DONE] == len(described)

    def test_a_claim_that_was_lost_delivers_nothing_and_stops_no_other(
        self,
        store: JobStore,
        library: Library,
        clock: FakeClock,
        described: list[tuple[Claim, Description]],
        inbox: Path,
    ) -> None:
        lost = described[3][0]
        store.release(lost, "Given back.")
        Delivery(store, writer.write, clock, lambda: 1.0).deliver(described)
        assert state(library, lost) is JobState.QUEUED
        assert library.counts()[JobState.DONE] == len(described) - 1
        assert len(list(inbox.glob("*.md"))) == len(described) - 1
        assert not (inbox / "3.png.md").exists()

    def test_a_folder_that_cannot_be_synced_keeps_its_own_jobs_from_being_done(
        self, store: JobStore, library: Library, clock: FakeClock, inbox: Path
    ) -> None:
        for name in ("bad/a.png", "good/b.png"):
            store.admit(settled(drop(inbox, name, name.encode())), spec=SPEC, model=MODEL, max_attempts=3)
        bad, good = store.claim_all("first", lease_seconds=60, most=2)

        def sync(folders: Collection[bytes]) -> dict[bytes, SidecarError]:
            return {one: SidecarError("sidecar", "Input/output error") for one in folders if one.endswith(b"/bad")}

        described = [(claim, description_of(settled(claim.job.path))) for claim in (bad, good)]
        Delivery(store, writer.write, clock, lambda: 1.0, sync).deliver(described)
        assert (state(library, bad), state(library, good)) == (JobState.PUBLISHING, JobState.DONE)
        assert library.job(bad.job.id).reason == "Sidecars pending. Input/output error"
        clock.advance(60)
        assert Delivery(store, writer.write, clock, lambda: 1.0).claim_unpublished("first", lease_seconds=60) == 1
        assert state(library, bad) is JobState.DONE

    def test_one_whose_sidecars_cannot_be_written_waits_and_the_others_are_done(
        self, store: JobStore, library: Library, clock: FakeClock, described: list[tuple[Claim, Description]]
    ) -> None:
        def write(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
            if description.name == "3.png":
                return full(description, changed_from, unsynced)
            return writer.write(description, changed_from, unsynced)

        Delivery(store, write, clock, lambda: 1.0).deliver(described)
        counts = library.counts()
        assert (counts[JobState.PUBLISHING], counts[JobState.DONE]) == (1, len(described) - 1)
        assert state(library, described[3][0]) is JobState.PUBLISHING

    def test_killed_in_between_they_are_all_published_again_and_not_described_again(
        self, store: JobStore, library: Library, clock: FakeClock, described: list[tuple[Claim, Description]]
    ) -> None:
        def write(description: Description, changed_from: ChangedFrom, unsynced: set[bytes]) -> list[KeptSidecar]:
            if description.name == "3.png":
                raise Killed
            return writer.write(description, changed_from, unsynced)

        with pytest.raises(Killed):
            Delivery(store, write, clock, lambda: 1.0).deliver(described)
        store.abandon_all("restart")
        assert store.claim("second", lease_seconds=60) is None
        taken = Delivery(store, writer.write, clock, lambda: 1.0).claim_unpublished("second", lease_seconds=60)
        assert taken == len(described)
        assert library.counts()[JobState.DONE] == len(described)
