"""Opens a path safely: a regular file of limited size that still matches the queued fingerprint, or an error."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from daemon.errors import (
    ChangedError,
    GoneError,
    MediaError,
    NoAccessError,
    NotDownloadedError,
    NotRegularError,
    TooLargeError,
    UnreadableError,
)
from storage.records import Fingerprint

# Without O_NONBLOCK a pipe would block forever; O_NOFOLLOW refuses a link that replaced the file after it was listed.
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC

#: macOS: the content is only in the cloud, and reading it would download it (SF_DATALESS).
DATALESS = 0x40000000

#: Access is denied by file permissions (EACCES) or by the privacy settings of macOS (EPERM).
PERMISSIONS_ADVICE = "Check the permissions of the file and of its parent folders; it is retried automatically."
PRIVACY_ADVICE = (
    "On a Mac, allow it under System Settings > Privacy & Security > Files and Folders (or Full Disk Access), for the "
    "program that runs smolwatch; it is retried automatically."
)


def open_checked(path: bytes, *, max_bytes: int, expected: Fingerprint | None = None) -> int:
    """A descriptor of the regular file at `path`, which the caller must close. Never blocks, follows no link.

    Raises GoneError, NoAccessError, NotRegularError, ChangedError if it is not `expected`, NotDownloadedError if its
    bytes are only in the cloud, UnreadableError if it is empty, TooLargeError if it is larger than `max_bytes`.
    """
    try:
        descriptor = os.open(path, FLAGS)
    except OSError as error:
        raise media_error(error) from error
    try:
        check(os.fstat(descriptor), max_bytes, expected)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def translate_os_errors() -> Iterator[None]:
    """Raise MediaError for an OSError while reading one file, so that it affects that file only."""
    try:
        yield
    except OSError as error:
        raise media_error(error, "read") from error


def check(found: os.stat_result, max_bytes: int, expected: Fingerprint | None) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotRegularError(f"It is {describe_kind(found.st_mode)}, not a file.")
    if expected is not None and Fingerprint.of(found) != expected:
        raise ChangedError("The file changed after it was queued.")
    if is_dataless(found):
        raise NotDownloadedError
    if found.st_size == 0:
        raise UnreadableError("The file is empty.")
    if found.st_size > max_bytes:
        raise TooLargeError(f"The file has {found.st_size:,} bytes; the limit is {max_bytes:,} bytes.")


def check_size(descriptor: int, size: int) -> None:
    """Raises ChangedError if the size differs now: reading a file that keeps growing would never end."""
    if os.fstat(descriptor).st_size != size:
        raise ChangedError("The file changed while it was being read.")


def is_dataless(found: os.stat_result) -> bool:
    """Whether the file's bytes are only in the cloud."""
    return bool(getattr(found, "st_flags", 0) & DATALESS)


def describe_kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def media_error(error: OSError, verb: str = "open") -> MediaError:
    """The MediaError for a failed open or read."""
    match error.errno:
        case errno.EDEADLK:  # macOS: evicted to the cloud after it was checked
            return NotDownloadedError(detail=os.strerror(errno.EDEADLK))
        case errno.ENOENT | errno.ENOTDIR:
            return GoneError("The file is no longer there.")
        case errno.ELOOP | errno.EMLINK:
            return NotRegularError("It is a symbolic link, and links are not followed.")
        case errno.ENXIO | errno.ENODEV | errno.EOPNOTSUPP:
            return NotRegularError("It is a socket or a device, not a file.")
        case errno.EACCES:
            return NoAccessError("Reading the file is not permitted.", advice=access_advice(error))
        case errno.EPERM:
            return NoAccessError("The system denies smolwatch access to this folder.", advice=access_advice(error))
        case _:
            return NoAccessError(
                f"The system cannot {verb} the file.",
                advice="Check the disk that it is on; the file is retried automatically.",
                detail=os.strerror(error.errno or 0),
            )


def access_advice(error: OSError) -> str:
    """Advice for a denied access; empty for other errors."""
    return {errno.EACCES: PERMISSIONS_ADVICE, errno.EPERM: PRIVACY_ADVICE}.get(error.errno or 0, "")
