"""Which sidecars of a file exist, beside it and in the mirror. Reads only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Set
from pathlib import Path

from storage.atomic import read_snapshot
from storage.errors import ForeignFileError
from storage.sidecars import json, markdown
from storage.sidecars.merging import Form
from storage.sidecars.mirror import mirror_path, writable_again
from storage.sidecars.names import sidecar_path

#: The sidecars that a file gets.
FORMATS: tuple[Form, ...] = (json, markdown)


def sidecar_paths(path: bytes) -> list[bytes]:
    """The paths of the file's sidecars, beside it."""
    return [sidecar_path(path, form.SUFFIX) for form in FORMATS]


def existing_sidecars(path: bytes, mirror: Path) -> list[bytes]:
    """The file's existing sidecars, beside it and in the mirror."""
    beside = sidecar_paths(path)
    candidates = (*beside, *(mirror_path(mirror, sidecar) for sidecar in beside))
    return [place for form, place in zip(FORMATS * 2, candidates, strict=True) if read_ours(form, place) is not None]


def files_to_return(mirror: Path, may_enter: Callable[[bytes], bool]) -> Iterator[bytes]:
    """The files whose sidecars are in the mirror although their own folder is writable now.

    `write` returns the sidecars beside the file. `may_enter`: whether to enter a folder. If one is beside the file
    already, the one in the mirror holds a person's edits, and stays.
    """
    for folder, names in writable_again(mirror, may_enter):
        for name in names:
            place = os.path.join(folder, name)
            if name.endswith(json.SUFFIX) and not os.path.lexists(place):
                content = read_ours(json, mirror_path(mirror, place))
                if content and (file := json.file_name(content)):
                    yield os.path.join(folder, file)


def all_exist(path: bytes, names: Set[bytes]) -> bool:
    """Whether all sidecars of the file are among these paths of sidecars."""
    return all(path + form.SUFFIX in names or sidecar_path(path, form.SUFFIX) in names for form in FORMATS)


def any_exists(path: bytes, names: Set[bytes]) -> bool:
    return any(sidecar_path(path, form.SUFFIX) in names for form in FORMATS)


def all_exist_on_disk(path: bytes, mirror: Path) -> bool:
    """Whether each sidecar's path is taken, by anything, beside the file or in the mirror."""
    return all_exist(path, paths_on_disk(path, mirror))


def any_exists_on_disk(path: bytes, mirror: Path) -> bool:
    return bool(paths_on_disk(path, mirror))


def paths_on_disk(path: bytes, mirror: Path) -> set[bytes]:
    return {
        sidecar
        for sidecar in sidecar_paths(path)
        if os.path.lexists(sidecar) or os.path.lexists(mirror_path(mirror, sidecar))
    }


def read_ours(form: Form, path: bytes) -> bytes | None:
    """The content at the path, if it is a sidecar of ours."""
    try:
        snapshot = read_snapshot(path)
    except (ForeignFileError, OSError):
        return None
    return snapshot.content if snapshot and form.is_ours(snapshot.content) else None
