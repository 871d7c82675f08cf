"""Settled files become jobs, or are refused with a reason that `smolwatch why` shows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from loguru import logger

from config.failpoints import failpoint
from config.settings import Existing
from daemon.clock import Clock
from daemon.errors import ChangedError, ForeignError, GoneError, MediaError
from daemon.intake.admit_result import AdmitResult
from daemon.intake.identity import identify
from daemon.intake.live_photo_pairs import SET_ASIDE, LivePhotoPairs, Partner, SetAsideFiles, pair_reason, read_half
from daemon.intake.moves import Moves
from daemon.intake.prior_job import had_its_job, is_newcomer, is_undescribed, waits_for_the_machine
from daemon.intake.refusals import Refusals
from daemon.media.foreign.foreign_kinds import UNSURE_KINDS
from daemon.media.live_photo import LivePhotoHalf
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause
from storage.records import Admission, Fingerprint, Job, JobSpec, NewFile
from storage.sidecars.cleanup import clear_for_new_file
from storage.sidecars.json_reader import SidecarContent, read_descriptions
from storage.sidecars.places import BESIDE, SidecarPlaces

#: Files read so far are queued after this long, so that the first of many large files does not wait for the last.
READING_SECONDS = 0.5


class Identify(Protocol):
    """`daemon.intake.identity.identify`."""

    def __call__(self, path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile: ...


class Admitter:
    """Admits settled files of one inbox. `spec_of`: what is asked about a file.

    `model`: "id@revision", of existing descriptions.
    `mirror`: the folder for sidecars whose own folder cannot be written; `places_of`: where those of a file belong.
    `existing`: the setting output.existing. `has_charge`: whether a path is this inbox's concern.
    """

    def __init__(  # noqa: PLR0913 - built once, in daemon.app and in tests, by keyword
        self,
        store: JobStore,
        library: Library,
        clock: Clock,
        *,
        spec_of: Callable[[bytes], JobSpec],
        model: str,
        max_attempts: int,
        max_bytes: int,
        identify: Identify = identify,
        moves: Moves | None = None,
        mirror: Path | None = None,
        existing: Existing = "fill",
        places_of: Callable[[bytes], SidecarPlaces] = lambda _: BESIDE,
        has_charge: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._model = model
        self._spec_of = spec_of
        self._places_of = places_of
        self._has_charge = has_charge
        self._max_attempts = max_attempts
        self._max_bytes = max_bytes
        self._identify = identify
        self._moves = moves or Moves(store, library, mirror, places_of=places_of, spec_of=spec_of)
        self._mirror = mirror
        self._existing = existing
        self._returned: list[bytes] = []
        self._known_halves: dict[
            tuple[bytes, Fingerprint], LivePhotoHalf
        ] = {}  # the last time, when few may have been judged
        self.refusals = Refusals(store, library, clock, has_charge)
        self.set_aside = SetAsideFiles(library)

    def admit_all(
        self, settled: Mapping[bytes, Fingerprint], compare: Container[bytes] = (), held: Container[bytes] = ()
    ) -> dict[bytes, AdmitResult]:
        """The outcomes for up to some hundreds of files, in one query and one transaction.

        Files in `compare` are read even if unchanged since their job. Names in `held` were never free since they were
        judged. After READING_SECONDS the remaining files are left out; the first is always included. Raises only
        StorageError; then no file is judged.
        """
        self.refusals.write()  # an older refusal must not follow the job of a queued file
        until = self._clock.monotonic() + READING_SECONDS
        jobs = self._library.jobs_at(settled)
        new = {path: seen for path, seen in settled.items() if is_undescribed(jobs.get(path), seen)}
        halves = self._read_halves(new, until)
        pairs = self._pairs(new, halves)
        outcomes: dict[bytes, AdmitResult] = {}
        files: list[NewFile] = []
        changed: set[bytes] = set()
        for path in pictures_first(settled, new, halves):
            fingerprint = settled[path]
            had = had_its_job(jobs.get(path), fingerprint)
            known = had and path not in compare and not waits_for_the_machine(jobs[path])
            found = AdmitResult.KNOWN if known else self._judge(path, fingerprint, halves.get(path), pairs)
            if known:
                self.refusals.forget(path)  # the cause of its refusal has passed
            if not isinstance(found, NewFile):
                outcomes[path] = found
            elif had and path in compare and found.digest == jobs[path].digest:
                outcomes[path] = AdmitResult.KNOWN
            else:
                files.append(replace(found, name_was_free=is_newcomer(found, jobs.get(path), held)))
                if path in jobs and found.digest != jobs[path].digest:
                    self.set_aside.invalidate(path)
                    changed.update([path] if had else [])
            if self._clock.monotonic() > until:
                break
        unknown = [file for file in files if file.path not in jobs]
        outcomes |= self._queue([file for file in files if file.path in jobs], unknown)
        known_jobs = [job for path, job in jobs.items() if outcomes.get(path) is AdmitResult.KNOWN]
        self._mark_found(known_jobs)
        self._update_devices(known_jobs, settled)
        self.refusals.write()
        return outcomes | dict.fromkeys(changed, AdmitResult.CHANGED)

    def knows(self, path: bytes, fingerprint: Fingerprint) -> bool:
        """Whether this unchanged file had its job; does not read it."""
        return had_its_job(self._library.job_at(path), fingerprint)

    def _read_halves(self, new: Mapping[bytes, Fingerprint], until: float) -> dict[bytes, LivePhotoHalf | None]:
        """The Live Photo halves among the files; of as many as there is time for, at least one."""
        halves: dict[bytes, LivePhotoHalf | None] = {}
        before, self._known_halves = self._known_halves, {}
        for path, fingerprint in new.items():
            there = (path, fingerprint)
            halves[path] = half = before.get(there) or read_half(path, self._max_bytes, fingerprint)
            if half is not None:
                self._known_halves[there] = half
            if self._clock.monotonic() > until:
                break
        return halves

    def _pairs(self, new: Mapping[bytes, Fingerprint], halves: Mapping[bytes, LivePhotoHalf | None]) -> LivePhotoPairs:
        found = {path: half for path, half in halves.items() if half is not None}
        return LivePhotoPairs(
            self._library, new, found, lambda path: read_half(path, self._max_bytes), self._has_charge
        )

    def _judge(
        self, path: bytes, settled: Fingerprint, half: LivePhotoHalf | None, pairs: LivePhotoPairs
    ) -> NewFile | AdmitResult:
        """The file if it gets a job, else the outcome."""
        if half is None:
            return self._try_identify(path, settled)
        partner = pairs.partner(path, half)
        if partner is not None and partner.waiting is None:
            return self._set_aside(path, half.is_picture, partner)
        found = self._try_identify(path, settled)
        if isinstance(found, NewFile):
            found = replace(found, live_id=half.identifier)
            if partner is not None and (taken := self._take_over(found, half, partner)) is not None:
                return taken
            if half.is_picture:
                pairs.add_picture(path, half)
        return found

    def _take_over(self, picture: NewFile, half: LivePhotoHalf, film: Partner) -> AdmitResult | None:
        """Let the picture take over the job of its film; None when that has ended, and both are to be described."""
        path = picture.path
        if film.waiting is not None and self._store.reassign(film.waiting, picture):
            self._set_aside(film.path, False, Partner(path, film.by_name))
            return AdmitResult.QUEUED
        begun = self._pairs({path: picture.fingerprint}, {path: half}).partner(path, half)
        return self._set_aside(path, True, begun) if begun is not None and begun.waiting is None else None

    def _set_aside(self, path: bytes, is_picture: bool, partner: Partner) -> AdmitResult:
        self.refusals.note(path, SET_ASIDE, pair_reason(path, is_picture, partner), partner=partner.path)
        return AdmitResult.ASIDE

    def _restore(self, files: Sequence[NewFile]) -> set[bytes]:
        """Restore descriptions that a lost database does not have from the files' sidecars; the files' paths."""
        mirror = self._mirror if self._mirror and self._mirror.is_dir() else None
        found = [(file, read_descriptions(file, mirror, self._places_of(file.path))) for file in files]
        for finding, count in Counter(record.finding for _, record in found).items():
            if finding not in (SidecarContent.WHOLE, SidecarContent.NONE):
                logger.info("The sidecars of {} files cannot be restored into the database: {}", count, finding)
        described = [(file, description) for file, record in found for description in record.descriptions]
        if not described:
            return set()
        inbox = self._spec_of(described[0][0].path).inbox
        restored = self._store.presence.import_described(described, max_attempts=self._max_attempts, inbox=inbox)
        failpoint("taken-back")
        logger.info("Restored the descriptions of {} files from their sidecars, without the model", len(restored))
        return restored

    def _set_old_sidecars_aside(self, file: NewFile) -> None:
        """The sidecars beside the file describe another file that had its name: rename them."""
        places = self._places_of(file.path)
        for name in clear_for_new_file(
            file.path, file.digest, existing=self._existing, mirror=self._mirror, places=places
        ):
            logger.info("{} keeps the description of another file that had this name before", os.fsdecode(name))

    def _mark_found(self, jobs: Sequence[Job]) -> None:
        """Mark those of these jobs that were missing as found; `take_returned` gives their paths."""
        again = [job for job in jobs if job.missing_since is not None]
        if again:
            self._store.presence.mark_found([job.id for job in again])
            self._returned += [job.path for job in again]

    def _update_devices(self, jobs: Sequence[Job], settled: Mapping[bytes, Fingerprint]) -> None:
        """Store new device numbers: they may change when the system restarts."""
        new = {job.id: there for job in jobs if (there := settled[job.path]).device != job.fingerprint.device}
        if new:
            self._store.presence.update_fingerprints(new)

    def take_returned(self) -> list[bytes]:
        """The paths of described files that were missing and came back since the last call."""
        returned, self._returned = self._returned, []
        return returned

    def _try_identify(self, path: bytes, settled: Fingerprint) -> NewFile | AdmitResult:
        try:
            return self._identify(path, settled, max_bytes=self._max_bytes)
        except GoneError:
            return AdmitResult.GONE
        except ChangedError:
            return AdmitResult.AGAIN
        except ForeignError as error:
            self.refusals.note(path, error.code, "", kind=error.kind)
            return AdmitResult.REFUSED if error.kind in UNSURE_KINDS else AdmitResult.FOREIGN
        except MediaError as error:
            self.refusals.note(path, error.code, f"{error} {error.advice}".strip(), detail=error.detail or None)
            return AdmitResult.LATER if error.cause is Cause.ENVIRONMENT else AdmitResult.REFUSED

    def _queue(self, known: Sequence[NewFile], unknown: Sequence[NewFile]) -> dict[bytes, AdmitResult]:
        """`unknown`: files at paths that never had a job."""
        moved = self._moves.follow([*known, *unknown])
        outcomes = dict.fromkeys(moved.followed, AdmitResult.KNOWN) | dict.fromkeys(moved.ghosts, AdmitResult.GONE)
        outcomes |= dict.fromkeys(
            self._restore([file for file in unknown if file.path not in outcomes]), AdmitResult.KNOWN
        )
        files = [
            replace(file, name_was_free=file.name_was_free or file.path in moved.unfollowed)
            for file in (*known, *unknown)
            if file.path not in outcomes
        ]
        if not files:
            return outcomes
        failpoint("settled")
        for spec, asked in by_spec(files, self._spec_of).items():
            outcomes |= self._admit(asked, spec)
        first, more = os.fsdecode(files[0].path), len(files) - 1
        logger.info("Admitted {}{}", first, f" and {more} more" if more else "")
        return outcomes

    def _admit(self, files: Sequence[NewFile], spec: JobSpec) -> dict[bytes, AdmitResult]:
        """In one transaction; files that ask the same."""
        admitted = self._store.admit_all(files, spec=spec, model=self._model, max_attempts=self._max_attempts)
        failpoint("admitted")
        outcomes = {}
        for file, (admission, job) in zip(files, admitted, strict=True):
            if file.name_was_free:
                self._set_old_sidecars_aside(file)
            logger.debug("{}: {} (job {})", os.fsdecode(file.path), admission.value, job)
            described = admission is Admission.ALREADY_DESCRIBED
            outcomes[file.path] = AdmitResult.KNOWN if described else AdmitResult.QUEUED
        return outcomes


def by_spec(files: Iterable[NewFile], spec_of: Callable[[bytes], JobSpec]) -> dict[JobSpec, list[NewFile]]:
    """The files by what is asked about them, in their order."""
    found: dict[JobSpec, list[NewFile]] = {}
    for file in files:
        found.setdefault(spec_of(file.path), []).append(file)
    return found


def pictures_first(
    settled: Iterable[bytes], new: Container[bytes], halves: Mapping[bytes, LivePhotoHalf | None]
) -> list[bytes]:
    """Films last: their pictures represent them. New files whose half was not read yet are left out."""
    looked_at = [path for path in settled if path not in new or path in halves]
    return sorted(looked_at, key=lambda path: (half := halves.get(path)) is not None and not half.is_picture)
