"""Sidecars whose file was removed, replaced or moved."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.settings import Existing
from storage.atomic import compose_atomically, link_if_absent, remove
from storage.description import Description
from storage.errors import ForeignFileError
from storage.sidecars.conflict_copy import is_kept, save_conflict_copy
from storage.sidecars.merging import Form
from storage.sidecars.mirror import link_in_mirror, mirror_path, remove_from_mirror
from storage.sidecars.places import BESIDE, FORMATS, SidecarPlaces
from storage.sidecars.presence import read_ours
from storage.sidecars.recipe_parts import digests, is_about, is_unedited
from storage.sidecars.writer import make_output_folder, mode_of


def discard(description: Description, mirror: Path, places: SidecarPlaces = BESIDE) -> int:
    """Remove the unedited sidecars of the file, in their places and in the mirror. Returns how many.

    Raises nothing: one that cannot be read or removed stays.
    """
    removed = 0
    for form in FORMATS:
        for place, remove_from in possible_places(description.path, form, mirror, places):
            content = read_ours(form, place)
            if content is None or not is_about(form, content, description):
                continue
            if is_unedited(form, content, description):
                with suppress(OSError):
                    remove_from(place)
                    removed += 1
    return removed


def clear_for_new_file(
    path: bytes,
    digest: str,
    *,
    existing: Existing = "fill",
    mirror: Path | None = None,
    places: SidecarPlaces = BESIDE,
) -> list[bytes]:
    """A new file has the name of one that was described: remove the old file's sidecars.

    `digest`: of the new file's bytes. Edited sidecars are kept as conflict copies, whose paths are returned.
    Raises nothing: a copy that cannot be made now is made when the new file's sidecars are written.
    """
    copies = []
    for form in FORMATS:
        for place, remove_from in possible_places(path, form, mirror, places):
            content = read_ours(form, place)
            if content is None or not (described := digests(form, content)) or digest in described:
                continue
            with suppress(OSError, ForeignFileError):
                if is_kept(form, content, existing):
                    copies.append(save_conflict_copy(place, form, content, mode=mode_of(path)))
                if read_ours(form, place) == content:  # it was not changed meanwhile
                    remove_from(place)
    return copies


def move_with_file(
    description: Description,
    path: bytes,
    mirror: Path | None = None,
    places: SidecarPlaces = BESIDE,
    new_places: SidecarPlaces = BESIDE,
) -> None:
    """The file was moved to `path`: move its edited sidecars, which are filled in later, and remove the others.

    The same in the mirror. `places`: of the old path, `new_places`: of the new one. Raises nothing: one that cannot be
    read or moved, or whose new path is taken, stays.
    """
    for form in FORMATS:
        old, new = places.path(description.path, form), new_places.path(path, form)
        content = read_ours(form, old)
        with suppress(OSError, ForeignFileError):
            if new_places.output is not None and content is not None:
                make_output_folder(os.path.dirname(new), new_places.output, set())
            if content == form.render(description) or (content is not None and moved_to(old, new, content)):
                os.unlink(old)
        if mirror is None:
            continue
        old_copy, new_copy = mirror_path(mirror, old), mirror_path(mirror, new)
        content = read_ours(form, old_copy)
        with suppress(OSError):
            if content == form.render(description) or (content is not None and link_in_mirror(old_copy, new_copy)):
                remove_from_mirror(old_copy)


def moved_to(old: bytes, new: bytes, content: bytes) -> bool:
    """Give the sidecar its new name, if that is free; else False. On another disk it is copied."""
    try:
        return link_if_absent(old, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    compose_atomically(new, lambda taken: content if taken is None else None, mode=stat.S_IMODE(os.lstat(old).st_mode))
    return True


def possible_places(
    path: bytes, form: Form, mirror: Path | None, places: SidecarPlaces
) -> list[tuple[bytes, Callable[[bytes], object]]]:
    """The possible paths of the file's sidecar, each with the function that removes it."""
    own = places.path(path, form)
    return [(own, remove), *([(mirror_path(mirror, own), remove_from_mirror)] if mirror else [])]
