"""Sidecars: what was said about a file, beside that file.

Each is a pure function of the description and of what stands there already. A folder that cannot be written has its
sidecars in the mirror; they go back beside the file when they are next written and the folder lets them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from config.settings import Existing
from storage.atomic import compose_atomically, look, put_first
from storage.errors import ForeignFileError, SidecarError
from storage.records import Description
from storage.sidecars import json, markdown
from storage.sidecars.merging import Form, compose, is_only_ours
from storage.sidecars.mirror import REFUSED, clear, make_folder, mirrored, put_in_mirror, writable_again
from storage.sidecars.names import is_sidecar_name, sidecar_path

__all__ = ["Kept", "beside", "homecomers", "is_sidecar_name", "places", "take_along", "write"]

FORMATS: tuple[Form, ...] = (json, markdown)
CODES = {
    errno.ENOSPC: ("disk-full", "The disk is full"),
    errno.EDQUOT: ("disk-full", "The disk quota is used up"),
    errno.EROFS: ("read-only", "The folder is on a read-only disk"),
    errno.EACCES: ("no-access", "The system does not let smolwatch write into the folder"),
    errno.EPERM: ("no-access", "The system does not let smolwatch write into the folder"),
    errno.ENOENT: ("gone", "The file or its folder is no longer there"),
    errno.ENOTDIR: ("gone", "The file or its folder is no longer there"),
    errno.ENAMETOOLONG: ("name-too-long", "The sidecar's path is longer than the system takes"),
}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A sidecar that was not written at `path`, and why: what stands there is not ours, say. Nothing was lost."""

    path: bytes
    reason: str


def write(description: Description, *, existing: Existing = "fill", mirror: Path | None = None) -> list[Kept]:
    """Write every sidecar of the file, with the file's mode; which of them do not stand beside it.

    `existing`: what becomes of a sidecar of ours in which a person may have written. `mirror`: the folder that stands
    in for those that cannot be written. Raises SidecarError when the system does not let us: it may be tried again.
    """
    try:
        mode = mode_of(description.path)
        kept = []
        for form in FORMATS:
            try:
                kept += write_one(form, description, mode, existing, mirror)
            except ForeignFileError as error:
                kept.append(Kept(path=error.path, reason=error.reason))
        return kept
    except OSError as error:
        code, sentence = CODES.get(error.errno or 0, ("sidecar", error.strerror or "The sidecar cannot be written"))
        raise SidecarError(code, f"{sentence}: {os.fsdecode(os.path.dirname(description.path))}") from error


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


def mode_of(path: bytes) -> int:
    """The mode for the sidecars of the file: its own, less what runs it.

    Raises FileNotFoundError when it is no longer there, or only through a link: nothing is written through links.
    """
    found, folder = os.lstat(path), os.path.dirname(path)
    if not stat.S_ISREG(found.st_mode) or os.path.realpath(folder) != folder:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return stat.S_IMODE(found.st_mode) & 0o666


def write_one(form: Form, description: Description, mode: int, existing: Existing, mirror: Path | None) -> list[Kept]:
    """Beside the file, or else in the mirror; why it does not stand beside it."""
    beside = sidecar_path(description.path, form.SUFFIX)
    away = mirrored(mirror, beside) if mirror else None
    elsewhere = content_of(form, away) if away else None
    try:
        compose_atomically(beside, partial(compose_over, form, description, existing, elsewhere), mode=mode)
    except OSError as error:
        if away is None or error.errno not in REFUSED:
            raise
        make_folder(away)
        ours = content_of(form, beside)
        compose_atomically(away, partial(compose_over, form, description, existing, ours), mode=mode)
        return [Kept(path=beside, reason=f"its folder cannot be written, so it stands at {os.fsdecode(away)}")]
    now = content_of(form, beside)
    kept = []
    if existing == "skip" and now != form.render(description):
        kept.append(Kept(path=beside, reason="one stands there already, and output.existing says skip"))
    if away and elsewhere:
        if now == compose(form, elsewhere, description, existing) or is_only_ours(form, elsewhere, description):
            clear(away)
        else:
            kept.append(Kept(path=away, reason="it holds words of yours, so it stays beside the one at the file"))
    return kept


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


def compose_over(
    form: Form, description: Description, existing: Existing, elsewhere: bytes | None, standing: bytes | None
) -> bytes | None:
    """What a sidecar shall hold; where none stands, the one that stands elsewhere is taken along."""
    return compose(form, elsewhere if standing is None else standing, description, existing)


def content_of(form: Form, path: bytes) -> bytes | None:
    """What stands there, if it is a sidecar of ours."""
    try:
        standing = look(path)
    except (ForeignFileError, OSError):
        return None
    return standing.content if standing and form.is_ours(standing.content) else None
