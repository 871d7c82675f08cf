"""Sidecars: what was said about a file, beside that file.

Each is a pure function of the description and of what stands there already. A folder that cannot be written has its
sidecars in the mirror; they go back beside the file when they are next written and the folder lets them.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from config.settings import Existing
from storage.atomic import compose_atomically
from storage.description import Description
from storage.errors import ForeignFileError
from storage.fsync import sync_folders
from storage.sidecars.conflict_copy import ChangedFrom, Composer, no_known_change
from storage.sidecars.durability import refused, sync
from storage.sidecars.merging import compose, is_unedited
from storage.sidecars.mirror import (
    REFUSED,
    make_folder,
    mirror_path,
    remove_from_mirror,
)
from storage.sidecars.names import sidecar_path
from storage.sidecars.presence import FORMATS, read_ours

CONFLICT_COPY = "holds what was written about another file, which had this name before"


@dataclass(frozen=True, kw_only=True)
class KeptSidecar:
    """A sidecar that was not written at `path`, and why: what stands there is not ours, say. Nothing was lost.

    `apart`: there stands what was written about another file, which had the same name.
    """

    path: bytes
    reason: str
    apart: bool = False

    def in_words(self) -> str:
        name = os.path.basename(os.fsdecode(self.path))
        return f"{name} {self.reason}." if self.apart else f"{name} was not written: {self.reason}."


def write(
    description: Description,
    changed_from: ChangedFrom = no_known_change,
    unsynced: set[bytes] | None = None,
    *,
    existing: Existing = "fill",
    mirror: Path | None = None,
) -> list[KeptSidecar]:
    """Write every sidecar of the file, with the file's mode; which of them do not stand beside it.

    `changed_from`: what the file held before it was changed in place; asked where a sidecar is about other bytes.
    `unsynced`: gets the folders with new names, for the caller to give to `sync`, which makes them outlast a loss of
    power; without it that is done here. `existing`: what becomes of a sidecar of ours in which a person may have
    written. `mirror`: the folder that stands in for those that cannot be written.
    Raises SidecarError when the system does not let us: it may be tried again.
    """
    folders: set[bytes] = set() if unsynced is None else unsynced
    try:
        mode = mode_of(description.path)
        kept = []
        for form in FORMATS:
            try:
                kept += write_one(Composer(form, description, existing, changed_from, mode, folders), mirror)
            except ForeignFileError as error:
                kept.append(KeptSidecar(path=error.path, reason=error.reason))
    except OSError as error:
        raise refused(error, os.path.dirname(description.path)) from error
    if unsynced is None and (failed := sync(folders)):
        raise next(iter(failed.values()))
    return kept


def mode_of(path: bytes) -> int:
    """The mode for the sidecars of the file: its own, less what runs it.

    Raises FileNotFoundError when it is no longer there, or only through a link: nothing is written through links.
    """
    found, folder = os.lstat(path), os.path.dirname(path)
    if not stat.S_ISREG(found.st_mode) or os.path.realpath(folder) != folder:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return stat.S_IMODE(found.st_mode) & 0o666


def write_one(composer: Composer, mirror: Path | None) -> list[KeptSidecar]:
    """Beside the file, or else in the mirror; why it does not stand beside it."""
    form, description, existing, folders = composer.form, composer.description, composer.existing, composer.unsynced
    beside = sidecar_path(description.path, form.SUFFIX)
    away = mirror_path(mirror, beside) if mirror else None
    elsewhere = read_ours(form, away) if away else None
    try:
        compose_atomically(beside, composer.at(beside, elsewhere), mode=composer.mode, unsynced=folders)
    except OSError as error:
        if away is None or error.errno not in REFUSED:
            raise
        make_folder(away)
        ours = read_ours(form, beside)
        compose_atomically(away, composer.at(away, ours), mode=composer.mode, unsynced=folders)
        why = f"its folder cannot be written, so it stands at {os.fsdecode(away)}"
        return [KeptSidecar(path=beside, reason=why), *conflict_copies_of(composer)]
    kept = []
    if existing == "skip" and read_ours(form, beside) != form.render(description):
        kept.append(KeptSidecar(path=beside, reason="one stands there already, and output.existing says skip"))
    if away and elsewhere:
        kept += return_from_mirror(composer, beside, away, elsewhere)
    return kept + conflict_copies_of(composer)


def return_from_mirror(composer: Composer, beside: bytes, away: bytes, elsewhere: bytes) -> list[KeptSidecar]:
    """Clear the one in the mirror, whose content `elsewhere` the one beside the file holds now, unless it says more."""
    form, description = composer.form, composer.description
    if not (
        composer.parts_from(elsewhere, beside)
        or read_ours(form, beside) == compose(form, elsewhere, description, composer.existing)
        or is_unedited(form, elsewhere, description)
    ):
        return [KeptSidecar(path=away, reason="it holds words of yours, so it stays beside the one at the file")]
    if failed := sync_folders([os.path.dirname(beside)]):  # its words stand there for good, before they go here
        raise next(iter(failed.values()))
    remove_from_mirror(away)
    return []


def conflict_copies_of(composer: Composer) -> list[KeptSidecar]:
    return [KeptSidecar(path=name, reason=CONFLICT_COPY, apart=True) for name in sorted(composer.apart)]
