"""The part of a file that has arrived: in the inbox, under a name that the intake passes over, until it is whole.

Beside it stand its facts: of which version it is. So a later call goes on where an earlier one was cut off.
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

#: Not how other temporary files of ours are called: those go when a daemon starts.
PREFIX = ".sw-url-"
#: What nobody came back for goes after a week.
KEPT_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True)
class PartFacts:
    """Which version a part is of. `etag` and `modified` as the server said them, "" where it did not."""

    etag: str = ""
    modified: str = ""

    @property
    def version(self) -> str:
        """What a server can be asked to compare with; "" when it cannot: a weak tag promises no equal bytes."""
        version = self.etag if self.etag and not self.etag.startswith("W/") else self.modified
        return version if version.isascii() else ""


class PartialFile:
    """An open and locked part. Made by `open_part`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._facts_file = path.with_suffix(".facts.tmp")
        self._is_there = True
        self.facts = self._read_facts()
        self.size = os.lseek(descriptor, 0, os.SEEK_END)
        if not self.facts.version:
            self.begin(PartFacts())

    @property
    def can_go_on(self) -> bool:
        return self.size > 0 and self.facts.version != ""

    def begin(self, facts: PartFacts) -> None:
        """Forget what is there, and write down of which version the next bytes are."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size, self.facts = 0, facts
        remove(bytes(self._facts_file))
        if facts.version:
            words = json.dumps(asdict(facts)).encode()
            write_atomically(self._facts_file, words, mode=0o600, replace_ours=lambda _: True)

    def add(self, chunk: bytes) -> None:
        while chunk:
            written = os.write(self._descriptor, chunk)
            self.size += written
            chunk = chunk[written:]

    def head(self, count: int) -> bytes:
        return os.pread(self._descriptor, count, 0)

    def publish(self, names: Iterator[str]) -> Path:
        """Give the whole file the first name that is free, or under which these very bytes stand already."""
        sync(self._descriptor)
        for name in names:
            target = self._path.with_name(name)
            if link_if_absent(bytes(self._path), bytes(target)) or holds_the_same(target, self._path):
                self.discard()
                sync_folder(bytes(self._path.parent))
                return target
        raise FetchError("No name is free in the inbox.")

    def discard(self) -> None:
        """Only once: afterwards the name may be another call's."""
        if self._is_there:
            self._is_there = False
            remove(bytes(self._facts_file))
            remove(bytes(self._path))

    def _read_facts(self) -> PartFacts:
        try:
            words = json.loads(self._facts_file.read_bytes())
            return PartFacts(str(words["etag"]), str(words["modified"]))
        except (OSError, ValueError, TypeError, KeyError):  # none, or not ours: the part begins anew
            return PartFacts()


@contextlib.contextmanager
def open_part(inbox: Path, url: str) -> Iterator[PartialFile]:
    """The part of the URL's file, from an earlier call or empty. At the end it goes, unless it can be gone on with.

    Raises FetchError while another call has it, and OSError.
    """
    path = inbox / f"{PREFIX}{hashlib.sha256(url.encode()).hexdigest()[:16]}.tmp"
    descriptor = locked(path)
    try:
        part = PartialFile(path, descriptor)
        try:
            yield part
        finally:
            if not part.can_go_on:
                part.discard()
    finally:
        os.close(descriptor)


def locked(path: Path) -> int:
    """The open part, which nobody else has. Never a file that bears another name as well: it is published."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise FetchError("It is being fetched already.", advice="Wait for the other call to end.") from error
        found = os.fstat(descriptor)
        if is_at(path, found) and found.st_nlink == 1 and stat.S_ISREG(found.st_mode):
            return descriptor
        if is_at(path, found):
            remove(bytes(path))
        os.close(descriptor)


def is_at(path: Path, found: os.stat_result) -> bool:
    """Whether the file is still the one of that name."""
    try:
        return os.path.samestat(path.lstat(), found)
    except FileNotFoundError:
        return False


def holds_the_same(target: Path, part: Path) -> bool:
    try:
        return stat.S_ISREG(target.lstat().st_mode) and filecmp.cmp(target, part, shallow=False)
    except OSError:  # gone again, or not for us to read: then it is another's
        return False


def sweep_parts(inbox: Path, now: float) -> None:
    """Remove the parts that nobody came back for. `now` in seconds since 1970."""
    for file in inbox.glob(f"{PREFIX}*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if now - file.lstat().st_mtime > KEPT_SECONDS:
                file.unlink()
