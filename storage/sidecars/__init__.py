"""Sidecars: what was said about a file, beside that file. Each is a pure function of the description."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from storage.atomic import write_atomically
from storage.errors import ForeignFileError, SidecarError
from storage.records import Description
from storage.sidecars import json, markdown
from storage.sidecars.names import is_sidecar_name, sidecar_path

__all__ = ["Kept", "is_sidecar_name", "withdraw", "write"]

FORMATS = (json, markdown)
CODES = {
    errno.ENOSPC: ("disk-full", "The disk is full"),
    errno.EDQUOT: ("disk-full", "The disk quota is used up"),
    errno.EROFS: ("read-only", "The folder is on a read-only disk"),
    errno.EACCES: ("no-access", "The system does not let smolwatch write into the folder"),
    errno.EPERM: ("no-access", "The system does not let smolwatch write into the folder"),
    errno.ENOENT: ("gone", "The file or its folder is no longer there"),
    errno.ENOTDIR: ("gone", "The file or its folder is no longer there"),
}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Something that is not ours stands where a sidecar would go; it was left as it is."""

    path: bytes
    reason: str


def write(description: Description) -> list[Kept]:
    """Write every sidecar of the file, with the file's mode; what was kept instead.

    Raises SidecarError when the system does not let us; then it may be tried again.
    """
    kept = []
    try:
        mode = stat.S_IMODE(os.stat(description.path).st_mode) & 0o666
        for form in FORMATS:
            target = sidecar_path(description.path, form.SUFFIX)
            try:
                write_atomically(target, form.render(description), mode=mode, replace_ours=form.is_ours)
            except ForeignFileError as error:
                kept.append(Kept(path=error.path, reason=error.reason))
    except OSError as error:
        code, sentence = CODES.get(error.errno or 0, ("sidecar", error.strerror or "The sidecar cannot be written"))
        raise SidecarError(code, f"{sentence}: {os.fsdecode(os.path.dirname(description.path))}") from error
    return kept


def withdraw(description: Description) -> None:
    """The file went elsewhere: its sidecars go from here, where nobody has changed a byte of them since.

    Raises nothing: one that cannot be read or removed stays.
    """
    for form in FORMATS:
        path = sidecar_path(description.path, form.SUFFIX)
        with suppress(OSError):
            if content_of(path) == form.render(description):
                os.unlink(path)


def content_of(path: bytes) -> bytes | None:
    """None for what is no regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
