"""The order row, sidecars, done, with the process killed between any two steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.delivery import Delivery
from storage import sidecars
from storage.errors import LostClaim, SidecarError
from storage.jobs import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Claim, Description
from storage.sidecars import ChangedFrom, Kept
from tests.fakes.clock import FakeClock
from tests.fakes.files import MODEL, RECIPE, description_of
from tests.fakes.logs import logged
from tests.unit.daemon.conftest import drop, settled


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.fixture
def claim(store: JobStore, inbox: Path) -> Claim:
    store.admit(settled(drop(inbox, "beach.png")), model=MODEL, recipe=RECIPE, max_attempts=3)
    claim = store.claim("first", lease_seconds=60)
    assert claim is not None
    return claim


@pytest.fixture
def description(claim: Claim) -> Description:
    return description_of(settled(claim.job.path))


def killed(description: Description, changed_from: ChangedFrom) -> list[Kept]:
    raise Killed


def full(description: Description, changed_from: ChangedFrom) -> list[Kept]:
    raise SidecarError("disk-full", "The disk is full")


def state(library: Library, claim: Claim) -> JobState:
    return library.job(claim.job.id).state


def test_a_delivered_job_is_done_and_its_sidecars_stand(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    Delivery(store, sidecars.write, clock, lambda: 1.0).deliver(claim, description)
    assert state(library, claim) is JobState.DONE
    assert {file.name for file in inbox.iterdir()} == {"beach.png", "beach.png.md", "beach.png.smolwatch.json"}


def test_the_row_stands_before_the_first_sidecar_is_begun(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description
) -> None:
    def look(written: Description, changed_from: ChangedFrom) -> list[Kept]:
        assert state(library, claim) is JobState.PUBLISHING
        assert library.description(claim.job.id) == written
        return []

    Delivery(store, look, clock, lambda: 1.0).deliver(claim, description)
    assert state(library, claim) is JobState.DONE


def test_killed_before_the_sidecars_the_job_is_published_again_and_not_described_again(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    with pytest.raises(Killed):
        Delivery(store, killed, clock, lambda: 1.0).deliver(claim, description)
    store.abandon_all("restart")
    assert store.claim("second", lease_seconds=60) is None
    assert Delivery(store, sidecars.write, clock, lambda: 1.0).take_up("second", lease_seconds=60) == 1
    assert state(library, claim) is JobState.DONE
    assert (inbox / "beach.png.smolwatch.json").exists()


def test_killed_after_the_sidecars_they_are_written_again_to_the_same_bytes(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    def write_and_die(written: Description, changed_from: ChangedFrom) -> list[Kept]:
        sidecars.write(written)
        raise Killed

    with pytest.raises(Killed):
        Delivery(store, write_and_die, clock, lambda: 1.0).deliver(claim, description)
    first = (inbox / "beach.png.smolwatch.json").read_bytes()
    store.abandon_all("restart")
    Delivery(store, sidecars.write, clock, lambda: 1.0).take_up("second", lease_seconds=60)
    assert (inbox / "beach.png.smolwatch.json").read_bytes() == first
    assert state(library, claim) is JobState.DONE


def test_sidecars_that_cannot_be_written_wait_with_a_growing_pause_and_a_reason(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description
) -> None:
    delivery = Delivery(store, full, clock, lambda: 1.0)
    delivery.deliver(claim, description)
    for pause in (10, 40, 60, 60):
        job = library.job(claim.job.id)
        assert (job.state, job.reason) == (JobState.PUBLISHING, "Sidecars pending. The disk is full")
        assert job.not_before is not None
        assert (job.not_before - clock.now()).total_seconds() == pause
        assert delivery.take_up("first", lease_seconds=60) == 0
        clock.advance(pause)
        assert delivery.take_up("first", lease_seconds=60) == 1
    notes = [event.note for event in library.events(claim.job.id)]
    assert notes.count("Sidecars pending. The disk is full") == 1, "the story does not grow with every try"
    assert not any(note.startswith("Taken up") for note in notes)


def test_many_jobs_that_wait_for_the_same_are_logged_once_and_so_is_the_end(
    store: JobStore, clock: FakeClock, inbox: Path
) -> None:
    is_full = True

    def write(description: Description, changed_from: ChangedFrom) -> list[Kept]:
        return full(description, changed_from) if is_full else []

    delivery = Delivery(store, write, clock, lambda: 1.0)
    with logged() as lines:
        for number in range(5):
            file = settled(drop(inbox, f"{number}.png", b"%d" % number))
            store.admit(file, model=MODEL, recipe=RECIPE, max_attempts=3)
            claim = store.claim("first", lease_seconds=60)
            assert claim is not None
            delivery.deliver(claim, description_of(file))
        for _ in range(10):
            clock.advance(60)
            delivery.take_up("first", lease_seconds=60)
        assert lines == ["Sidecars pending. The disk is full (first for 0.png)"]
        is_full = False
        clock.advance(60)
        delivery.take_up("first", lease_seconds=60)
    assert [line for line in lines[1:] if "done" not in line] == [
        "Sidecars are written again (disk-full) after 10 min."
    ]


def test_what_nobody_foresaw_stops_no_other_publication(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description
) -> None:
    def breaks(description: Description, changed_from: ChangedFrom) -> list[Kept]:
        raise ValueError("unforeseen")

    Delivery(store, breaks, clock, lambda: 1.0).deliver(claim, description)
    job = library.job(claim.job.id)
    assert (job.state, job.reason_code) == (JobState.PUBLISHING, "internal")
    assert job.reason == "Sidecars pending. Something unexpected went wrong; the log says more."
    assert job.detail == "ValueError: unforeseen"


def test_a_lost_claim_delivers_nothing(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    store.abandon_all("taken back")
    with pytest.raises(LostClaim):
        Delivery(store, sidecars.write, clock, lambda: 1.0).deliver(claim, description)
    assert [file.name for file in inbox.iterdir()] == ["beach.png"]
    assert library.description(claim.job.id) is None


def test_what_was_kept_is_told_in_the_jobs_story(
    store: JobStore, library: Library, clock: FakeClock, claim: Claim, description: Description, inbox: Path
) -> None:
    (inbox / "beach.png.md").write_text("my own notes")
    Delivery(store, sidecars.write, clock, lambda: 1.0).deliver(claim, description)
    assert state(library, claim) is JobState.DONE
    assert (inbox / "beach.png.md").read_text() == "my own notes"
    note = "beach.png.md was not written: a file that smolwatch did not write stands there."
    assert library.events(claim.job.id)[-1].note == note
