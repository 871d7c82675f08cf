"""Sidecars move from the mirror to their own folder when that becomes writable; without the model."""

from __future__ import annotations

import os
from pathlib import Path

from loguru import logger

from daemon.intake.watched_inboxes import WatchedInbox
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Fingerprint, Job
from storage.sidecars.presence import files_to_return

#: Files per call; the next call continues.
MAX_FILES = 500
NOTE = "Its folder is writable again: its sidecars move there."


class MirrorReturn:
    """For the files of one inbox. `look` may raise StorageError."""

    def __init__(self, store: JobStore, library: Library, mirror: Path, inbox: WatchedInbox) -> None:
        self._store = store
        self._library = library
        self._mirror = mirror
        self._inbox = inbox

    def look(self) -> None:
        """Have the sidecars of unchanged, described files written again."""
        jobs = self._library.jobs_at(files_to_return(self._mirror, self._may_enter, self._inbox.places))
        fit = [job.id for job in jobs.values() if job.state is JobState.DONE and is_unchanged(job)]
        if home := self._store.presence.republish(fit[:MAX_FILES], NOTE) if fit else 0:
            logger.info("The sidecars of {} files move beside their files, from {}", home, self._mirror)

    def _may_enter(self, folder: bytes) -> bool:
        root = self._inbox.root
        inside = folder == root or folder.startswith(root + b"/")
        return inside and self._inbox.filters.reject_path(root, folder, is_folder=True) is None


def is_unchanged(job: Job) -> bool:
    """Whether the described file is there, unchanged."""
    try:
        return Fingerprint.of(os.lstat(job.path)) == job.fingerprint
    except OSError:
        return False
