"""The books against the inbox: finished jobs whose file went away, sidecars without a file, files without a sidecar.

`swept` is called with what a whole sweep of the inbox has found, `left` between two sweeps with the paths of which was
heard that something went away there, `returned` with those whose file is there again. All may raise StorageError: what
was not written down is found again by the next sweep.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence, Set

from loguru import logger

from config.settings import Settings
from daemon.clock import Clock
from daemon.intake.absence import gone
from daemon.intake.filters import filters_of
from daemon.intake.mirror_return import MirrorReturn
from daemon.intake.orphans import Orphans
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Fingerprint, Job
from storage.sidecars import writer

#: A program that removes them again and again, as a mirror does, does not have them written more often.
REST_SECONDS = 3600.0
#: The sidecars of so many files are restored by one sweep at most; the next one goes on.
MOST_RESTORED = 5000


class Reconciler:
    """`root`: the inbox's real path."""

    def __init__(self, settings: Settings, root: bytes, store: JobStore, library: Library, clock: Clock) -> None:
        self._root = root
        self._filters = filters_of(settings, root)
        self._mirror = settings.sidecar_folder
        self._restores = settings.output.missing == "restore"
        self._restored: dict[int, float] = {}
        self._clock = clock
        self._whereabouts = store.whereabouts
        self._library = library
        removes = settings.output.orphans == "remove"
        self._homecoming = MirrorReturn(store, library, self._mirror, root, self._filters)
        self._orphans = Orphans(library, clock, self._mirror, removes=removes, is_gone=self._is_gone)

    @property
    def orphans(self) -> int:
        """For how many files that are gone a sidecar stands."""
        return self._orphans.count

    def swept(self, present: Set[bytes], names: set[bytes], *, is_asked: bool = False) -> int:
        """The files and the sidecars' names that a whole sweep has found; for how many files sidecars are restored.

        `is_asked`: a person asked for the sweep.
        """
        names |= writer.beside_in_mirror(self._mirror)
        lost, bare = [], []
        for _, path, is_done in self._library.ended():
            if path not in present:
                lost.append(path)
            elif is_done and self._restores and not writer.all_stand(path, names):
                bare.append(path)
        self._miss(lost)
        if is_asked:
            self._restored.clear()
        restored = self._restore(bare[:MOST_RESTORED])
        self._orphans.look(names)
        self._homecoming.look()
        return restored

    def left(self, paths: Collection[bytes]) -> None:
        """At these paths something was deleted or moved away, and may have been replaced since."""
        jobs = self._library.jobs_at(paths) if paths else {}
        replaced = {path: there for path in jobs if (there := fingerprint_of(path)) is not None}
        if self._miss([path for path in jobs if path not in replaced], replaced):
            self._orphans.ask()
        self._orphans.look_if_due()

    def returned(self, paths: Sequence[bytes]) -> None:
        """The files at these paths, which were missing, are there again."""
        if paths:
            self._orphans.ask()
            if self._restores:
                self._restore(paths)

    def _miss(self, absent: Collection[bytes], replaced: Mapping[bytes, Fingerprint] = {}) -> int:
        lost = gone(absent, self._root, self._filters, self._devices)
        if not (lost or replaced):
            return 0
        count = self._whereabouts.miss(lost, replaced)
        if count:
            logger.info("The files of {} finished jobs were deleted or moved away", count)
        return count

    def _is_gone(self, path: bytes) -> bool:
        return bool(gone([path], self._root, self._filters, self._devices))

    def _devices(self, paths: list[bytes]) -> dict[bytes, int]:
        return {path: job.fingerprint.device for path, job in self._library.jobs_at(paths).items()}

    def _restore(self, paths: Sequence[bytes]) -> int:
        """Have the sidecars of described files written again that stand nowhere."""
        now = self._clock.monotonic()
        self._restored = {id: at for id, at in self._restored.items() if now - at < REST_SECONDS}
        bare = [job.id for job in self._library.jobs_at(paths).values() if self._is_bare(job)]
        restored = self._whereabouts.restore(bare) if bare else 0
        self._restored |= dict.fromkeys(bare, now)
        if restored:
            logger.info("The sidecars of {} files were missing and are restored from the database", restored)
        return restored

    def _is_bare(self, job: Job) -> bool:
        """Whether the very file that was described is there, and not all of its sidecars are."""
        if job.state is not JobState.DONE or job.id in self._restored or fingerprint_of(job.path) != job.fingerprint:
            return False
        return not writer.all_stand_on_disk(job.path, self._mirror)


def fingerprint_of(path: bytes) -> Fingerprint | None:
    """What stands at the path now, if the system shows it."""
    try:
        return Fingerprint.of(os.lstat(path))
    except OSError:
        return None
