"""Sidecars: what was said about a file, beside that file.

Each is a pure function of the description and of what stands there already. A folder that cannot be written has its
sidecars in the mirror; they go back beside the file when they are next written and the folder lets them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.settings import Existing
from storage.atomic import compose_atomically, look, put_first, remove
from storage.description import Description
from storage.errors import ForeignFileError
from storage.fsync import sync_folders
from storage.sidecars import json, markdown
from storage.sidecars.conflict_copy import ChangedFrom, Composer, is_kept, nothing, set_apart
from storage.sidecars.durability import refused, sync
from storage.sidecars.merging import Form, compose, is_only_ours
from storage.sidecars.mirror import (
    REFUSED,
    beside_in_mirror,
    clear,
    make_folder,
    mirrored,
    put_in_mirror,
    writable_again,
)
from storage.sidecars.names import is_sidecar_name, sidecar_path

__all__ = [
    "ChangedFrom",
    "KeptSidecar",
    "all_stand",
    "all_stand_on_disk",
    "any_stands",
    "beside",
    "beside_in_mirror",
    "discard",
    "homecomers",
    "is_sidecar_name",
    "make_way",
    "places",
    "stands_on_disk",
    "sync",
    "take_along",
    "write",
]

FORMATS: tuple[Form, ...] = (json, markdown)
APART = "holds what was written about another file, which had this name before"


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
    changed_from: ChangedFrom = nothing,
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


def beside(path: bytes) -> list[bytes]:
    """Where the file's sidecars go."""
    return [sidecar_path(path, form.SUFFIX) for form in FORMATS]


def places(path: bytes, mirror: Path) -> list[bytes]:
    """The sidecars that stand for the file, beside it and in the mirror."""
    wanted = (*beside(path), *(mirrored(mirror, one) for one in beside(path)))
    return [place for form, place in zip(FORMATS * 2, wanted, strict=True) if content_of(form, place) is not None]


def homecomers(mirror: Path, may_enter: Callable[[bytes], bool]) -> Iterator[bytes]:
    """The files whose sidecars stand in the mirror, though their own folder can be written now.

    `write` brings them home. `may_enter`: whether a folder is looked into at all. Where one stands beside the file
    already, the one in the mirror holds words of a person, and stays.
    """
    for folder, names in writable_again(mirror, may_enter):
        for name in names:
            place = os.path.join(folder, name)
            if name.endswith(json.SUFFIX) and not os.path.lexists(place):
                content = content_of(json, mirrored(mirror, place))
                if content and (file := json.file_name(content)):
                    yield os.path.join(folder, file)


def all_stand(path: bytes, names: Set[bytes]) -> bool:
    """Whether all sidecars of the file are among these names of sidecars beside their files."""
    return all(path + form.SUFFIX in names or sidecar_path(path, form.SUFFIX) in names for form in FORMATS)


def any_stands(path: bytes, names: Set[bytes]) -> bool:
    return any(sidecar_path(path, form.SUFFIX) in names for form in FORMATS)


def all_stand_on_disk(path: bytes, mirror: Path) -> bool:
    """Whether each sidecar's name is taken, beside the file or in the mirror; by whatever that is."""
    return all_stand(path, on_disk(path, mirror))


def stands_on_disk(path: bytes, mirror: Path) -> bool:
    return bool(on_disk(path, mirror))


def on_disk(path: bytes, mirror: Path) -> set[bytes]:
    beside = [sidecar_path(path, form.SUFFIX) for form in FORMATS]
    return {one for one in beside if os.path.lexists(one) or os.path.lexists(mirrored(mirror, one))}


def discard(description: Description, mirror: Path) -> int:
    """Remove the sidecars in which nobody but smolwatch has a word, beside the file and in the mirror; how many.

    Raises nothing: what cannot be read or removed, stays.
    """
    removed = 0
    for form in FORMATS:
        for place, clear_away in places_for(description.path, form, mirror):
            content = content_of(form, place)
            if content is None or not form.about(content).holds(description):
                continue
            if is_only_ours(form, content, description):
                with suppress(OSError):
                    clear_away(place)
                    removed += 1
    return removed


def make_way(path: bytes, digest: str, *, existing: Existing = "fill", mirror: Path | None = None) -> list[bytes]:
    """Another file has come under the name of one that was described: its sidecars leave the place.

    `digest`: of the new file's bytes. What a person wrote is set apart, and its new names returned; the rest goes.
    Raises nothing: what cannot be set apart now is so when the new file's sidecars are written.
    """
    apart = []
    for form in FORMATS:
        for place, clear_away in places_for(path, form, mirror):
            content = content_of(form, place)
            if content is None or form.about(content).digest in (None, digest):
                continue
            with suppress(OSError, ForeignFileError):
                if is_kept(form, content, existing):
                    apart.append(set_apart(place, form, content, mode=mode_of(path)))
                if content_of(form, place) == content:  # nobody has saved it meanwhile
                    clear_away(place)
    return apart


def places_for(path: bytes, form: Form, mirror: Path | None) -> list[tuple[bytes, Callable[[bytes], object]]]:
    """Where a sidecar of the file may stand, and how it is taken away from there."""
    beside = sidecar_path(path, form.SUFFIX)
    return [(beside, remove), *([(mirrored(mirror, beside), clear)] if mirror else [])]


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
    away = mirrored(mirror, beside) if mirror else None
    elsewhere = content_of(form, away) if away else None
    try:
        compose_atomically(beside, composer.at(beside, elsewhere), mode=composer.mode, unsynced=folders)
    except OSError as error:
        if away is None or error.errno not in REFUSED:
            raise
        make_folder(away)
        ours = content_of(form, beside)
        compose_atomically(away, composer.at(away, ours), mode=composer.mode, unsynced=folders)
        why = f"its folder cannot be written, so it stands at {os.fsdecode(away)}"
        return [KeptSidecar(path=beside, reason=why), *set_apart_by(composer)]
    kept = []
    if existing == "skip" and content_of(form, beside) != form.render(description):
        kept.append(KeptSidecar(path=beside, reason="one stands there already, and output.existing says skip"))
    if away and elsewhere:
        kept += bring_home(composer, beside, away, elsewhere)
    return kept + set_apart_by(composer)


def bring_home(composer: Composer, beside: bytes, away: bytes, elsewhere: bytes) -> list[KeptSidecar]:
    """Clear the one in the mirror, whose content `elsewhere` the one beside the file holds now, unless it says more."""
    form, description = composer.form, composer.description
    if not (
        composer.parts_from(elsewhere, beside)
        or content_of(form, beside) == compose(form, elsewhere, description, composer.existing)
        or is_only_ours(form, elsewhere, description)
    ):
        return [KeptSidecar(path=away, reason="it holds words of yours, so it stays beside the one at the file")]
    if failed := sync_folders([os.path.dirname(beside)]):  # its words stand there for good, before they go here
        raise next(iter(failed.values()))
    clear(away)
    return []


def set_apart_by(composer: Composer) -> list[KeptSidecar]:
    return [KeptSidecar(path=name, reason=APART, apart=True) for name in sorted(composer.apart)]


def take_along(description: Description, path: bytes, mirror: Path | None = None) -> None:
    """The file went to `path`: its sidecars leave the old place. Those with words of a person go along, to be filled.

    Those in the mirror do the same there. Raises nothing: one that cannot be read or moved, or in whose new place
    something stands, stays.
    """
    for form in FORMATS:
        old, new = sidecar_path(description.path, form.SUFFIX), sidecar_path(path, form.SUFFIX)
        content = content_of(form, old)
        with suppress(OSError):
            if content == form.render(description) or (content is not None and put_first(old, new)):
                os.unlink(old)
        if mirror is None:
            continue
        away, there = mirrored(mirror, old), mirrored(mirror, new)
        content = content_of(form, away)
        with suppress(OSError):
            if content == form.render(description) or (content is not None and put_in_mirror(away, there)):
                clear(away)


def content_of(form: Form, path: bytes) -> bytes | None:
    """What stands there, if it is a sidecar of ours."""
    try:
        standing = look(path)
    except (ForeignFileError, OSError):
        return None
    return standing.content if standing and form.is_ours(standing.content) else None
