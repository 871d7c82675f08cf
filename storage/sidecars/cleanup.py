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
from storage.sidecars.merging import Form, is_unedited
from storage.sidecars.mirror import link_in_mirror, mirror_path, remove_from_mirror
from storage.sidecars.names import sidecar_path
from storage.sidecars.presence import FORMATS, read_ours
from storage.sidecars.writer import mode_of


def discard(description: Description, mirror: Path) -> int:
    """Remove the sidecars in which nobody but smolwatch has a word, beside the file and in the mirror; how many.

    Raises nothing: what cannot be read or removed, stays.
    """
    removed = 0
    for form in FORMATS:
        for place, clear_away in possible_places(description.path, form, mirror):
            content = read_ours(form, place)
            if content is None or not form.about(content).is_about(description):
                continue
            if is_unedited(form, content, description):
                with suppress(OSError):
                    clear_away(place)
                    removed += 1
    return removed


def clear_for_new_file(
    path: bytes, digest: str, *, existing: Existing = "fill", mirror: Path | None = None
) -> list[bytes]:
    """Another file has come under the name of one that was described: its sidecars leave the place.

    `digest`: of the new file's bytes. What a person wrote is set apart, and its new names returned; the rest goes.
    Raises nothing: what cannot be set apart now is so when the new file's sidecars are written.
    """
    apart = []
    for form in FORMATS:
        for place, clear_away in possible_places(path, form, mirror):
            content = read_ours(form, place)
            if content is None or form.about(content).digest in (None, digest):
                continue
            with suppress(OSError, ForeignFileError):
                if is_kept(form, content, existing):
                    apart.append(save_conflict_copy(place, form, content, mode=mode_of(path)))
                if read_ours(form, place) == content:  # nobody has saved it meanwhile
                    clear_away(place)
    return apart


def move_with_file(description: Description, path: bytes, mirror: Path | None = None) -> None:
    """The file went to `path`: its sidecars leave the old place. Those with words of a person go along, to be filled.

    Those in the mirror do the same there. Raises nothing: one that cannot be read or moved, or in whose new place
    something stands, stays.
    """
    for form in FORMATS:
        old, new = sidecar_path(description.path, form.SUFFIX), sidecar_path(path, form.SUFFIX)
        content = read_ours(form, old)
        with suppress(OSError):
            if content == form.render(description) or (content is not None and link_if_absent(old, new)):
                os.unlink(old)
        if mirror is None:
            continue
        away, there = mirror_path(mirror, old), mirror_path(mirror, new)
        content = read_ours(form, away)
        with suppress(OSError):
            if content == form.render(description) or (content is not None and link_in_mirror(away, there)):
                remove_from_mirror(away)


def possible_places(path: bytes, form: Form, mirror: Path | None) -> list[tuple[bytes, Callable[[bytes], object]]]:
    """Where a sidecar of the file may stand, and how it is taken away from there."""
    beside = sidecar_path(path, form.SUFFIX)
    return [(beside, remove), *([(mirror_path(mirror, beside), remove_from_mirror)] if mirror else [])]
