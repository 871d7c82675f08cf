"""Whether the inbox stands where it should: which folder it is, and what says that its disk is away."""

from __future__ import annotations

import errno
import fcntl
import os

#: MAXPATHLEN of macOS: what F_GETPATH writes into.
PATH_BYTES = 1024
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


def on_disk(folder: bytes) -> bytes:
    """The folder's path as its disk spells it, where the system tells (F_GETPATH of macOS). Raises OSError."""
    command = getattr(fcntl, "F_GETPATH", None)
    if command is None:
        return folder
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(descriptor, command, bytes(PATH_BYTES)).rstrip(b"\0")
    finally:
        os.close(descriptor)


def is_away(root: bytes, device: int) -> bool:
    """Whether an inbox that lay on `device` is missing: gone, unreadable, or an empty folder where it was mounted."""
    try:
        if os.stat(root).st_dev == device or os.path.ismount(root):
            return False
        with os.scandir(root) as entries:
            return next(entries, None) is None
    except OSError as error:
        return error.errno in AWAY_ERRORS


class InboxMount:
    """The inbox as a worker needs it: while it is away, no job is taken, and no file counts as gone."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._missed: int | None = None

    def misses(self, device: int) -> bool:
        """A file that lay on `device` is not there: is that because the whole inbox is away?"""
        away = is_away(self._root, device)
        self._missed = device if away else None
        return away

    def is_there(self) -> bool:
        if self._missed is not None and not is_away(self._root, self._missed):
            self._missed = None
        return self._missed is None and os.path.isdir(self._root)
