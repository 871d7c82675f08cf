"""Files that are there whole or not at all, and never in the place of somebody else's."""

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
#: Nothing of ours is as long.
LONGEST_READ = 16 * 1024 * 1024
#: How often a file is composed anew because somebody changed it meanwhile.
ATTEMPTS = 5
#: What file systems say that have no hard links (exFAT, some network shares).
NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK}


@dataclass(frozen=True)
class Standing:
    """What stands at a path: its content, and by what a change of it is noticed."""

    content: bytes
    version: tuple[int, ...]


def write_atomically(path: bytes | Path, content: bytes, *, mode: int, replace_ours: Callable[[bytes], bool]) -> None:
    """Write a whole file with exactly this mode, safe against a crash at any point.

    A file that stands there is replaced only if `replace_ours` says so of its content, or if it is empty. Anything
    else there (a link, a folder, a file that is not ours or cannot be read) raises ForeignFileError and stays
    as it is. Raises OSError when the system does not let us write.
    """
    compose_atomically(path, lambda stands: content if stands is None or replace_ours(stands) else None, mode=mode)


def compose_atomically(
    path: bytes | Path,
    compose: Callable[[bytes | None], bytes | None],
    *,
    mode: int,
    unsynced: set[bytes] | None = None,
) -> bool:
    """The same for a file whose new content depends on what stands there (None: nothing, or an empty file).

    `compose` answers None for a file that is not ours. A file that says already what it shall is left as it is, and
    False returned. What somebody saves meanwhile is composed with anew.

    `unsynced`: gets the folder, which the caller brings to the drive with `sync_folders`. Until then a loss of power
    may take the file's new name away, but never leaves the name with half of the content.
    """
    target = os.fsencode(path)
    folder = os.path.dirname(target) or b"."
    for _ in range(ATTEMPTS):
        standing = look(target)
        content = compose(standing.content or None if standing else None)
        if content is None:
            raise ForeignFileError(target, "a file that smolwatch did not write stands there")
        is_new = standing is None or standing.content != content
        if not is_new or put(target, content, mode, standing):
            failpoint("sidecar-standing")
            if unsynced is not None:
                unsynced.add(folder)
            elif failed := sync_folders([folder]):
                raise failed[folder]
            return is_new
    raise ForeignFileError(target, "another program keeps writing to it")


def put(target: bytes, content: bytes, mode: int, standing: Standing | None) -> bool:
    """Bring the content there in one step; False if what stands there is no longer what was looked at."""
    temporary = os.path.join(os.path.dirname(target), b".sw-" + secrets.token_hex(8).encode() + b".tmp")
    try:
        write_new(temporary, content, mode)
        if standing is None:
            return put_first(temporary, target)
        if version_of(os.lstat(target)) != standing.version:
            return False
        os.replace(temporary, target)
        return True
    except FileNotFoundError:
        if os.path.lexists(temporary):  # what stood there went away meanwhile
            return False
        raise
    finally:
        remove(temporary)


def look(target: bytes) -> Standing | None:
    """What stands there, without following a link; None: nothing. Raises ForeignFileError for what is no file."""
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        if not os.path.lexists(target):
            raise
        raise ForeignFileError(target, "a file that cannot be read stands there") from error
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK}:
            raise ForeignFileError(target, "a link stands there") from error
        if error.errno in {errno.ENXIO, errno.EOPNOTSUPP}:
            raise ForeignFileError(target, "something that is not a file stands there") from error
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise ForeignFileError(target, "something that is not a file stands there")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LONGEST_READ)
    if len(content) == LONGEST_READ:
        raise ForeignFileError(target, "a file larger than any sidecar stands there")
    return Standing(content, version_of(found))


def version_of(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def write_new(path: bytes, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    failpoint("temporary-begun")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        # The name comes later, so an order is enough here; `sync_folders` has the drive write both.
        sync(descriptor, BARRIER_SYNC)
    failpoint("temporary-written")


def put_first(temporary: bytes, target: bytes) -> bool:
    """Give the file its name if nothing has it; False if something has."""
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


def sweep_temporaries(
    folder: Path, enters: Callable[[bytes], bool] = lambda _: True, *, before: float | None = None
) -> int:
    """Remove what a killed writer left in the folder and below it; how many. Only when no writer runs.

    `enters`: whether a folder below is looked into, by its path. `before`: only what was last written before then, in
    seconds since 1970: then others may write.

    What the system does not let us remove now (a disk that became read-only) is left for the next start.
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
