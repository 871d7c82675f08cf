"""Whether a file that does not stand at its path is gone, or only out of sight."""

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

    Not gone are those that a rule turns away now, that the system does not show, and whose disk or whole inbox is away;
    nor those of another inbox, which was watched before.
    `devices`: on which device the files of these paths lay when they were last seen.
    """
    folders = NearestFolders(root)
    inside = (path for path in paths if path.startswith(root + b"/"))
    absent = [path for path in inside if is_absent(path, lstat) and filters.reject_path(root, path) is None]
    unsure = [path for path in absent if folders.may_be_unmounted(path)]
    lay_on = devices(unsure) if unsure else {}
    away = {path for path in unsure if folders.is_unmounted(path, lay_on.get(path, NO_DEVICE))}
    return [path for path in absent if path not in away]


def is_absent(path: bytes, lstat: Callable[[bytes], os.stat_result]) -> bool:
    """Whether the system says that nothing stands there."""
    try:
        lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


class NearestFolders:
    """The nearest folder above a path that is still there: is it where the file lay, or an empty mount point?"""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._nearest: dict[bytes, bytes | None] = {}
        self._away: dict[tuple[bytes, int], bool] = {}

    def may_be_unmounted(self, path: bytes) -> bool:
        """Whether the folder looks as one does whose disk is away."""
        return self.is_unmounted(path, NO_DEVICE)

    def is_unmounted(self, path: bytes, device: int) -> bool:
        """Whether what lay on `device` is out of sight there: with its disk, or with the whole inbox."""
        folder = self.nearest(os.path.dirname(path))
        if folder is None:
            return True
        if (folder, device) not in self._away:
            self._away[folder, device] = is_away(folder, device)
        return self._away[folder, device]

    def nearest(self, folder: bytes) -> bytes | None:
        """`folder`, or the next one above it that is there; None when not even the inbox is."""
        if folder not in self._nearest:
            if os.path.isdir(folder):
                self._nearest[folder] = folder
            else:
                self._nearest[folder] = None if folder == self._root else self.nearest(os.path.dirname(folder))
        return self._nearest[folder]
