"""Flushes files and folders to the drive, so that they survive a loss of power."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Collection

#: macOS: makes the drive itself write; its plain fsync does not.
FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
#: macOS: F_BARRIERFSYNC (sys/fcntl.h, no name in Python) has the drive write what it was given before whatever it is
#: given later, without a wait for it: a few times as fast as a full flush.
BARRIER_SYNC: int | None = None if FULL_SYNC is None else 85
#: What file systems say that have none of these two: network shares have only the plain fsync.
PLAIN_ONLY = {errno.ENOTSUP, errno.EINVAL, errno.ENOTTY}


def sync(descriptor: int, full_sync: int | None = FULL_SYNC) -> None:
    """Bring a file to the drive itself, as far as its file system can."""
    if full_sync is not None:
        try:
            fcntl.fcntl(descriptor, full_sync)
            return
        except OSError as error:
            if error.errno not in PLAIN_ONLY:
                raise
    os.fsync(descriptor)


def sync_folders(folders: Collection[bytes], full_sync: int | None = FULL_SYNC) -> dict[bytes, OSError]:
    """Bring the names in these folders to their drives, and all that was written there before; what failed, by folder.

    Where a plain fsync stops at the drive's own memory, one full flush a drive takes along all that the drive was given
    before. That the database is flushed later is not enough: it may lie on another drive.
    """
    failed: dict[bytes, OSError] = {}
    by_drive: dict[int, list[bytes]] = {}
    for folder in sorted(folders):
        try:
            by_drive.setdefault(sync_folder(folder), []).append(folder)
        except OSError as error:
            failed[folder] = error
    for some in by_drive.values() if full_sync is not None else ():
        try:
            sync_folder(some[-1], full_sync)
        except OSError as error:
            failed |= dict.fromkeys(some, error)
    return failed


def sync_folder(folder: bytes, full_sync: int | None = None) -> int:
    """Bring the names in a folder to the drive; the device's number. Raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:  # it takes files and shows none: its names are as safe as they get
        return os.stat(folder).st_dev
    try:
        sync(descriptor, full_sync)
    except OSError as error:  # some file systems do not sync folders, which is the same
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        device = os.fstat(descriptor).st_dev
        os.close(descriptor)
    return device
