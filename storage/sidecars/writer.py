"""Writes a file's sidecars in their places: beside it, or in an output folder.

Each is a pure function of the description and of the existing sidecar. The sidecars of a place that is not writable are
in the mirror; they return to their place at the next write that it allows.
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
from storage.sidecars import json
from storage.sidecars.conflict_copy import ChangedFrom, Composer, no_known_change
from storage.sidecars.durability import refused, sync
from storage.sidecars.merging import Form
from storage.sidecars.mirror import REFUSED, make_folder, mirror_path, remove_from_mirror
from storage.sidecars.names import sidecar_path
from storage.sidecars.places import BESIDE, SidecarPlaces
from storage.sidecars.presence import read_ours
from storage.sidecars.recipe_parts import compose, holds_all_of

CONFLICT_COPY = "holds what was written about another file, which had this name before"


@dataclass(frozen=True, kw_only=True)
class KeptSidecar:
    """A sidecar that was not written at `path`, and why (a foreign file is there, for example). Nothing was lost.

    `is_conflict_copy`: `path` holds the edited sidecar of an earlier file of the same name.
    """

    path: bytes
    reason: str
    is_conflict_copy: bool = False

    def to_text(self) -> str:
        name = os.path.basename(os.fsdecode(self.path))
        return f"{name} {self.reason}." if self.is_conflict_copy else f"{name} was not written: {self.reason}."


def write(
    description: Description,
    changed_from: ChangedFrom = no_known_change,
    unsynced: set[bytes] | None = None,
    *,
    existing: Existing = "fill",
    mirror: Path | None = None,
    places: SidecarPlaces = BESIDE,
) -> list[KeptSidecar]:
    """Write every sidecar of the file, with the file's mode. Returns those that were not written in their places.

    `changed_from`: the digests of the file's earlier contents; called if a sidecar is about other bytes.
    `unsynced`: receives the folders with new names, which the caller passes to `sync` so that they survive a loss of
    power; without it they are synced here. `existing`: what to do with an existing sidecar of ours, which a person may
    have edited. `mirror`: the folder for sidecars whose own folder is not writable.
    Raises SidecarError when the system refuses the write; it can be retried.
    """
    folders: set[bytes] = set() if unsynced is None else unsynced
    folder = os.path.dirname(description.path)
    try:
        mode = mode_of(description.path)
        folder = places.folder_of(folder)
        recorded = recorded_recipes(description.path, mirror, places)
        kept = []
        for form in places.forms:
            composer = Composer(form, description, existing, changed_from, mode, folders, recorded)
            try:
                kept += write_one(composer, mirror, places)
            except ForeignFileError as error:
                kept.append(KeptSidecar(path=error.path, reason=error.reason))
    except OSError as error:
        raise refused(error, folder) from error
    if unsynced is None and (failed := sync(folders)):
        raise next(iter(failed.values()))
    return kept


def mode_of(path: bytes) -> int:
    """The mode for the sidecars of the file: its own without the execute bits.

    Raises FileNotFoundError when the file is missing or reached through a link: nothing is written through links.
    """
    found, folder = os.lstat(path), os.path.dirname(path)
    if not stat.S_ISREG(found.st_mode) or os.path.realpath(folder) != folder:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return stat.S_IMODE(found.st_mode) & 0o666


def recorded_recipes(path: bytes, mirror: Path | None, places: SidecarPlaces) -> list[str]:
    """The recipes in the file's JSON sidecar, in its place or in the mirror, in order."""
    own = places.path(path, json)
    content = read_ours(json, own) or (mirror and read_ours(json, mirror_path(mirror, own)))
    return list(json.split(content)) if content else []


def write_one(composer: Composer, mirror: Path | None, places: SidecarPlaces) -> list[KeptSidecar]:
    """Write in its place, or else into the mirror. Returns why it is not in its place."""
    form, description, existing, folders = composer.form, composer.description, composer.existing, composer.unsynced
    own = places.path(description.path, form)
    in_mirror = mirror_path(mirror, own) if mirror else None
    mirrored = read_ours(form, in_mirror) if in_mirror else None
    elsewhere = mirrored or beside_before(form, description.path, places)
    try:
        if places.output is not None and places.is_moved(description.path):
            make_output_folder(os.path.dirname(own), places.output, folders)
        compose_atomically(own, composer.composing(own, elsewhere), mode=composer.mode, unsynced=folders)
    except OSError as error:
        if in_mirror is None or error.errno not in REFUSED:
            raise
        make_folder(in_mirror)
        ours = read_ours(form, own)
        compose_atomically(in_mirror, composer.composing(in_mirror, ours), mode=composer.mode, unsynced=folders)
        why = f"its folder is not writable, so it was saved at {os.fsdecode(in_mirror)}"
        return [KeptSidecar(path=own, reason=why), *conflict_copies_of(composer)]
    kept = []
    if existing == "skip" and not is_written(composer, own):
        kept.append(KeptSidecar(path=own, reason='it already exists, and output.existing is "skip"'))
    if in_mirror and mirrored:
        kept += return_from_mirror(composer, own, in_mirror, mirrored)
    return kept + conflict_copies_of(composer)


def beside_before(form: Form, path: bytes, places: SidecarPlaces) -> bytes | None:
    """The sidecar beside the file, from before there was an output folder. It stays; a person may have edited it."""
    return read_ours(form, sidecar_path(path, form.SUFFIX)) if places.is_moved(path) else None


def make_output_folder(folder: bytes, output: bytes, unsynced: set[bytes]) -> None:
    """Create a folder below `output`, and `output` itself. `unsynced`: receives the folders with new names.

    Raises FileNotFoundError if the folder of `output` is missing: its disk may not be mounted.
    """
    if os.path.isdir(folder):
        return
    if folder != output:
        make_output_folder(os.path.dirname(folder), output, unsynced)
    try:
        Path(os.fsdecode(folder)).mkdir()
    except FileExistsError:  # by another process, or it is no folder, which the write reports
        return
    unsynced.add(os.path.dirname(folder))


def is_written(composer: Composer, place: bytes) -> bool:
    """Whether the sidecar holds exactly the description in the part of its recipe."""
    content = read_ours(composer.form, place)
    return content == compose(composer.form, content, composer.description, "overwrite", composer.recorded)


def return_from_mirror(composer: Composer, own: bytes, in_mirror: bytes, content: bytes) -> list[KeptSidecar]:
    """Remove the sidecar from the mirror if the one in its place now holds all of its `content`."""
    written = read_ours(composer.form, own)
    if not (
        composer.saves_other_file(content, own)
        or written == composer.merge(content)
        or (written and holds_all_of(composer.form, written, content, composer.description, composer.recorded))
    ):
        reason = "it holds text that the one beside the file lacks, so both are kept"
        return [KeptSidecar(path=in_mirror, reason=reason)]
    if failed := sync_folders([os.path.dirname(own)]):  # the new one must be durable before this one is removed
        raise next(iter(failed.values()))
    remove_from_mirror(in_mirror)
    return []


def conflict_copies_of(composer: Composer) -> list[KeptSidecar]:
    copies = sorted(composer.conflict_copies)
    return [KeptSidecar(path=path, reason=CONFLICT_COPY, is_conflict_copy=True) for path in copies]
