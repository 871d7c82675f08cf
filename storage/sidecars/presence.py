"""Which sidecars of a file exist, in their places and in the mirror. Reads only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Set
from pathlib import Path

from storage.atomic import read_snapshot
from storage.errors import ForeignFileError
from storage.sidecars import json, markdown
from storage.sidecars.merging import Form
from storage.sidecars.mirror import mirror_path, writable_again
from storage.sidecars.names import is_sidecar_name
from storage.sidecars.places import BESIDE, FORMATS, SidecarPlaces


def sidecar_paths(path: bytes, places: SidecarPlaces = BESIDE) -> list[bytes]:
    """The paths of the file's sidecars, of the formats that are written."""
    return [places.path(path, form) for form in places.forms]


def existing_sidecars(path: bytes, mirror: Path, places: SidecarPlaces = BESIDE) -> list[bytes]:
    """The file's existing sidecars of all formats, in their own places and in the mirror."""
    own = [places.path(path, form) for form in FORMATS]
    candidates = (*own, *(mirror_path(mirror, sidecar) for sidecar in own))
    return [place for form, place in zip(FORMATS * 2, candidates, strict=True) if read_ours(form, place) is not None]


def files_to_return(
    mirror: Path, may_enter: Callable[[bytes], bool], places: SidecarPlaces = BESIDE
) -> Iterator[bytes]:
    """The files whose sidecars are in the mirror although their own folder is writable now.

    `write` returns the sidecars to their places. `may_enter`: whether to enter a folder of files. If one is in its
    place already, the one in the mirror holds a person's edits, and stays.
    """
    for folder, names in writable_again(mirror, lambda folder: may_enter(places.file_folder(folder)), places.output):
        for name in names:
            place = os.path.join(folder, name)
            if not os.path.lexists(place) and (file := file_name(mirror_path(mirror, place), places)):
                yield os.path.join(places.file_folder(folder), file)


def file_name(place: bytes, places: SidecarPlaces) -> bytes | None:
    """The name of the file that a sidecar is about. The Markdown's own name holds it, unless it was too long."""
    if place.endswith(json.SUFFIX):
        content = read_ours(json, place)
        return json.file_name(content) if content else None
    is_alone = json not in places.forms and place.endswith(markdown.SUFFIX)
    return os.path.basename(place).removesuffix(markdown.SUFFIX) if is_alone else None


def sidecars_below(folder: bytes) -> set[bytes]:
    """The paths below an output folder that have a sidecar's name."""
    found = ((where, name) for where, _, names in os.walk(folder) for name in names)
    return {os.path.join(where, name) for where, name in found if is_sidecar_name(name)}


def all_exist(path: bytes, names: Set[bytes], places: SidecarPlaces = BESIDE) -> bool:
    """Whether all sidecars that the file gets are among these paths of sidecars."""
    if places.output is None and all(path + form.SUFFIX in names for form in places.forms):
        return True  # the usual case, without a look at the name's length
    return all(places.path(path, form) in names for form in places.forms)


def any_exists(path: bytes, names: Set[bytes], places: SidecarPlaces = BESIDE) -> bool:
    return any(places.path(path, form) in names for form in FORMATS)


def all_exist_on_disk(path: bytes, mirror: Path, places: SidecarPlaces = BESIDE) -> bool:
    """Whether each sidecar's path is taken, by anything, in its place or in the mirror."""
    return all_exist(path, paths_on_disk(path, mirror, places), places)


def any_exists_on_disk(path: bytes, mirror: Path, places: SidecarPlaces = BESIDE) -> bool:
    return bool(paths_on_disk(path, mirror, places))


def paths_on_disk(path: bytes, mirror: Path, places: SidecarPlaces = BESIDE) -> set[bytes]:
    own = (places.path(path, form) for form in FORMATS)
    return {place for place in own if os.path.lexists(place) or os.path.lexists(mirror_path(mirror, place))}


def read_ours(form: Form, path: bytes) -> bytes | None:
    """The content at the path, if it is a sidecar of ours."""
    try:
        snapshot = read_snapshot(path)
    except (ForeignFileError, OSError):
        return None
    return snapshot.content if snapshot and form.is_ours(snapshot.content) else None
