"""Files that were moved or renamed: the job goes along, and what was said is not asked for again.

A file is the same when inode, size, time and digest are, and nothing stands at the old path any more. Not the disk: its
number may be another after a restart of the system.
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
from storage.records import Fingerprint, Job, NewFile
from storage.sidecars.writer import take_along


@dataclass
class Moved:
    """Paths that have their job now, and names under which a file can be reached that it does not bear.

    `unfollowed`: files that were moved here, but whose job could not go along.
    """

    followed: set[bytes] = field(default_factory=set)
    ghosts: set[bytes] = field(default_factory=set)
    unfollowed: set[bytes] = field(default_factory=set)


class Moves:
    """`mirror`: where sidecars stand whose folder cannot be written. `names` lists a folder."""

    def __init__(
        self,
        store: JobStore,
        library: Library,
        mirror: Path | None = None,
        names: Callable[[bytes], list[bytes]] = os.listdir,
    ) -> None:
        self._store = store
        self._library = library
        self._mirror = mirror
        self._names = names

    def follow(self, files: Sequence[NewFile]) -> Moved:
        """Have the jobs of moved files go along with them. Raises StorageError."""
        moved = Moved()
        jobs = self._library.jobs_of(file.fingerprint for file in files)
        at_home = {job.path for job in jobs}
        newcomers: dict[Fingerprint, list[NewFile]] = {}
        for file in files:
            if file.path not in at_home:
                newcomers.setdefault(file.fingerprint, []).append(file)
        for job in reversed(jobs):
            for file in newcomers.get(job.fingerprint, []):
                if is_twin(file.path, job.path) and not self._is_listed(file.path):
                    moved.ghosts.add(file.path)
                elif file.path not in moved.followed and self._is_moved(job, file):
                    if self._move_job(job, file.path):
                        moved.followed.add(file.path)
                        break
                    moved.unfollowed.add(file.path)
        return moved

    def _move_job(self, job: Job, path: bytes) -> bool:
        description = self._library.description(job.id)
        if description is not None:
            take_along(description, path, self._mirror)  # first: after `follow`, the worker may write at the new path
        if not self._store.follow(job, path):
            return False
        followed = "job" if description is None else "description"
        logger.info("{} was moved to {}; its {} moved too", os.fsdecode(job.path), os.fsdecode(path), followed)
        return True

    def _is_moved(self, job: Job, file: NewFile) -> bool:
        """Whether this is the job's file, which no longer bears its old name."""
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
        """Whether a file bears this very name. A Mac's disk finds "a.jpg" as "A.JPG" too, which is no second file."""
        folder, name = os.path.split(path)
        try:
            return name in self._names(folder)
        except OSError:
            return False


def is_twin(one: bytes, other: bytes) -> bool:
    """Whether two paths differ in case or in the way their accents are written alone."""
    return one != other and case_folded(one) == case_folded(other)
