"""Which sidecars of a file exist, beside it and in the mirror. Reads only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Set
from pathlib import Path

from storage.atomic import look
from storage.errors import ForeignFileError
from storage.sidecars import json, markdown
from storage.sidecars.merging import Form
from storage.sidecars.mirror import mirrored, writable_again
from storage.sidecars.names import sidecar_path

#: The sidecars that a file gets.
FORMATS: tuple[Form, ...] = (json, markdown)


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


def content_of(form: Form, path: bytes) -> bytes | None:
    """What stands there, if it is a sidecar of ours."""
    try:
        standing = look(path)
    except (ForeignFileError, OSError):
        return None
    return standing.content if standing and form.is_ours(standing.content) else None
