"""Reconciles the database with the inbox: finished jobs without a file, sidecars without a file, missing sidecars.

`swept` is called with the result of a full sweep, `names_freed` between two sweeps with the paths from which a file was
deleted or moved, `returned` with the paths of files that are back. All may raise StorageError: the next sweep then
finds the same again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence, Set

from loguru import logger

from config.settings import Settings
from daemon.clock import Clock
from daemon.intake.absence import gone_paths
from daemon.intake.filters import is_below
from daemon.intake.mirror_return import MirrorReturn
from daemon.intake.orphans import Orphans
from daemon.intake.watched_inboxes import WatchedInbox
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Fingerprint, Job
from storage.sidecars import presence
from storage.sidecars.mirror import paths_in_mirror

#: The sidecars of one file are restored once in this time: a mirroring program may remove them again and again.
REST_SECONDS = 3600.0
#: Per sweep; the next one continues.
MAX_RESTORED = 5000


class Reconciler:
    """For one inbox."""

    def __init__(
        self, settings: Settings, inbox: WatchedInbox, store: JobStore, library: Library, clock: Clock
    ) -> None:
        self._root, self._filters, self._places = inbox.root, inbox.filters, inbox.places
        self._mirror = settings.sidecar_folder
        self._restores = settings.output.missing == "restore"
        self._restored: dict[int, float] = {}
        self._clock = clock
        self._presence = store.presence
        self._library = library
        removes = settings.output.orphans == "remove"
        self._mirror_return = MirrorReturn(store, library, self._mirror, inbox)
        self._orphans = Orphans(
            library,
            clock,
            self._mirror,
            self._places,
            removes=removes,
            is_gone=self._is_gone,
            is_inside=lambda path: is_below(path, inbox.root),
        )

    @property
    def orphans(self) -> int:
        """The number of missing files that still have a sidecar."""
        return self._orphans.count

    def swept(self, present: Set[bytes], names: set[bytes], *, is_asked: bool = False) -> int:
        """Mark lost files and restore missing sidecars; the number of files whose sidecars are restored.

        `present` and `names`: the files and sidecars that a full sweep has found. `is_asked`: the user requested it.
        """
        names |= paths_in_mirror(self._mirror)
        if self._places.output is not None:
            names |= presence.sidecars_below(self._places.output)
        lost, without_sidecars = [], []
        restores = self._restores and self._has_output()
        for _, path, is_done in self._library.ended():
            if path not in present:
                lost.append(path)
            elif is_done and restores and not presence.all_exist(path, names, self._places):
                without_sidecars.append(path)
        self._mark_missing(lost)
        if is_asked:
            self._restored.clear()
        restored = self._restore(without_sidecars[:MAX_RESTORED])
        self._orphans.look(names)
        self._mirror_return.look()
        return restored

    def names_freed(self, paths: Collection[bytes]) -> None:
        """A file was deleted or moved away from these paths; another may be there since."""
        jobs = self._library.jobs_at(paths) if paths else {}
        replaced = {path: there for path in jobs if (there := fingerprint_of(path)) is not None}
        if self._mark_missing([path for path in jobs if path not in replaced], replaced):
            self._orphans.request()
        self._orphans.update_if_due()

    def returned(self, paths: Sequence[bytes]) -> None:
        """The files at these paths were missing and are back."""
        if paths:
            self._orphans.request()
            if self._restores and self._has_output():
                self._restore(paths)

    def _has_output(self) -> bool:
        """Whether sidecars can be looked for: an output folder may be on a disk that is not mounted."""
        return self._places.output is None or os.path.isdir(self._places.output)

    def _mark_missing(self, absent: Collection[bytes], replaced: Mapping[bytes, Fingerprint] = {}) -> int:
        lost = gone_paths(absent, self._root, self._filters, self._devices)
        if not (lost or replaced):
            return 0
        count = self._presence.mark_missing(lost, replaced)
        if count:
            logger.info("The files of {} finished jobs were deleted or moved away", count)
        return count

    def _is_gone(self, path: bytes) -> bool:
        return bool(gone_paths([path], self._root, self._filters, self._devices))

    def _devices(self, paths: list[bytes]) -> dict[bytes, int]:
        return {path: job.fingerprint.device for path, job in self._library.jobs_at(paths).items()}

    def _restore(self, paths: Sequence[bytes]) -> int:
        """Have missing sidecars of described files written again."""
        now = self._clock.monotonic()
        self._restored = {id: at for id, at in self._restored.items() if now - at < REST_SECONDS}
        job_ids = [job.id for job in self._library.current_jobs_at(paths) if self._lacks_sidecars(job)]
        restored = self._presence.republish(job_ids) if job_ids else 0
        self._restored |= dict.fromkeys(job_ids, now)
        if restored:
            logger.info("The sidecars of {} files were missing and are restored from the database", restored)
        return restored

    def _lacks_sidecars(self, job: Job) -> bool:
        """Whether the described file is there, unchanged, and a sidecar is missing."""
        if job.state is not JobState.DONE or job.id in self._restored or fingerprint_of(job.path) != job.fingerprint:
            return False
        return not presence.all_exist_on_disk(job.path, self._mirror, self._places)


def fingerprint_of(path: bytes) -> Fingerprint | None:
    """Of the file that is at the path now; None when there is none, or no access to it."""
    try:
        return Fingerprint.of(os.lstat(path))
    except OSError:
        return None
