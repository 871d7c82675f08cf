"""The mirror: where sidecars stand whose folder cannot be written. The same folders again, below one of the home's."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from storage.atomic import link_if_absent, remove

#: What the system says of a folder that is not for us to write into.
REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}


def mirror_path(mirror: Path, path: bytes) -> bytes:
    """Where the file of this absolute path stands in the mirror."""
    return os.path.join(os.fsencode(mirror), path.lstrip(b"/"))


def make_folder(path: bytes) -> None:
    """The folder for a file in the mirror; nobody else may look into it."""
    Path(os.fsdecode(os.path.dirname(path))).mkdir(mode=0o700, parents=True, exist_ok=True)


def remove_from_mirror(path: bytes) -> None:
    """Take a file out of the mirror, and the folders that held nothing else."""
    if remove(path):
        try:
            os.removedirs(os.path.dirname(path))
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:  # or another process did
                raise


def link_in_mirror(old: bytes, new: bytes) -> bool:
    """Give a file in the mirror a second name there, of a file that was moved; False if something has that name."""
    make_folder(new)
    return link_if_absent(old, new)


def writable_again(mirror: Path, may_enter: Callable[[bytes], bool]) -> Iterator[tuple[bytes, list[bytes]]]:
    """The folders for which the mirror stands in, and that take files now; each with the names that stand there."""
    above = os.fsencode(mirror)
    for folder, _, names in os.walk(above):
        real = folder.removeprefix(above)
        if names and real and may_enter(real) and is_writable(real):
            yield real, names


def is_writable(folder: bytes) -> bool:
    """Tried out: a folder's permissions do not tell of privacy settings, nor of what a server allows."""
    trial = os.path.join(folder, b".sw-" + secrets.token_hex(8).encode() + b".tmp")
    try:
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError:
        return False
    return remove(trial)


def paths_in_mirror(mirror: Path) -> set[bytes]:
    """Where the sidecars that stand in the mirror would stand beside their files."""
    above = os.fsencode(mirror)
    return {
        os.path.join(folder.removeprefix(above) or b"/", name) for folder, _, names in os.walk(above) for name in names
    }
