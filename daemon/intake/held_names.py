"""Names that were never free: what stands there now is what stood there when it was judged, or was put in its place.

A program that saves a file over itself (it writes into the file, or renames a new file over the old one) never frees
the name. A file that is deleted and another that comes under its name do. Only an unbroken watch can tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from daemon.intake.filters import OWN_FILE, Filters
from daemon.intake.watch.event_queue import NameFreed

#: When more folders go away at once, every name is doubted.
MAX_FOLDERS = 100


class HeldNames:
    """The names that are known to have been held since they were judged. Not thread-safe: one thread owns it.

    `freed`: the names that were free since its owner last cleared it.
    """

    def __init__(self, root: bytes, filters: Filters) -> None:
        self._root = root
        self._filters = filters
        self._held: set[bytes] = set()
        self.freed: set[bytes] = set()

    def __contains__(self, path: object) -> bool:
        return path in self._held

    def hold(self, path: bytes) -> None:
        """A known file stands there, and from now on every change of the name is heard of."""
        self._held.add(path)

    def free(self, path: bytes) -> None:
        """The name was free for a moment at least."""
        if self._filters.reject_file(os.path.basename(path)) is not OWN_FILE:
            self._held.discard(path)
            self.freed.add(path)

    def free_all(self, freed: Iterable[NameFreed]) -> None:
        """Something went away from these names; others may have taken them since."""
        gone = [one for one in freed if not self._is_backup(one)]
        for one in gone:
            self.free(one.path)
        folders = [one.path + b"/" for one in gone if one.is_folder]
        if len(folders) > MAX_FOLDERS:
            self.clear()
        elif folders:
            self._held = {path for path in self._held if not path.startswith(tuple(folders))}

    def clear(self) -> None:
        """Something was missed: any name may have been free meanwhile."""
        self._held.clear()

    def _is_backup(self, freed: NameFreed) -> bool:
        """Whether a program that saves a file has put the old one beside it, under a name that a rule turns away.

        So do exiftool ("beach.jpg_original") and many editors ("beach.jpg~"): the new one follows at once.
        """
        if freed.to is None or os.path.dirname(freed.to) != os.path.dirname(freed.path):
            return False
        return self._filters.reject_path(self._root, freed.to) not in (None, OWN_FILE)
