"""Live Photos through admission, on every database: one item is one job, in any order of its halves."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from daemon.intake.admit_result import AdmitResult
from daemon.intake.admitter import Admitter
from daemon.intake.identity import identify
from storage.jobs.live_photos import SetAside
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.records import Claim, Fingerprint, Job, MediaKind, NewFile
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of, new_file
from tests.support.live_photo_halves import OTHER, picture_half, video_half
from tests.support.media.live_photos import IDENTIFIER
from tests.support.stores import Made

QUEUED, ASIDE, KNOWN = AdmitResult.QUEUED, AdmitResult.ASIDE, AdmitResult.KNOWN


class Desk:
    """A folder with an admitter; the worker's steps are done by hand. `read`: the files that were hashed."""

    def __init__(self, made: Made, clock: FakeClock, folder: Path) -> None:
        self.store, self.library, self.clock = made.store, made.library, clock
        self.folder = folder
        folder.mkdir()
        self.read: list[str] = []
        self.admitter = self.new_gate()

    def new_gate(self) -> Admitter:
        def noted(path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
            self.read.append(os.path.relpath(os.fsdecode(path), self.folder))
            return identify(path, settled, max_bytes=max_bytes)

        return Admitter(
            self.store,
            self.library,
            self.clock,
            spec_of=lambda _: SPEC,
            model=MODEL,
            max_attempts=3,
            max_bytes=10**6,
            identify=noted,
        )

    def path(self, name: str) -> bytes:
        return os.fsencode(self.folder / name)

    def drop(self, name: str, content: bytes) -> str:
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        return name

    def enter(self, *names: str) -> list[AdmitResult]:
        """The files settle, in this order and in one batch."""
        settled = {self.path(name): Fingerprint.of(os.lstat(self.path(name))) for name in names}
        outcomes = self.admitter.admit_all(settled)
        return [outcomes[self.path(name)] for name in names]

    def claim(self) -> Claim:
        claim = self.store.claim("w", lease_seconds=60)
        assert claim is not None
        return claim

    def describe(self, claim: Claim | None = None) -> None:
        claim = claim or self.claim()
        job = claim.job
        file = NewFile(path=job.path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format)
        self.store.publish(claim, description_of(file))
        self.store.finish(claim)

    def jobs(self) -> dict[str, JobState]:
        """The state of every job, by file name."""
        jobs = self.library.jobs(limit=10_000)
        assert len({job.path for job in jobs}) == len(jobs)
        return {os.path.relpath(job.file, self.folder): job.state for job in jobs}

    def partner(self, name: str) -> str | None:
        refusal = self.library.refusal(self.path(name))
        if refusal is None or refusal.partner is None:
            return None
        assert refusal.code == "live-photo"
        return os.path.relpath(os.fsdecode(refusal.partner), self.folder)

    def reason(self, name: str) -> str:
        refusal = self.library.refusal(self.path(name))
        assert refusal is not None
        return refusal.reason


@pytest.fixture
def desk(made: Made, clock: FakeClock, tmp_path: Path) -> Desk:
    return Desk(made, clock, tmp_path / "inbox")


@pytest.fixture
def pair(desk: Desk) -> Desk:
    """With IMG_1.HEIC and IMG_1.MOV in the folder, not yet admitted."""
    desk.drop("IMG_1.HEIC", picture_half())
    desk.drop("IMG_1.MOV", video_half())
    return desk


class TestArrival:
    @pytest.mark.parametrize("names", list(permutations(["IMG_1.HEIC", "IMG_1.MOV"])))
    def test_both_halves_at_once_are_one_job_about_the_picture(self, pair: Desk, names: tuple[str, str]) -> None:
        outcomes = dict(zip(names, pair.enter(*names), strict=True))
        assert outcomes == {"IMG_1.HEIC": QUEUED, "IMG_1.MOV": ASIDE}
        assert pair.jobs() == {"IMG_1.HEIC": JobState.QUEUED}
        assert pair.partner("IMG_1.MOV") == "IMG_1.HEIC"
        assert pair.reason("IMG_1.MOV") == (
            "It is the moving half of a Live Photo: described together with its picture, IMG_1.HEIC."
        )

    @pytest.mark.parametrize("is_running", [False, True])
    def test_a_picture_that_was_cancelled_is_not_replaced_by_its_film(self, pair: Desk, is_running: bool) -> None:
        pair.enter("IMG_1.HEIC", "IMG_1.MOV")
        if is_running:
            pair.claim()
        pair.store.cancel([job.id for job in pair.library.jobs()])
        pair.admitter = pair.new_gate()
        assert pair.enter("IMG_1.MOV", "IMG_1.HEIC") == [ASIDE, KNOWN]
        assert pair.jobs() == {"IMG_1.HEIC": JobState.SKIPPED}

    @pytest.mark.parametrize("described", [False, True])
    def test_a_film_that_comes_after_its_picture_gets_no_job(self, pair: Desk, described: bool) -> None:
        pair.enter("IMG_1.HEIC")
        if described:
            pair.describe()
        assert pair.enter("IMG_1.MOV") == [ASIDE]
        assert list(pair.jobs()) == ["IMG_1.HEIC"]

    def test_a_picture_that_comes_after_its_film_takes_the_job_that_waits(self, pair: Desk) -> None:
        pair.enter("IMG_1.MOV")
        before = pair.library.jobs()[0]
        assert pair.enter("IMG_1.HEIC") == [QUEUED]
        assert pair.jobs() == {"IMG_1.HEIC": JobState.QUEUED}
        after = pair.library.jobs()[0]
        assert (after.id, after.queued_at, after.kind) == (before.id, before.queued_at, MediaKind.IMAGE)
        assert after.digest != before.digest
        assert pair.partner("IMG_1.MOV") == "IMG_1.HEIC"
        assert pair.library.events(after.id)[-1].note == (
            f"The picture of this Live Photo came: it is described in place of {pair.folder / 'IMG_1.MOV'}."
        )
        assert pair.claim().job.name == "IMG_1.HEIC"

    @pytest.mark.parametrize("described", [False, True])
    def test_a_film_that_was_begun_stands_for_a_picture_that_comes_later(self, pair: Desk, described: bool) -> None:
        pair.enter("IMG_1.MOV")
        claim = pair.claim()
        if described:
            pair.describe(claim)
            pair.clock.advance(86_400)
        assert pair.enter("IMG_1.HEIC") == [ASIDE]
        assert list(pair.jobs()) == ["IMG_1.MOV"]
        assert pair.partner("IMG_1.HEIC") == "IMG_1.MOV"
        assert pair.reason("IMG_1.HEIC") == (
            "It is the picture of a Live Photo: described together with IMG_1.MOV, which came first."
        )

    def test_a_film_that_is_being_described_anew_keeps_its_description(self, pair: Desk) -> None:
        pair.enter("IMG_1.MOV")
        pair.describe()
        pair.store.requeue(pair.library.jobs()[0].id)
        assert pair.enter("IMG_1.HEIC") == [ASIDE]

    def test_a_worker_that_takes_the_film_at_that_very_moment_keeps_it(
        self, pair: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair.enter("IMG_1.MOV")
        take_over = JobStore.reassign

        def late(store: JobStore, job: Job, file: NewFile) -> bool:
            pair.claim()
            return take_over(store, job, file)

        monkeypatch.setattr(JobStore, "reassign", late)
        assert pair.enter("IMG_1.HEIC") == [ASIDE]
        assert pair.jobs() == {"IMG_1.MOV": JobState.RUNNING}

    @pytest.mark.parametrize("first", ["IMG_1.HEIC", "IMG_1.MOV"])
    def test_a_half_that_could_not_be_described_replaces_none(self, pair: Desk, first: str) -> None:
        (second,) = {"IMG_1.HEIC", "IMG_1.MOV"} - {first}
        pair.enter(first)
        pair.store.fail(pair.claim(), code="unreadable", reason="Damaged.", cause=Cause.INPUT)
        assert pair.enter(second) == [QUEUED]

    def test_a_missing_half_replaces_none(self, pair: Desk) -> None:
        pair.enter("IMG_1.HEIC")
        pair.describe()
        os.unlink(pair.path("IMG_1.HEIC"))
        assert pair.enter("IMG_1.MOV") == [QUEUED]

    def test_a_picture_in_the_cloud_still_replaces_its_film(self, pair: Desk) -> None:
        pair.enter("IMG_1.HEIC")
        pair.describe()
        (pair.folder / "IMG_1.HEIC").rename(pair.folder / ".IMG_1.HEIC.icloud")
        assert pair.enter("IMG_1.MOV") == [ASIDE]

    @pytest.mark.parametrize("films_first", [False, True])
    def test_hundreds_of_pairs_in_one_batch_are_one_job_each(self, desk: Desk, films_first: bool) -> None:
        pictures, films = [], []
        for number in range(250):
            identifier = f"{number:08}-0000-0000-0000-00000000000A"
            pictures.append(desk.drop(f"{number}.jpg", picture_half(identifier)))
            films.append(desk.drop(f"{number}.mov", video_half(identifier)))
        names = films + pictures if films_first else pictures + films
        outcomes = dict(zip(names, desk.enter(*names), strict=True))
        assert outcomes == dict.fromkeys(pictures, QUEUED) | dict.fromkeys(films, ASIDE)
        assert set(desk.jobs()) == set(pictures)
        assert all(desk.partner(film) == f"{number}.jpg" for number, film in enumerate(films))

    def test_a_restart_reads_none_of_what_was_set_aside_whole(self, pair: Desk) -> None:
        pair.enter("IMG_1.HEIC", "IMG_1.MOV")
        first = pair.library.refusal(pair.path("IMG_1.MOV"))
        pair.clock.advance(60)
        pair.admitter = pair.new_gate()
        assert pair.enter("IMG_1.HEIC", "IMG_1.MOV") == [KNOWN, ASIDE]
        assert pair.read == ["IMG_1.HEIC"]
        assert pair.library.refusal(pair.path("IMG_1.MOV")) == first


class TestWhichFilesBelongTogether:
    def test_the_identifier_counts_whatever_the_names_are(self, desk: Desk) -> None:
        desk.drop("beach.jpg", picture_half())
        desk.drop("clip 7.mov", video_half())
        assert desk.enter("clip 7.mov", "beach.jpg") == [ASIDE, QUEUED]

    def test_two_identifiers_are_two_items_whatever_the_names_are(self, desk: Desk) -> None:
        desk.drop("IMG_1.HEIC", picture_half())
        desk.drop("IMG_1.MOV", video_half(OTHER))
        assert desk.enter("IMG_1.HEIC", "IMG_1.MOV") == [QUEUED, QUEUED]

    @pytest.mark.parametrize("identifiers", [(None, None), (IDENTIFIER, None), (None, IDENTIFIER)])
    @pytest.mark.parametrize("names", [("IMG_1.HEIC", "IMG_1.MOV"), ("img_1.jpg", "IMG_1.mov")])
    @pytest.mark.parametrize("order", ["together", "picture first", "film first"])
    def test_without_an_identifier_one_name_in_one_folder_makes_a_pair_and_the_record_says_so(
        self, desk: Desk, identifiers: tuple[str | None, str | None], names: tuple[str, str], order: str
    ) -> None:
        still, moving = (
            desk.drop(names[0], picture_half(identifiers[0])),
            desk.drop(names[1], video_half(identifiers[1])),
        )
        if order == "together":
            desk.enter(moving, still)
        else:
            for name in (still, moving) if order == "picture first" else (moving, still):
                desk.enter(name)
        assert desk.jobs() == {still: JobState.QUEUED}
        assert desk.partner(moving) == still
        assert "by its name alone" in desk.reason(moving)

    def test_a_long_film_of_the_same_name_is_a_file_of_its_own(self, desk: Desk) -> None:
        desk.drop("DSC_1.JPG", picture_half(None))
        desk.drop("DSC_1.MOV", video_half(None, seconds=30))
        assert desk.enter("DSC_1.JPG", "DSC_1.MOV") == [QUEUED, QUEUED]

    def test_one_name_in_two_folders_makes_no_pair(self, desk: Desk) -> None:
        desk.drop("a/IMG_1.HEIC", picture_half(None))
        desk.drop("b/IMG_1.MOV", video_half(None))
        assert desk.enter("a/IMG_1.HEIC", "b/IMG_1.MOV") == [QUEUED, QUEUED]

    @pytest.mark.parametrize("names", list(permutations(["stills/IMG_1.HEIC", "films/IMG_1.MOV"])))
    def test_a_pair_that_an_export_split_over_folders_is_one_item(self, desk: Desk, names: tuple[str, str]) -> None:
        desk.drop("stills/IMG_1.HEIC", picture_half())
        desk.drop("films/IMG_1.MOV", video_half())
        for name in names:
            desk.enter(name)
        assert list(desk.jobs()) == ["stills/IMG_1.HEIC"]
        assert desk.reason("films/IMG_1.MOV").endswith("its picture, ../stills/IMG_1.HEIC.")

    def test_an_edited_picture_of_the_same_moment_is_another_picture(self, desk: Desk) -> None:
        desk.drop("IMG_1.HEIC", picture_half())
        desk.drop("IMG_E1.JPG", picture_half(rest=b"edited"))
        desk.drop("IMG_1.MOV", video_half())
        assert desk.enter("IMG_E1.JPG", "IMG_1.MOV", "IMG_1.HEIC") == [QUEUED, ASIDE, QUEUED]
        assert desk.partner("IMG_1.MOV") == "IMG_1.HEIC"

    def test_a_film_that_was_described_stands_for_one_picture_alone(self, pair: Desk) -> None:
        pair.enter("IMG_1.MOV")
        pair.describe()
        pair.drop("IMG_E1.JPG", picture_half(rest=b"edited"))
        pair.drop("IMG_E2.JPG", picture_half(rest=b"edited again"))
        assert pair.enter("IMG_1.HEIC", "IMG_E1.JPG") == [ASIDE, QUEUED]
        assert pair.enter("IMG_E2.JPG") == [QUEUED]

    def test_of_two_pictures_one_takes_the_job_of_the_film_that_waits(self, pair: Desk) -> None:
        pair.enter("IMG_1.MOV")
        pair.drop("IMG_E1.JPG", picture_half(rest=b"edited"))
        assert pair.enter("IMG_1.HEIC", "IMG_E1.JPG") == [QUEUED, QUEUED]
        assert set(pair.jobs()) == {"IMG_1.HEIC", "IMG_E1.JPG"}

    def test_of_copies_in_one_folder_the_nearest_names_belong_together(self, desk: Desk) -> None:
        names = []
        for stem, rest in (("IMG_1", b""), ("IMG_1 2", b""), ("IMG_E1", b"edited")):
            names += [
                desk.drop(f"{stem}.MOV", video_half(rest=rest)),
                desk.drop(f"{stem}.HEIC", picture_half(rest=rest)),
            ]
        assert desk.enter(*names) == [ASIDE, QUEUED] * 3
        assert [desk.partner(name) for name in names[::2]] == names[1::2]

    @pytest.mark.parametrize("films_first", [False, True])
    def test_copies_in_two_folders_are_a_pair_each(self, desk: Desk, films_first: bool) -> None:
        names = [desk.drop(f"{folder}/IMG_1.{end}", make()) for folder in "ab" for end, make in HALVES.items()]
        films, pictures = names[1::2], names[::2]
        for some in (films, pictures) if films_first else (pictures, films):
            desk.enter(*some)
        assert set(desk.jobs()) == set(pictures)
        assert [desk.partner(film) for film in films] == pictures

    def test_a_copy_of_a_pair_takes_its_own_film_and_not_one_that_was_described_elsewhere(self, desk: Desk) -> None:
        desk.drop("a/IMG_1.MOV", video_half())
        desk.enter("a/IMG_1.MOV")
        desk.describe()
        desk.drop("b/IMG_1.MOV", video_half())
        desk.drop("b/IMG_1.HEIC", picture_half())
        assert desk.enter("b/IMG_1.MOV") == [QUEUED]
        assert desk.enter("b/IMG_1.HEIC") == [QUEUED]
        assert desk.jobs() == {"a/IMG_1.MOV": JobState.DONE, "b/IMG_1.HEIC": JobState.QUEUED}

    def test_a_picture_that_was_described_before_identifiers_were_known_is_read_for_its_film(self, pair: Desk) -> None:
        path = pair.path("IMG_1.HEIC")
        file = identify(path, Fingerprint.of(os.lstat(path)), max_bytes=10**6)
        assert file.live_id is None
        pair.store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)
        assert pair.enter("IMG_1.MOV") == [ASIDE]
        assert "by its name alone" not in pair.reason("IMG_1.MOV")

    def test_a_film_that_takes_the_place_of_a_described_one_is_described(self, pair: Desk) -> None:
        """Else the old description would be beside it."""
        pair.drop("IMG_1.MOV", video_half(OTHER))
        assert pair.enter("IMG_1.HEIC", "IMG_1.MOV") == [QUEUED, QUEUED]
        pair.describe()
        pair.describe()
        pair.drop("IMG_1.MOV", video_half())
        assert pair.enter("IMG_1.MOV") == [QUEUED]


class TestDeparture:
    def test_what_was_set_aside_for_a_file_that_went_away_is_to_be_judged_anew(self, pair: Desk) -> None:
        pair.enter("IMG_1.HEIC", "IMG_1.MOV")
        pair.admitter.set_aside.invalidate(pair.path("IMG_1.MOV"))
        assert pair.admitter.set_aside.take() == []
        pair.admitter.set_aside.invalidate(pair.path("IMG_1.HEIC"))
        assert pair.admitter.set_aside.take() == [pair.path("IMG_1.MOV")]
        assert pair.admitter.set_aside.take() == []

    def test_a_list_of_the_inbox_finds_it_too(self, pair: Desk) -> None:
        pair.enter("IMG_1.HEIC", "IMG_1.MOV")
        still, moving = pair.path("IMG_1.HEIC"), pair.path("IMG_1.MOV")
        for present, found in (({still, moving}, []), ({moving}, [moving]), ({still}, []), (set(), [])):
            pair.admitter.set_aside.listed(present)
            assert pair.admitter.set_aside.take() == found

    def test_so_it_does_when_the_picture_cannot_be_described(self, pair: Desk) -> None:
        pair.enter("IMG_1.HEIC", "IMG_1.MOV")
        pair.store.fail(pair.claim(), code="unreadable", reason="Damaged.", cause=Cause.INPUT)
        pair.admitter.set_aside.listed({pair.path("IMG_1.HEIC"), pair.path("IMG_1.MOV")})
        assert pair.admitter.set_aside.take() == [pair.path("IMG_1.MOV")]
        assert pair.enter("IMG_1.MOV") == [QUEUED]
        assert pair.partner("IMG_1.MOV") is None

    def test_so_it_is_when_another_picture_takes_the_name(self, pair: Desk) -> None:
        pair.enter("IMG_1.HEIC", "IMG_1.MOV")
        pair.describe()
        pair.drop("IMG_1.HEIC", picture_half(OTHER))
        assert pair.enter("IMG_1.HEIC") == [QUEUED]
        assert pair.admitter.set_aside.take() == [pair.path("IMG_1.MOV")]
        assert pair.enter("IMG_1.MOV") == [QUEUED]

    def test_a_picture_whose_film_went_away_is_described(self, pair: Desk) -> None:
        pair.enter("IMG_1.MOV")
        pair.describe()
        pair.enter("IMG_1.HEIC")
        os.unlink(pair.path("IMG_1.MOV"))
        assert pair.enter("IMG_1.HEIC") == [QUEUED]

    @pytest.mark.parametrize("film_first", [False, True])
    @pytest.mark.parametrize(
        ("identifier", "still", "moving"),
        [(IDENTIFIER, "a.jpg", "a.mov"), (IDENTIFIER, "a.jpg", "clip 7.mov"), (None, "a.jpg", "a.mov")],
    )
    def test_a_pair_that_is_moved_stays_one_item(
        self, desk: Desk, identifier: str | None, still: str, moving: str, film_first: bool
    ) -> None:
        names = [desk.drop(still, picture_half(identifier)), desk.drop(moving, video_half(identifier))]
        for name in reversed(names) if film_first else names:
            desk.enter(name)
            if desk.library.counts()[JobState.QUEUED]:
                desk.describe()
        (before,) = desk.library.jobs()
        (desk.folder / "trip").mkdir()
        moved = [os.path.join("trip", name) for name in names]
        for name, new in zip(names, moved, strict=True):
            (desk.folder / name).rename(desk.folder / new)
        assert desk.enter(*moved) == ([ASIDE, KNOWN] if film_first else [KNOWN, ASIDE])
        (after,) = desk.library.jobs()
        assert (after.id, after.name) == (before.id, before.name)
        still, moving = moved
        assert (desk.partner(still), desk.partner(moving)) == ((moving, None) if film_first else (None, still))

    def test_a_film_whose_picture_is_moved_elsewhere_stays_set_aside(self, pair: Desk) -> None:
        pair.enter("IMG_1.HEIC", "IMG_1.MOV")
        pair.describe()
        (pair.folder / "trip").mkdir()
        (pair.folder / "IMG_1.HEIC").rename(pair.folder / "trip" / "IMG_1.HEIC")
        assert pair.enter("IMG_1.MOV", "trip/IMG_1.HEIC") == [ASIDE, KNOWN]
        assert pair.partner("IMG_1.MOV") == "trip/IMG_1.HEIC"

    def test_pairs_of_which_both_were_described_once_keep_both_descriptions_when_moved(self, pair: Desk) -> None:
        for name in ("IMG_1.HEIC", "IMG_1.MOV"):
            file = identify(pair.path(name), Fingerprint.of(os.lstat(pair.path(name))), max_bytes=10**6)
            pair.store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)
            pair.describe()
            (pair.folder / name).rename(pair.folder / f"new {name}")
        assert pair.enter("new IMG_1.HEIC", "new IMG_1.MOV") == [KNOWN, KNOWN]


class TestStore:
    def admit(self, store: JobStore, file: NewFile) -> int:
        return store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)[1]

    def test_a_job_that_was_tried_starts_over_when_it_goes_to_the_picture(
        self, store: JobStore, library: Library, clock: FakeClock
    ) -> None:
        number = self.admit(store, MOVING)
        claim = store.claim("w", lease_seconds=60)
        assert claim is not None
        store.retry_later(claim, code="x", reason="No.", cause=Cause.TRANSIENT, not_before=clock.now())
        assert store.reassign(library.job(number), STILL)
        job = library.job(number)
        assert (job.path, job.digest, job.fingerprint) == (STILL.path, STILL.digest, STILL.fingerprint)
        assert (job.attempts, job.not_before, job.reason) == (0, None, None)
        assert library.job_at(MOVING.path) is None

    def test_a_job_that_is_no_longer_as_it_was_stays(self, store: JobStore, library: Library) -> None:
        job = library.job(self.admit(store, MOVING))
        assert not store.reassign(replace(job, fingerprint=STILL.fingerprint), STILL)
        store.claim("w", lease_seconds=60)
        assert not store.reassign(job, STILL)
        assert library.job(job.id).path == MOVING.path

    def test_a_picture_with_a_job_of_its_own_takes_no_other(self, store: JobStore, library: Library) -> None:
        job = library.job(self.admit(store, MOVING))
        own = self.admit(store, STILL)
        assert not store.reassign(job, STILL)
        assert [one.id for one in library.jobs()] == [own, job.id]

    def test_active_halves_are_found_by_identifier(self, store: JobStore, library: Library) -> None:
        numbers = [self.admit(store, file) for file in (STILL, MOVING, new_file(b"/inbox/x.jpg", b"x"))]
        assert [job.id for job in library.halves([IDENTIFIER])[IDENTIFIER]] == numbers[:2]
        assert library.halves([OTHER]) == library.halves([]) == {}
        assert list(library.halves([IDENTIFIER, *map(str, range(1200))])) == [IDENTIFIER]
        claim = store.claim("w", lease_seconds=60)
        assert claim is not None
        store.mark_gone(claim, "It went away.")
        assert [job.id for job in library.halves([IDENTIFIER])[IDENTIFIER]] == numbers[1:2]

    def test_a_path_that_holds_other_bytes_now_is_no_half(self, store: JobStore, library: Library) -> None:
        self.admit(store, STILL)
        claim = store.claim("w", lease_seconds=60)
        assert claim is not None
        store.publish(claim, description_of(STILL))
        store.finish(claim)
        self.admit(store, new_file(STILL.path, b"another picture"))
        assert library.halves([IDENTIFIER]) == {}

    def test_files_that_are_set_aside_are_found_by_their_partner(self, desk: Desk) -> None:
        desk.drop("a.jpg", picture_half())
        desk.drop("a.mov", video_half())
        desk.drop("b.txt", b"no picture")
        desk.enter("a.jpg", "a.mov", "b.txt")
        still, moving = desk.path("a.jpg"), desk.path("a.mov")
        found = [SetAside(path=moving, partner=still, is_active=True)]
        assert desk.library.set_aside() == desk.library.set_aside([still, b"/x"]) == found
        assert desk.library.set_aside([moving]) == desk.library.set_aside([]) == []
        assert len(desk.library.set_aside([still, *(b"/%d" % number for number in range(1200))])) == 1


HALVES = {"HEIC": picture_half, "MOV": video_half}
STILL = replace(new_file(b"/inbox/IMG_1.HEIC", b"still", format="heif"), live_id=IDENTIFIER)
MOVING = replace(
    new_file(b"/inbox/IMG_1.MOV", b"moving", kind=MediaKind.VIDEO, format="mov", inode=8), live_id=IDENTIFIER
)
