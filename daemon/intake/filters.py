"""Which names are taken and which folders are entered. Pure judgement; nothing is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from config.settings import InboxSettings
from daemon.intake.settling import NOT_DOWNLOADED
from storage.sidecars import is_sidecar_name

OURS = "own-file"


@dataclass(frozen=True)
class Turned:
    """Why something is turned away (code, sentence)."""

    code: str
    reason: str


OWN_FILE = Turned(OURS, "Written by smolwatch itself.")
SYMLINK = Turned("symlink", "A symbolic link; links are not followed. Drop the file itself.")
PLACEHOLDER = Turned(NOT_DOWNLOADED.code, NOT_DOWNLOADED.reason)
NOT_REGULAR = Turned("not-regular", "Not a regular file: a pipe, socket or device.")


class Filters:
    """The inbox's rules about names. Globs are compared without regard to case."""

    def __init__(self, settings: InboxSettings) -> None:
        self._files = settings.ignore
        self._folders = settings.ignore_folders

    def of_file(self, name: bytes) -> Turned | None:
        """None when a file of this name is taken."""
        if is_sidecar_name(name) or (name.startswith(b".sw-") and name.endswith(b".tmp")):
            return OWN_FILE
        if name.startswith(b".") and name.endswith(b".icloud"):
            return PLACEHOLDER
        glob = _first_match(name, self._files)
        return Turned("ignored-name", f"The name matches {glob!r} of inbox.ignore.") if glob else None

    def of_folder(self, name: bytes) -> Turned | None:
        """None when a folder of this name is entered."""
        glob = _first_match(name, self._folders)
        return Turned("ignored-folder", f"In a folder that matches {glob!r} of inbox.ignore_folders.") if glob else None

    def of_path(self, root: bytes, path: bytes) -> Turned | None:
        """The same for a whole path below the inbox: its folders first, then its name."""
        *folders, name = os.path.relpath(path, root).split(os.sep.encode())
        for folder in folders:
            if turned := self.of_folder(folder):
                return turned
        return self.of_file(name)


def of_mode(mode: int) -> Turned | None:
    """None for a regular file or a folder; never follows a link."""
    if stat.S_ISLNK(mode):
        return SYMLINK
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return NOT_REGULAR


def _first_match(name: bytes, globs: Sequence[str]) -> str | None:
    text = os.fsdecode(name).casefold()
    return next((glob for glob in globs if fnmatchcase(text, glob.casefold())), None)


def placeholder_of(path: bytes) -> bytes:
    """What iCloud puts in the place of a file that is not downloaded: ".beach.jpg.icloud" for "beach.jpg"."""
    folder, name = os.path.split(path)
    return os.path.join(folder, b"." + name + b".icloud")
