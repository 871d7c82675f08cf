"""Opening a path once, safely: a regular file of sane size that is still the one that was queued, or an error."""

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

# Without O_NONBLOCK a pipe would block for ever; O_NOFOLLOW refuses a link that was put there after the file was seen.
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC

#: macOS: the content is in the cloud only, and reading it would fetch it (SF_DATALESS).
DATALESS = 0x40000000

#: Who keeps smolwatch out: a file's owner, by permissions (EACCES), or macOS, by its privacy settings (EPERM).
PERMISSIONS_ADVICE = "Check the permissions of the file and of the folders above it; it is tried again by itself."
PRIVACY_ADVICE = (
    "On a Mac, allow it under System Settings > Privacy & Security > Files and Folders (or Full Disk Access), for the "
    "program that runs smolwatch; it is tried again by itself."
)


def open_checked(path: bytes, *, max_bytes: int, expected: Fingerprint | None = None) -> int:
    """A descriptor of the regular file at `path`, for the caller to close. Never blocks, follows no link.

    Raises GoneError, NoAccessError, NotRegularError, ChangedError when it is not `expected`, NotDownloadedError when
    its bytes are elsewhere, UnreadableError when it is empty, TooLargeError when it is over `max_bytes`.
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
    """What the system refuses while one file is read costs that file alone: MediaError in place of OSError."""
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
        raise TooLargeError(f"The file has {found.st_size:,} bytes, more than the {max_bytes:,} that smolwatch opens.")


def check_size(descriptor: int, size: int) -> None:
    """Raises ChangedError when there are more bytes now, or fewer: whoever follows a file that grows finds no end."""
    if os.fstat(descriptor).st_size != size:
        raise ChangedError("The file changed while it was being read.")


def is_dataless(found: os.stat_result) -> bool:
    """Whether the file's bytes are in the cloud only."""
    return bool(getattr(found, "st_flags", 0) & DATALESS)


def describe_kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def media_error(error: OSError, verb: str = "open") -> MediaError:
    """What a failed open or read means to the person whose file it is."""
    match error.errno:
        case errno.EDEADLK:  # macOS: its bytes went to the cloud after it was looked at
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
            return NoAccessError("The system does not let smolwatch into this folder.", advice=access_advice(error))
        case _:
            return NoAccessError(
                f"The system cannot {verb} the file.",
                advice="Check the disk that it is on; it is tried again by itself.",
                detail=os.strerror(error.errno or 0),
            )


def access_advice(error: OSError) -> str:
    """What a person can do about a refused access; nothing where it is none."""
    return {errno.EACCES: PERMISSIONS_ADVICE, errno.EPERM: PRIVACY_ADVICE}.get(error.errno or 0, "")
