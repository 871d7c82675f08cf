"""Whether a file that is not at its path is gone, or only inaccessible."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from daemon.intake.filters import Filters
from daemon.intake.inbox_mount import is_away
from storage.records import NO_DEVICE


def gone_paths(
    paths: Iterable[bytes],
    root: bytes,
    filters: Filters,
    devices: Callable[[list[bytes]], Mapping[bytes, int]],
    lstat: Callable[[bytes], os.stat_result] = os.lstat,
) -> list[bytes]:
    """Those of these paths whose files are gone.

    Not gone are files that a rule rejects now, that are inaccessible, whose disk or whole inbox is not mounted, or that
    belong to another inbox, which was watched before. `devices`: the device numbers of these paths when last seen.
    """
    folders = NearestFolders(root)
    inside = (path for path in paths if path.startswith(root + b"/"))
    absent = [path for path in inside if is_absent(path, lstat) and filters.reject_path(root, path) is None]
    unsure = [path for path in absent if folders.may_be_unmounted(path)]
    lay_on = devices(unsure) if unsure else {}
    away = {path for path in unsure if folders.is_unmounted(path, lay_on.get(path, NO_DEVICE))}
    return [path for path in absent if path not in away]


def is_absent(path: bytes, lstat: Callable[[bytes], os.stat_result]) -> bool:
    """Whether the system reports that the path does not exist."""
    try:
        lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


class NearestFolders:
    """Finds the nearest existing folder above a path: is it the file's folder, or an empty mount point?"""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._nearest: dict[bytes, bytes | None] = {}
        self._away: dict[tuple[bytes, int], bool] = {}

    def may_be_unmounted(self, path: bytes) -> bool:
        """Whether its folder looks like a mount point whose disk is not mounted."""
        return self.is_unmounted(path, NO_DEVICE)

    def is_unmounted(self, path: bytes, device: int) -> bool:
        """Whether the files there that were on `device` are inaccessible, with their disk or with the whole inbox."""
        folder = self.nearest(os.path.dirname(path))
        if folder is None:
            return True
        if (folder, device) not in self._away:
            self._away[folder, device] = is_away(folder, device)
        return self._away[folder, device]

    def nearest(self, folder: bytes) -> bytes | None:
        """`folder`, or the nearest existing one above it; None when the inbox itself does not exist."""
        if folder not in self._nearest:
            if os.path.isdir(folder):
                self._nearest[folder] = folder
            else:
                self._nearest[folder] = None if folder == self._root else self.nearest(os.path.dirname(folder))
        return self._nearest[folder]
