"""Rebuilds a lost database from the sidecars of all inboxes, without the model.

The daemon does the same for every file that it admits (`Admitter`). Here it is done for all at once, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from config.failpoints import failpoint
from config.settings import Settings
from daemon.errors import MediaError
from daemon.intake.identity import identify
from daemon.intake.sweep import Found, sweep
from daemon.intake.watched_inboxes import inboxes_of
from storage.description import Description
from storage.jobs.file_presence import chunks
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Fingerprint, NewFile
from storage.sidecars.json_reader import SidecarContent, read_descriptions, state_without_reading
from storage.sidecars.places import SidecarPlaces

#: Files in one transaction.
BATCH = 200


@dataclass
class RebuildCounts:
    """Numbers of files: with a job already, restored, unreadable, and not restored, by reason."""

    known: int = 0
    taken: int = 0
    unreadable: int = 0
    others: Counter[SidecarContent] = field(default_factory=Counter)


def rebuild(settings: Settings, store: JobStore, library: Library) -> Iterator[RebuildCounts]:
    """Yields the counts after each batch. Resumable: files with a job are skipped.

    Raises OSError when an inbox cannot be listed, StorageError when the database cannot be written.
    """
    counts, attempts = RebuildCounts(), settings.work.max_attempts
    for inbox in inboxes_of(settings):
        found = sweep(inbox.root, inbox.filters)
        for batch in chunks((entry for entry in found if isinstance(entry, Found)), BATCH):
            jobs = library.jobs_at([entry.path for entry in batch])
            counts.known += len(jobs)
            unknown = [entry for entry in batch if entry.path not in jobs]
            described = list(read_sidecars(unknown, settings, inbox.places, counts))
            taken = store.presence.import_described(described, max_attempts=attempts, inbox=inbox.name)
            counts.taken += len(taken)
            failpoint("rebuilt")
            yield counts


def read_sidecars(
    entries: list[Found], settings: Settings, places: SidecarPlaces, counts: RebuildCounts
) -> Iterator[tuple[NewFile, Description]]:
    """Files with each description of their present content in their sidecars. Those without a sidecar are not read."""
    mirror = settings.sidecar_folder
    for entry in entries:
        finding = state_without_reading(entry.path, mirror, places)
        if finding is not None:
            counts.others[finding] += 1
            continue
        try:
            file = identify(entry.path, Fingerprint.of(entry.stat), max_bytes=settings.work.max_file_bytes)
        except MediaError:
            counts.unreadable += 1
            continue
        record = read_descriptions(file, mirror, places)
        if not record.descriptions:
            counts.others[record.finding] += 1
        for description in record.descriptions:
            yield file, description
