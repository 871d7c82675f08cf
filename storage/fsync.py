"""Flushes files and folders to the drive, so that they survive a loss of power."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Collection

#: macOS: F_FULLFSYNC flushes the drive's own cache; plain fsync does not.
FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
#: macOS: F_BARRIERFSYNC (sys/fcntl.h, no name in Python) makes the drive write earlier data before later data, without
#: waiting for it: a few times as fast as a full flush.
BARRIER_SYNC: int | None = None if FULL_SYNC is None else 85
#: The errors of file systems without these two: network shares have only the plain fsync.
PLAIN_ONLY = {errno.ENOTSUP, errno.EINVAL, errno.ENOTTY}


def sync(descriptor: int, full_sync: int | None = FULL_SYNC) -> None:
    """Flush a file to the drive, as far as its file system can."""
    if full_sync is not None:
        try:
            fcntl.fcntl(descriptor, full_sync)
            return
        except OSError as error:
            if error.errno not in PLAIN_ONLY:
                raise
    os.fsync(descriptor)


def sync_folders(folders: Collection[bytes], full_sync: int | None = FULL_SYNC) -> dict[bytes, OSError]:
    """Flush the names in these folders, and everything written before, to their drives. Returns the errors by folder.

    Where a plain fsync stops at the drive's cache, one full flush a drive writes all earlier data. A later flush of the
    database is not enough: it can be on another drive.
    """
    failed: dict[bytes, OSError] = {}
    by_drive: dict[int, list[bytes]] = {}
    for folder in sorted(folders):
        try:
            by_drive.setdefault(sync_folder(folder), []).append(folder)
        except OSError as error:
            failed[folder] = error
    for on_drive in by_drive.values() if full_sync is not None else ():
        try:
            sync_folder(on_drive[-1], full_sync)
        except OSError as error:
            failed |= dict.fromkeys(on_drive, error)
    return failed


def sync_folder(folder: bytes, full_sync: int | None = None) -> int:
    """Flush the names in a folder to the drive. Returns the device number. Raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:  # a folder that can be written but not read cannot be synced
        return os.stat(folder).st_dev
    try:
        sync(descriptor, full_sync)
    except OSError as error:  # some file systems cannot sync folders
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        device = os.fstat(descriptor).st_dev
        os.close(descriptor)
    return device
