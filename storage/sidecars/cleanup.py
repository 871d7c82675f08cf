"""Sidecars whose file was removed, replaced or moved."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.settings import Existing
from storage.atomic import link_if_absent, remove
from storage.description import Description
from storage.errors import ForeignFileError
from storage.sidecars.conflict_copy import is_kept, save_conflict_copy
from storage.sidecars.merging import Form
from storage.sidecars.mirror import link_in_mirror, mirror_path, remove_from_mirror
from storage.sidecars.names import sidecar_path
from storage.sidecars.presence import FORMATS, read_ours
from storage.sidecars.recipe_parts import digests, is_about, is_unedited
from storage.sidecars.writer import mode_of


def discard(description: Description, mirror: Path) -> int:
    """Remove the unedited sidecars of the file, beside it and in the mirror. Returns how many.

    Raises nothing: one that cannot be read or removed stays.
    """
    removed = 0
    for form in FORMATS:
        for place, remove_from in possible_places(description.path, form, mirror):
            content = read_ours(form, place)
            if content is None or not is_about(form, content, description):
                continue
            if is_unedited(form, content, description):
                with suppress(OSError):
                    remove_from(place)
                    removed += 1
    return removed


def clear_for_new_file(
    path: bytes, digest: str, *, existing: Existing = "fill", mirror: Path | None = None
) -> list[bytes]:
    """A new file has the name of one that was described: remove the old file's sidecars.

    `digest`: of the new file's bytes. Edited sidecars are kept as conflict copies, whose paths are returned.
    Raises nothing: a copy that cannot be made now is made when the new file's sidecars are written.
    """
    copies = []
    for form in FORMATS:
        for place, remove_from in possible_places(path, form, mirror):
            content = read_ours(form, place)
            if content is None or not (described := digests(form, content)) or digest in described:
                continue
            with suppress(OSError, ForeignFileError):
                if is_kept(form, content, existing):
                    copies.append(save_conflict_copy(place, form, content, mode=mode_of(path)))
                if read_ours(form, place) == content:  # it was not changed meanwhile
                    remove_from(place)
    return copies


def move_with_file(description: Description, path: bytes, mirror: Path | None = None) -> None:
    """The file was moved to `path`: move its edited sidecars, which are filled in later, and remove the others.

    The same in the mirror. Raises nothing: one that cannot be read or moved, or whose new path is taken, stays.
    """
    for form in FORMATS:
        old, new = sidecar_path(description.path, form.SUFFIX), sidecar_path(path, form.SUFFIX)
        content = read_ours(form, old)
        with suppress(OSError):
            if content == form.render(description) or (content is not None and link_if_absent(old, new)):
                os.unlink(old)
        if mirror is None:
            continue
        old_copy, new_copy = mirror_path(mirror, old), mirror_path(mirror, new)
        content = read_ours(form, old_copy)
        with suppress(OSError):
            if content == form.render(description) or (content is not None and link_in_mirror(old_copy, new_copy)):
                remove_from_mirror(old_copy)


def possible_places(path: bytes, form: Form, mirror: Path | None) -> list[tuple[bytes, Callable[[bytes], object]]]:
    """The possible paths of the file's sidecar, each with the function that removes it."""
    beside = sidecar_path(path, form.SUFFIX)
    return [(beside, remove), *([(mirror_path(mirror, beside), remove_from_mirror)] if mirror else [])]
