"""An incomplete file in the inbox, under a name that the intake ignores until the file is complete.

A second file beside it holds the version (ETag, date), so that a later call can resume the download.
"""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from daemon.errors import FetchError
from storage.atomic import link_if_absent, remove, write_atomically
from storage.fsync import sync, sync_folder

#: Differs from the other temporary files: those are removed when a daemon starts.
PREFIX = ".sw-url-"
#: A download that was not resumed is removed after a week.
KEPT_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True)
class PartFacts:
    """The version of a partial file. `etag` and `modified` as the server sent them, else ""."""

    etag: str = ""
    modified: str = ""

    @property
    def version(self) -> str:
        """For If-Range; "" when the server cannot compare: a weak tag does not promise equal bytes."""
        version = self.etag if self.etag and not self.etag.startswith("W/") else self.modified
        return version if version.isascii() else ""


class PartialFile:
    """An open and locked partial file. Made by `open_partial`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._facts_file = path.with_suffix(".facts.tmp")
        self._exists = True
        self.facts = self._read_facts()
        self.size = os.lseek(descriptor, 0, os.SEEK_END)
        if not self.facts.version:
            self.restart(PartFacts())

    @property
    def can_resume(self) -> bool:
        return self.size > 0 and self.facts.version != ""

    def restart(self, facts: PartFacts) -> None:
        """Discard the content, and store the version of the bytes that follow."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size, self.facts = 0, facts
        remove(bytes(self._facts_file))
        if facts.version:
            content = json.dumps(asdict(facts)).encode()
            write_atomically(self._facts_file, content, mode=0o600, replace_ours=lambda _: True)

    def add(self, chunk: bytes) -> None:
        while chunk:
            written = os.write(self._descriptor, chunk)
            self.size += written
            chunk = chunk[written:]

    def head(self, count: int) -> bytes:
        return os.pread(self._descriptor, count, 0)

    def publish(self, names: Iterator[str]) -> Path:
        """Give the complete file the first name that is free, or whose file has the same content already."""
        sync(self._descriptor)
        for name in names:
            target = self._path.with_name(name)
            if link_if_absent(bytes(self._path), bytes(target)) or has_same_content(target, self._path):
                self.discard()
                sync_folder(bytes(self._path.parent))
                return target
        raise FetchError("No name is free in the inbox.")

    def discard(self) -> None:
        """Only once: afterwards the name may belong to another call."""
        if self._exists:
            self._exists = False
            remove(bytes(self._facts_file))
            remove(bytes(self._path))

    def _read_facts(self) -> PartFacts:
        try:
            record = json.loads(self._facts_file.read_bytes())
            return PartFacts(str(record["etag"]), str(record["modified"]))
        except (OSError, ValueError, TypeError, KeyError):  # missing or damaged: the download starts again
            return PartFacts()


@contextlib.contextmanager
def open_partial(inbox: Path, url: str) -> Iterator[PartialFile]:
    """The partial file of this URL, from an earlier call or empty. Removed at the end, unless it can be resumed.

    Raises FetchError while another call has it open, and OSError.
    """
    path = inbox / f"{PREFIX}{hashlib.sha256(url.encode()).hexdigest()[:16]}.tmp"
    descriptor = locked(path)
    try:
        partial = PartialFile(path, descriptor)
        try:
            yield partial
        finally:
            if not partial.can_resume:
                partial.discard()
    finally:
        os.close(descriptor)


def locked(path: Path) -> int:
    """A descriptor with an exclusive lock. Never of a file with a second name: that one is published already."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise FetchError(
                "It is being fetched already.", advice="Wait until the other command has finished."
            ) from error
        found = os.fstat(descriptor)
        if is_at(path, found) and found.st_nlink == 1 and stat.S_ISREG(found.st_mode):
            return descriptor
        if is_at(path, found):
            remove(bytes(path))
        os.close(descriptor)


def is_at(path: Path, found: os.stat_result) -> bool:
    """Whether the path still names this file."""
    try:
        return os.path.samestat(path.lstat(), found)
    except FileNotFoundError:
        return False


def has_same_content(target: Path, partial: Path) -> bool:
    try:
        return stat.S_ISREG(target.lstat().st_mode) and filecmp.cmp(target, partial, shallow=False)
    except OSError:  # gone again, or not readable: then it is another file
        return False


def sweep_partials(inbox: Path, now: float) -> None:
    """Remove partial files that were not resumed. `now` in seconds since 1970."""
    for file in inbox.glob(f"{PREFIX}*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if now - file.lstat().st_mtime > KEPT_SECONDS:
                file.unlink()
