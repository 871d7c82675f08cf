"""Atomic writes that never replace a foreign file."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.failpoints import failpoint
from storage.errors import ForeignFileError
from storage.fsync import BARRIER_SYNC, sync, sync_folders

TEMPORARY = re.compile(rb"\.sw-[0-9a-f]{16}\.tmp")
#: Longer than any file of ours.
LONGEST_READ = 16 * 1024 * 1024
#: How often a file is composed again because another program changed it meanwhile.
ATTEMPTS = 5
#: The errors of file systems without hard links (exFAT, some network shares).
NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK}


@dataclass(frozen=True)
class FileSnapshot:
    """The content of a file, and its version, by which a change is detected."""

    content: bytes
    version: tuple[int, ...]


def write_atomically(path: bytes | Path, content: bytes, *, mode: int, replace_ours: Callable[[bytes], bool]) -> None:
    """Write a whole file with exactly this mode, safe against a crash at any point.

    An existing file is replaced only if it is empty, or `replace_ours` returns True for its content. Anything else
    there (a link, a folder, a foreign or unreadable file) raises ForeignFileError and is not changed. Raises OSError
    when the system refuses the write.
    """
    compose_atomically(path, lambda old: content if old is None or replace_ours(old) else None, mode=mode)


def compose_atomically(
    path: bytes | Path,
    compose: Callable[[bytes | None], bytes | None],
    *,
    mode: int,
    unsynced: set[bytes] | None = None,
) -> bool:
    """The same for a file whose new content depends on the old one (None: no file, or an empty one).

    `compose` returns None for a foreign file. If the content is already right, nothing is written, and the result is
    False. If another program saves the file meanwhile, it is composed again.

    `unsynced`: receives the folder, which the caller flushes with `sync_folders`. Until then a loss of power can remove
    the new name, but never leaves a name with half of the content.
    """
    target = os.fsencode(path)
    folder = os.path.dirname(target) or b"."
    for _ in range(ATTEMPTS):
        snapshot = read_snapshot(target)
        content = compose(snapshot.content or None if snapshot else None)
        if content is None:
            raise ForeignFileError(target, "a file that smolwatch did not write already exists")
        is_new = snapshot is None or snapshot.content != content
        if not is_new or replace_file(target, content, mode, snapshot):
            failpoint("sidecar-standing")
            if unsynced is not None:
                unsynced.add(folder)
            elif failed := sync_folders([folder]):
                raise failed[folder]
            return is_new
    raise ForeignFileError(target, "another program keeps changing it")


def replace_file(target: bytes, content: bytes, mode: int, snapshot: FileSnapshot | None) -> bool:
    """Replace the file atomically; False if it no longer is what the snapshot holds."""
    temporary = os.path.join(os.path.dirname(target), b".sw-" + secrets.token_hex(8).encode() + b".tmp")
    try:
        write_temporary(temporary, content, mode)
        if snapshot is None:
            return link_if_absent(temporary, target)
        if version_of(os.lstat(target)) != snapshot.version:
            return False
        os.replace(temporary, target)
        return True
    except FileNotFoundError:
        if os.path.lexists(temporary):  # the target was removed meanwhile
            return False
        raise
    finally:
        remove(temporary)


def read_snapshot(target: bytes) -> FileSnapshot | None:
    """The file's content, without following a link; None: no file. Raises ForeignFileError for anything else."""
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        if not os.path.lexists(target):
            raise
        raise ForeignFileError(target, "an unreadable file already exists") from error
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK}:
            raise ForeignFileError(target, "a link already exists") from error
        if error.errno in {errno.ENXIO, errno.EOPNOTSUPP}:
            raise ForeignFileError(target, "something that is not a file already exists") from error
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise ForeignFileError(target, "something that is not a file already exists")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LONGEST_READ)
    if len(content) == LONGEST_READ:
        raise ForeignFileError(target, "a file larger than any sidecar already exists")
    return FileSnapshot(content, version_of(found))


def version_of(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def write_temporary(path: bytes, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    failpoint("temporary-begun")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        # The name comes later, so a barrier is enough here; `sync_folders` flushes both.
        sync(descriptor, BARRIER_SYNC)
    failpoint("temporary-written")


def link_if_absent(temporary: bytes, target: bytes) -> bool:
    """Give the file its name if that is free; else False."""
    try:
        os.link(temporary, target, follow_symlinks=False)
        failpoint("sidecar-named")
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return False
        os.replace(temporary, target)
    return True


def remove_temporaries(
    folder: Path, enters: Callable[[bytes], bool] = lambda _: True, *, before: float | None = None
) -> int:
    """Remove the temporary files of a killed writer in the folder and below. Returns how many.

    `enters`: whether to enter a folder below, by its path. `before`: only files last written before then, in seconds
    since 1970; without it no writer may run meanwhile.

    Files that cannot be removed now (the disk became read-only) are left for the next start.
    """
    removed = 0
    for where, folders, names in os.walk(os.fsencode(folder)):
        folders[:] = [name for name in folders if enters(os.path.join(where, name))]
        for name in filter(TEMPORARY.fullmatch, names):
            path = os.path.join(where, name)
            with contextlib.suppress(OSError):
                if before is None or os.lstat(path).st_mtime < before:
                    removed += remove(path)
    return removed


def remove(path: bytes) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
