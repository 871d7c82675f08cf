"""A file's birth time: distinguishes a rewritten file from another file that reuses its inode.

On Linux from statx, which Python does not offer before 3.15. https://man7.org/linux/man-pages/man2/statx.2.html
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

from storage.records import Fingerprint, Job

#: File systems' clocks lag up to this many seconds behind ours; no file is queued that young.
CLOCK_STEP = 0.1
AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_BTIME = -100, 0x100, 0x800
#: Of `struct statx`: its size, and the offsets of stx_mask and of stx_btime (seconds, nanoseconds).
STATX_BYTES, MASK_AT, BTIME_AT = 256, 0, 80


def is_the_same_file(path: bytes, there: Fingerprint, job: Job) -> bool:
    """Whether the file at `path` is the job's file with changed content.

    False where that is not certain: a free inode is reused, and some file systems have no birth time.
    """
    if (there.device, there.inode) != (job.fingerprint.device, job.fingerprint.inode):
        return False
    born = birth_of(path)
    return born is not None and born <= job.queued_at.timestamp() - CLOCK_STEP


def birth_of(path: bytes) -> float | None:
    """In seconds since 1970, without following a link; None where it is unknown, or no file is there."""
    if sys.platform == "linux":
        return birth_on_linux(path)
    try:
        born: float | None = getattr(os.lstat(path), "st_birthtime", None)
    except OSError:
        return None
    return born or None


def birth_on_linux(path: bytes) -> float | None:
    statx = getattr(ctypes.CDLL(None), "statx", None)
    found = ctypes.create_string_buffer(STATX_BYTES)
    if statx is None or statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, found) != 0:
        return None
    (mask,) = struct.unpack_from("=I", found.raw, MASK_AT)
    seconds, nanoseconds = struct.unpack_from("=qI", found.raw, BTIME_AT)
    return (seconds + nanoseconds / 1e9) or None if mask & STATX_BTIME else None
