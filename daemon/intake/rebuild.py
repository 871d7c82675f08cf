"""A database that was lost, taken back from the sidecars in the inbox; without the model.

The daemon does the same for every file that it admits (`Gate`). Here it is done at once, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from config.failpoints import failpoint
from config.settings import Settings
from daemon.errors import MediaError
from daemon.intake.filters import filters_of
from daemon.intake.identity import identify
from daemon.intake.sweep import Found, inbox_root, sweep
from storage.jobs.file_presence import portions
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Description, Fingerprint, NewFile
from storage.sidecars.json_reader import SidecarContent, finding_without_reading, recorded

#: Files in one transaction.
BATCH = 200


@dataclass
class RebuildCounts:
    """How many files had a job already, were taken back, cannot be read, and were not taken back, and why not."""

    known: int = 0
    taken: int = 0
    unreadable: int = 0
    others: Counter[SidecarContent] = field(default_factory=Counter)


def rebuild(settings: Settings, store: JobStore, library: Library) -> Iterator[RebuildCounts]:
    """The tally after every some hundred files. Broken off and begun again, it goes on where it was.

    Raises OSError when the inbox cannot be listed, StorageError when the database takes nothing.
    """
    tally = RebuildCounts()
    root = inbox_root(settings)
    found = sweep(root, filters_of(settings, root))
    for some in portions((one for one in found if isinstance(one, Found)), BATCH):
        jobs = library.jobs_at([one.path for one in some])
        tally.known += len(jobs)
        unknown = [one for one in some if one.path not in jobs]
        whole = list(read_all(unknown, settings, tally))
        tally.taken += len(store.whereabouts.take_back(whole, max_attempts=settings.work.max_attempts))
        failpoint("rebuilt")
        yield tally


def read_all(files: list[Found], settings: Settings, tally: RebuildCounts) -> Iterator[tuple[NewFile, Description]]:
    """Those whose sidecars hold the description of their very bytes. Files without one are not read."""
    mirror = settings.sidecar_folder
    for one in files:
        finding = finding_without_reading(one.path, mirror)
        if finding is not None:
            tally.others[finding] += 1
            continue
        try:
            file = identify(one.path, Fingerprint.of(one.stat), max_bytes=settings.work.max_file_bytes)
        except MediaError:
            tally.unreadable += 1
            continue
        said = recorded(file, mirror)
        if said.description is None:
            tally.others[said.finding] += 1
        else:
            yield file, said.description
