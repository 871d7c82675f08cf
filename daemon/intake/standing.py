"""Whether the inbox stands where it should: which folder it is, and what says that its disk is away."""

from __future__ import annotations

import errno
import os

#: What the system says of a folder that is not there, or whose disk or server is not.
AWAY_ERRORS = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EIO,
        errno.ESTALE,
        errno.ENXIO,
        errno.ENODEV,
        errno.ENOTCONN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ETIMEDOUT,
    }
)


def root_id(root: bytes) -> tuple[int, int]:
    """Which folder stands at the path (device, inode). Raises OSError when none does."""
    stat = os.stat(root)
    return stat.st_dev, stat.st_ino


def is_away(root: bytes, device: int) -> bool:
    """Whether an inbox that lay on `device` is missing: gone, unreadable, or an empty folder where it was mounted."""
    try:
        if os.stat(root).st_dev == device or os.path.ismount(root):
            return False
        with os.scandir(root) as entries:
            return next(entries, None) is None
    except OSError as error:
        return error.errno in AWAY_ERRORS
