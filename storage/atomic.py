"""Files that are there whole or not at all, and never in the place of somebody else's."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from config.crash_point import crash_point
from storage.errors import ForeignFileError

TEMPORARY = re.compile(rb"\.sw-[0-9a-f]{16}\.tmp")
#: Nothing of ours is longer; the rest of a longer file is not needed to see that it is foreign.
LONGEST_READ = 16 * 1024 * 1024
#: macOS: makes the drive itself write; its plain fsync does not.
FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
#: What file systems say that have no hard links (exFAT, some network shares).
NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK}


def write_atomically(path: bytes | Path, content: bytes, *, mode: int, replace_ours: Callable[[bytes], bool]) -> None:
    """Write a whole file with exactly this mode, safe against a crash at any point.

    A file that stands there is replaced only if `replace_ours` says so of its content, or if it is empty. Anything
    else there (a link, a folder, a file that is not ours or cannot be read) raises ForeignFileError and stays
    as it is. Raises OSError when the system does not let us write.
    """
    target = os.fsencode(path)
    folder = os.path.dirname(target) or b"."
    stands = judge(target, replace_ours)
    temporary = os.path.join(folder, b".sw-" + secrets.token_hex(8).encode() + b".tmp")
    try:
        write_new(temporary, content, mode)
        if stands or not put_first(temporary, target):
            if not stands:  # somebody was faster
                judge(target, replace_ours)
            os.replace(temporary, target)
    finally:
        remove(temporary)
    sync_folder(folder)


def judge(target: bytes, replace_ours: Callable[[bytes], bool]) -> bool:
    """Whether a file stands there that may be replaced; False: nothing stands there."""
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
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
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ForeignFileError(target, "something that is not a file stands there")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LONGEST_READ)
    # An empty file has nothing to lose, and may be what `put_first` left behind in a crash.
    if content and not replace_ours(content):
        raise ForeignFileError(target, "a file that smolwatch did not write stands there")
    return True


def write_new(path: bytes, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    crash_point("temporary-begun")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        sync(descriptor)
    crash_point("temporary-written")


def put_first(temporary: bytes, target: bytes) -> bool:
    """Give the file its name if nothing has it; False if something has."""
    try:
        os.link(temporary, target, follow_symlinks=False)
        crash_point("sidecar-named")
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


def sync(descriptor: int, full_sync: int | None = FULL_SYNC) -> None:
    """Bring a file to the drive itself, as far as its file system can."""
    if full_sync is not None:
        try:
            fcntl.fcntl(descriptor, full_sync)
            return
        except OSError as error:  # network shares have only the plain kind
            if error.errno not in {errno.ENOTSUP, errno.EINVAL, errno.ENOTTY}:
                raise
    os.fsync(descriptor)


def sync_folder(folder: bytes) -> None:
    """Bring the names in a folder to the drive."""
    crash_point("sidecar-standing")
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some file systems do not sync folders: their names are as safe as they get
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(descriptor)


def sweep_temporaries(folder: Path) -> int:
    """Remove what a killed writer left in the folder and below it; how many. Only when no writer runs."""
    removed = 0
    for where, _, names in os.walk(os.fsencode(folder)):
        for name in filter(TEMPORARY.fullmatch, names):
            removed += remove(os.path.join(where, name))
    return removed


def remove(path: bytes) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
