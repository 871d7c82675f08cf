"""Names that were never free since they were judged: the same file has them, or one that replaced it.

A program that saves a file in place (by writing into it, or by renaming a new file over it) never frees the name. A
deletion followed by another file of that name does. Only an unbroken watch can distinguish the two.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from daemon.intake.filters import OWN_FILE, Filters
from daemon.intake.watch.event_queue import NameFreed

#: When more folders disappear at once, no name counts as held.
MAX_FOLDERS = 100


class HeldNames:
    """The names that are known to have been held since they were judged. Not thread-safe.

    `freed`: the names that were free since the owner last cleared it.
    """

    def __init__(self, root: bytes, filters: Filters) -> None:
        self._root = root
        self._filters = filters
        self._held: set[bytes] = set()
        self.freed: set[bytes] = set()

    def __contains__(self, path: object) -> bool:
        return path in self._held

    def hold(self, path: bytes) -> None:
        """The name has a judged file, and every change of it is reported from now on."""
        self._held.add(path)

    def free(self, path: bytes) -> None:
        """The name was free for a moment at least."""
        if self._filters.reject_file(os.path.basename(path)) is not OWN_FILE:
            self._held.discard(path)
            self.freed.add(path)

    def free_all(self, freed: Iterable[NameFreed]) -> None:
        """Files were deleted or moved away; others may have the names now."""
        gone = [name for name in freed if not self._is_backup(name)]
        for name in gone:
            self.free(name.path)
        folders = [name.path + b"/" for name in gone if name.is_folder]
        if len(folders) > MAX_FOLDERS:
            self.clear()
        elif folders:
            self._held = {path for path in self._held if not path.startswith(tuple(folders))}

    def clear(self) -> None:
        """Events were lost: any name may have been free meanwhile."""
        self._held.clear()

    def _is_backup(self, freed: NameFreed) -> bool:
        """Whether a program renamed the old file to a backup in the same folder, under a name that a rule rejects.

        exiftool ("beach.jpg_original") and many editors ("beach.jpg~") do so; the new file follows at once.
        """
        if freed.to is None or os.path.dirname(freed.to) != os.path.dirname(freed.path):
            return False
        return self._filters.reject_path(self._root, freed.to) not in (None, OWN_FILE)
