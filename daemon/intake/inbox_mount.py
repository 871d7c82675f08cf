"""Whether the inbox is mounted: the identity of its folder, and the signs that its disk is missing."""

from __future__ import annotations

import errno
import fcntl
import os

from daemon.intake.watched_inboxes import Inboxes

#: MAXPATHLEN of macOS: the buffer of F_GETPATH.
PATH_BYTES = 1024
#: Errors of a folder that does not exist, or whose disk or server is not reachable.
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
    """The folder's device and inode. Raises OSError when there is none."""
    stat = os.stat(root)
    return stat.st_dev, stat.st_ino


def on_disk(folder: bytes) -> bytes:
    """The folder's path in the spelling of its disk (F_GETPATH of macOS; elsewhere unchanged). Raises OSError."""
    command = getattr(fcntl, "F_GETPATH", None)
    if command is None:
        return folder
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(descriptor, command, bytes(PATH_BYTES)).rstrip(b"\0")
    finally:
        os.close(descriptor)


def is_away(root: bytes, device: int) -> bool:
    """Whether an inbox that was on `device` is missing: no folder, unreadable, or an empty mount point."""
    try:
        if os.stat(root).st_dev == device or os.path.ismount(root):
            return False
        with os.scandir(root) as entries:
            return next(entries, None) is None
    except OSError as error:
        return error.errno in AWAY_ERRORS


class InboxMounts:
    """For the worker: of an inbox that is missing, it claims no job, and no file counts as gone."""

    def __init__(self, inboxes: Inboxes) -> None:
        self._inboxes = inboxes
        self._mounts = {inbox.name: InboxMount(inbox.root) for inbox in inboxes}

    def missing(self) -> list[str]:
        """The names of the inboxes that are not there."""
        return [name for name, mount in self._mounts.items() if not mount.is_there()]

    def misses(self, path: bytes, device: int) -> bool:
        """A file that was on `device` is not at its path: is that because its whole inbox is missing?"""
        inbox = self._inboxes.of(path)
        return inbox is not None and self._mounts[inbox.name].misses(device)


class InboxMount:
    """One of them."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._missed: int | None = None

    def misses(self, device: int) -> bool:
        """A file that was on `device` is not there: is that because the whole inbox is missing?"""
        away = is_away(self._root, device)
        self._missed = device if away else None
        return away

    def is_there(self) -> bool:
        if self._missed is not None and not is_away(self._root, self._missed):
            self._missed = None
        return self._missed is None and os.path.isdir(self._root)
