from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.errors import NoAccessError
from daemon.intake.admit_result import AdmitResult
from daemon.intake.admitter import Admitter, Identify
from daemon.intake.birth_time import birth_of
from daemon.intake.identity import identify
from daemon.intake.refusal_texts import sentence_of
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Fingerprint, MediaKind, NewFile
from storage.sidecars import writer
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of, digest_of
from tests.unit.daemon.conftest import PNG, drop, settled


@pytest.fixture
def opened() -> list[bytes]:
    """The paths that were opened."""
    return []


@pytest.fixture
def admitter(store: JobStore, library: Library, clock: FakeClock, opened: list[bytes]) -> Admitter:
    def watched(path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
        opened.append(path)
        return identify(path, settled, max_bytes=max_bytes)

    return make_gate(store, library, clock, watched)


def make_gate(store: JobStore, library: Library, clock: FakeClock, identify: Identify) -> Admitter:
    return Admitter(
        store, library, clock, spec_of=lambda _: SPEC, model=MODEL, max_attempts=3, max_bytes=1000, identify=identify
    )


def enter(admitter: Admitter, path: bytes) -> AdmitResult:
    return admitter.admit_all({path: Fingerprint.of(os.lstat(path))})[path]


def describe(store: JobStore) -> None:
    """The job that waits."""
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    store.publish(claim, description_of(settled(claim.job.path)))
    store.finish(claim)


def overwrite(file: Path) -> None:
    """As a program that writes into the file."""
    with file.open("r+b") as opened:
        opened.write(PNG + b"mountain")


def rename_over(file: Path) -> None:
    """As a program that writes a new file and puts it in the place of the old one."""
    (file.parent / "new").write_bytes(PNG + b"mountain")
    (file.parent / "new").rename(file)


def delete_and_create(file: Path) -> None:
    file.unlink()
    file.write_bytes(PNG + b"mountain")


def reason(library: Library, path: bytes) -> str:
    refusal = library.refusal(path)
    assert refusal is not None
    return f"{refusal.code}: {sentence_of(refusal)}"


def test_a_picture_is_queued_by_its_content_not_its_name(admitter: Admitter, library: Library, inbox: Path) -> None:
    path = drop(inbox, "holiday.txt")
    assert enter(admitter, path) is AdmitResult.QUEUED
    job = library.job_at(path)
    assert job is not None
    assert (job.state, job.kind, job.format, job.digest) == (JobState.QUEUED, MediaKind.IMAGE, "png", digest_of(PNG))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\1\2\3", "not-allowed: It is a kind of file that smolwatch does not recognise."),
        (bytes(500), "not-allowed: It starts with zeros only"),
        (b"", "unreadable: The file is empty."),
        (PNG + bytes(1000), "too-large: "),
    ],
)
def test_what_cannot_be_described_is_refused_with_a_reason(
    admitter: Admitter, library: Library, inbox: Path, content: bytes, expected: str
) -> None:
    path = drop(inbox, "x.jpg", content)
    assert enter(admitter, path) is AdmitResult.REFUSED
    assert reason(library, path).startswith(expected)
    assert library.job_at(path) is None


def test_a_file_of_another_kind_is_named_by_its_head_alone(
    admitter: Admitter, library: Library, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.intake.identity.digest_of", lambda _: pytest.fail("it was read whole"))
    path = drop(inbox, "x.jpg", b"8BPS\0\1" + bytes(500))
    assert enter(admitter, path) is AdmitResult.FOREIGN
    assert AdmitResult.FOREIGN.is_final
    refusal = library.refusal(path)
    assert refusal is not None
    assert (refusal.code, refusal.kind, refusal.reason) == ("not-allowed", "psd", ""), "the words are the kind's"
    assert sentence_of(refusal) == "It is a Photoshop file (PSD), which smolwatch does not open."


def test_a_file_that_had_its_job_waits_for_nothing_any_more(admitter: Admitter, library: Library, inbox: Path) -> None:
    path = drop(inbox, "x.png")
    enter(admitter, path)
    admitter.refusals.note(path, "being-written", "Waiting: the file is still being written.")
    admitter.refusals.write()
    assert enter(admitter, path) is AdmitResult.KNOWN
    assert library.refusal(path) is None


def test_a_file_that_may_not_be_read_is_looked_at_again_later(
    store: JobStore, library: Library, clock: FakeClock, inbox: Path
) -> None:
    def refuse(path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
        raise NoAccessError("Reading the file is not permitted.", advice="Check its permissions.")

    path = drop(inbox, "x.jpg")
    assert enter(make_gate(store, library, clock, refuse), path) is AdmitResult.LATER
    assert not AdmitResult.LATER.is_final
    assert reason(library, path) == "no-access: Reading the file is not permitted. Check its permissions."


def test_a_file_that_changed_since_it_settled_settles_again(admitter: Admitter, inbox: Path) -> None:
    path = drop(inbox, "x.png")
    before = Fingerprint.of(os.lstat(path))
    drop(inbox, "x.png", PNG + b"more")
    assert admitter.admit_all({path: before})[path] is AdmitResult.AGAIN


def test_a_file_that_went_away_is_no_refusal(admitter: Admitter, library: Library, inbox: Path) -> None:
    path = drop(inbox, "x.png")
    before = Fingerprint.of(os.lstat(path))
    os.unlink(path)
    assert admitter.admit_all({path: before})[path] is AdmitResult.GONE
    assert library.refusal(path) is None


def test_a_file_untouched_since_its_job_is_not_even_opened(
    admitter: Admitter, inbox: Path, opened: list[bytes]
) -> None:
    path = drop(inbox, "x.png")
    assert enter(admitter, path) is AdmitResult.QUEUED
    assert enter(admitter, path) is AdmitResult.KNOWN
    assert opened == [path]


def test_a_described_file_that_is_only_touched_is_not_described_again(
    admitter: Admitter, store: JobStore, library: Library, inbox: Path
) -> None:
    path = drop(inbox, "x.png")
    enter(admitter, path)
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    job = claim.job
    file = NewFile(path=path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format)
    store.publish(claim, description_of(file))
    store.finish(claim)
    os.utime(path, (1, 1))
    assert enter(admitter, path) is AdmitResult.KNOWN
    assert len(library.jobs()) == 1


def test_a_file_that_comes_back_after_its_job_was_gone_is_queued_again(
    admitter: Admitter, store: JobStore, library: Library, inbox: Path
) -> None:
    path = drop(inbox, "x.png")
    enter(admitter, path)
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    store.mark_gone(claim, "The file is no longer there.")
    assert enter(admitter, path) is AdmitResult.QUEUED


def test_the_same_refusal_is_written_down_once(
    admitter: Admitter, library: Library, inbox: Path, clock: FakeClock
) -> None:
    path = drop(inbox, "x.jpg", b"hello")
    enter(admitter, path)
    first = library.refusal(path)
    clock.advance(60)
    enter(admitter, path)
    assert library.refusal(path) == first


def test_a_job_that_waits_for_the_machine_is_due_as_soon_as_its_file_can_be_read(
    admitter: Admitter, store: JobStore, library: Library, inbox: Path, clock: FakeClock
) -> None:
    path = drop(inbox, "x.png")
    enter(admitter, path)
    claim = store.claim("worker", lease_seconds=60)
    assert claim is not None
    later = clock.now() + timedelta(hours=1)
    store.wait(claim, code="no-access", reason="No.", cause=Cause.ENVIRONMENT, not_before=later)
    assert enter(admitter, path) is AdmitResult.QUEUED
    job = library.job_at(path)
    assert job is not None
    assert (job.id, job.not_before) == (claim.job.id, None)


class TestANameThatIsUsedAgain:
    """Whether a file with other bytes is the one that was described, changed in place, or another one of its name."""

    @pytest.fixture
    def path(self, admitter: Admitter, store: JobStore, inbox: Path, clock: FakeClock) -> bytes:
        """A described file, which was queued in this minute."""
        path = drop(inbox, "IMG_1.png")
        clock.set_wall(datetime.now(UTC))
        enter(admitter, path)
        describe(store)
        return path

    @pytest.mark.parametrize(
        ("how", "held", "same"),
        [
            (overwrite, True, True),
            (overwrite, False, True),
            (rename_over, True, True),
            (rename_over, False, False),
            (delete_and_create, False, False),
        ],
    )
    def test_in_place_is_what_was_written_into_the_file_or_over_a_name_that_was_watched(
        self,
        admitter: Admitter,
        store: JobStore,
        library: Library,
        path: bytes,
        how: Callable[[Path], None],
        held: bool,
        same: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        if how is overwrite:
            if birth_of(path) is None:
                pytest.skip("this disk knows no time of birth")
            monkeypatch.setattr("daemon.intake.birth_time.CLOCK_STEP", -1.0)  # it was queued in the moment of its birth
        how(Path(os.fsdecode(path)))
        settled = {path: Fingerprint.of(os.lstat(path))}
        assert admitter.admit_all(settled, held={path} if held else set()) == {path: AdmitResult.QUEUED}
        job = library.job_at(path)
        assert job is not None
        assert store.presence.changed_from(job.id) == ({digest_of(PNG)} if same else frozenset())

    def test_a_described_file_that_is_moved_over_another_is_not_that_one_changed(
        self, admitter: Admitter, store: JobStore, library: Library, inbox: Path, path: bytes
    ) -> None:
        other = drop(inbox, "other.png", PNG + b"mountain")
        enter(admitter, other)
        describe(store)
        Path(os.fsdecode(other)).rename(os.fsdecode(path))
        assert admitter.admit_all({path: Fingerprint.of(os.lstat(path))}, held={path}) == {path: AdmitResult.KNOWN}
        job = library.job_at(path)
        assert job is not None
        assert job.digest == digest_of(PNG + b"mountain")
        assert store.presence.changed_from(job.id) == frozenset()

    def test_a_move_whose_job_cannot_follow_is_not_one_either(
        self, admitter: Admitter, store: JobStore, library: Library, inbox: Path
    ) -> None:
        other = drop(inbox, "other.png", PNG + b"mountain")
        enter(admitter, other)
        describe(store)
        path = drop(inbox, "IMG_1.png")
        enter(admitter, path)
        describe(store)
        Path(os.fsdecode(other)).rename(os.fsdecode(path))
        assert admitter.admit_all({path: Fingerprint.of(os.lstat(path))}, held={path}) == {path: AdmitResult.QUEUED}
        job = library.job_at(path)
        assert job is not None
        assert store.presence.changed_from(job.id) == frozenset()

    def test_a_missing_file_that_is_back_is_reported_once(
        self, admitter: Admitter, store: JobStore, library: Library, path: bytes
    ) -> None:
        store.presence.mark_missing([path])
        assert enter(admitter, path) is AdmitResult.KNOWN
        job = library.job_at(path)
        assert job is not None
        assert job.missing_since is None
        assert (admitter.take_returned(), admitter.take_returned()) == ([path], [])


class TestALostDatabase:
    """The description stands beside the file, and the database knows nothing of it."""

    def test_a_description_is_restored_without_the_model(
        self, admitter: Admitter, store: JobStore, library: Library, inbox: Path
    ) -> None:
        path = drop(inbox, "a.png")
        writer.write(description := description_of(settled(path)))
        before = (inbox / "a.png.md").read_bytes(), (inbox / "a.png.smolwatch.json").read_bytes()
        assert enter(admitter, path) is AdmitResult.KNOWN
        job = library.job_at(path)
        assert job is not None
        assert (job.state, library.description(job.id)) == (JobState.DONE, description)
        assert store.claim("worker", lease_seconds=60) is None
        assert ((inbox / "a.png.md").read_bytes(), (inbox / "a.png.smolwatch.json").read_bytes()) == before

    def test_a_record_of_other_content_or_a_damaged_one_is_not_restored(
        self, admitter: Admitter, store: JobStore, inbox: Path
    ) -> None:
        for name in ("a.png", "b.png"):
            writer.write(description_of(settled(drop(inbox, name))))
        (inbox / "a.png").write_bytes(PNG + b"mountain")
        (inbox / "b.png.smolwatch.json").write_text("{")
        for name in ("a.png", "b.png"):
            assert enter(admitter, os.fsencode(inbox / name)) is AdmitResult.QUEUED

    def test_a_path_that_the_database_has_is_not_restored(
        self, admitter: Admitter, store: JobStore, inbox: Path
    ) -> None:
        path = drop(inbox, "a.png")
        enter(admitter, path)
        describe(store)
        (inbox / "a.png").write_bytes(PNG + b"mountain")
        writer.write(description_of(settled(path)))
        assert enter(admitter, path) is AdmitResult.QUEUED
