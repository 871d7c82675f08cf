"""Files that were moved or renamed: job and description move with them; the model is not run again.

A file is the same when inode, size, time and digest are equal and the old path is free. The device number does not
count: it may change when the system restarts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loguru import logger

from daemon.intake.filters import case_folded
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Fingerprint, Job, JobSpec, JobTask, NewFile
from storage.sidecars.cleanup import move_with_file
from storage.sidecars.places import BESIDE, SidecarPlaces


@dataclass
class Moved:
    """`followed`: paths that have their job now. `ghosts`: other spellings under which a file can be opened.

    `unfollowed`: files that were moved here, but whose job could not move with them.
    """

    followed: set[bytes] = field(default_factory=set)
    ghosts: set[bytes] = field(default_factory=set)
    unfollowed: set[bytes] = field(default_factory=set)


class Moves:
    """`mirror`: the folder for sidecars whose own folder cannot be written. `names` lists a folder.

    A file can come from another inbox: `places_of` has the places of every path's sidecars. `spec_of`: what a new file
    at a path is asked.
    """

    def __init__(
        self,
        store: JobStore,
        library: Library,
        mirror: Path | None = None,
        names: Callable[[bytes], list[bytes]] = os.listdir,
        *,
        places_of: Callable[[bytes], SidecarPlaces] = lambda _: BESIDE,
        spec_of: Callable[[bytes], JobSpec | None] = lambda _: None,
    ) -> None:
        self._store = store
        self._library = library
        self._mirror = mirror
        self._names = names
        self._places_of = places_of
        self._spec_of = spec_of

    def follow(self, files: Sequence[NewFile]) -> Moved:
        """Move the jobs of moved files. Raises StorageError."""
        moved = Moved()
        jobs = self._library.jobs_of(file.fingerprint for file in files)
        at_home = {job.path for job in jobs}
        newcomers: dict[Fingerprint, list[NewFile]] = {}
        for file in files:
            if file.path not in at_home:
                newcomers.setdefault(file.fingerprint, []).append(file)
        placed: set[tuple[bytes, JobTask, str]] = set()
        for job in reversed(jobs):
            for file in newcomers.get(job.fingerprint, []):
                place = (file.path, job.spec.task, job.spec.recipe)
                if is_twin(file.path, job.path) and not self._is_listed(file.path):
                    moved.ghosts.add(file.path)
                elif place not in placed and self._is_moved(job, file):
                    if self._move_job(job, file.path):
                        moved.followed.add(file.path)
                        placed.add(place)
                        break
                    moved.unfollowed.add(file.path)
        return moved

    def _move_job(self, job: Job, path: bytes) -> bool:
        description = self._library.description(job.id)
        if description is not None:
            places, new_places = self._places_of(job.path), self._places_of(path)
            # First: after `relocate`, the worker may write at the new path.
            move_with_file(description, path, self._mirror, places, new_places)
        if not self._store.relocate(job, path, self._spec_of(path)):
            return False
        followed = "job" if description is None else "description"
        logger.info("{} was moved to {}; its {} moved too", os.fsdecode(job.path), os.fsdecode(path), followed)
        return True

    def _is_moved(self, job: Job, file: NewFile) -> bool:
        """Whether this is the job's file, which no longer has its old name."""
        if file.digest != job.digest:
            return False
        try:
            there = os.lstat(job.path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        if Fingerprint.of(there) != job.fingerprint:
            return True
        return is_twin(file.path, job.path) and not self._is_listed(job.path)

    def _is_listed(self, path: bytes) -> bool:
        """Whether the folder lists this exact name. A case-insensitive disk also opens "a.jpg" as "A.JPG"."""
        folder, name = os.path.split(path)
        try:
            return name in self._names(folder)
        except OSError:
            return False


def is_twin(one: bytes, other: bytes) -> bool:
    """Whether two paths differ only in case or in the Unicode form of accents."""
    return one != other and case_folded(one) == case_folded(other)
