"""The mirror: a folder tree in the home for the sidecars of folders that are not writable."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from storage.atomic import link_if_absent, remove

#: The errors for a folder that smolwatch may not write into.
REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}


def mirror_path(mirror: Path, path: bytes) -> bytes:
    """The path in the mirror for this absolute path."""
    return os.path.join(os.fsencode(mirror), path.lstrip(b"/"))


def make_folder(path: bytes) -> None:
    """Create the folder for a file in the mirror, accessible only for its owner."""
    Path(os.fsdecode(os.path.dirname(path))).mkdir(mode=0o700, parents=True, exist_ok=True)


def remove_from_mirror(path: bytes) -> None:
    """Remove a file from the mirror, and the folders that become empty."""
    if remove(path):
        try:
            os.removedirs(os.path.dirname(path))
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:  # or another process did
                raise


def link_in_mirror(old: bytes, new: bytes) -> bool:
    """Give a file in the mirror a second name there, if that is free; else False."""
    make_folder(new)
    return link_if_absent(old, new)


def writable_again(
    mirror: Path, may_enter: Callable[[bytes], bool], output: bytes | None = None
) -> Iterator[tuple[bytes, list[bytes]]]:
    """The mirrored folders that are writable now; each with the names in its mirror.

    Those below `output` may still have to be created.
    """
    root = os.fsencode(mirror)
    for folder, _, names in os.walk(root):
        real = folder.removeprefix(root)
        if names and real and may_enter(real) and is_writable(nearest_existing(real, output)):
            yield real, names


def nearest_existing(folder: bytes, output: bytes | None) -> bytes:
    """The folder, or the nearest one above it that exists, if that is not above `output`."""
    while output is not None and folder.startswith(output + b"/") and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def is_writable(folder: bytes) -> bool:
    """Tested with a file: permissions do not show privacy settings, or what a server allows."""
    trial = os.path.join(folder, b".sw-" + secrets.token_hex(8).encode() + b".tmp")
    try:
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError:
        return False
    return remove(trial)


def paths_in_mirror(mirror: Path) -> set[bytes]:
    """The paths beside their files of the sidecars that are in the mirror."""
    root = os.fsencode(mirror)
    return {
        os.path.join(folder.removeprefix(root) or b"/", name) for folder, _, names in os.walk(root) for name in names
    }
