"""The mirror: where sidecars stand whose folder cannot be written. The same folders again, below one of the home's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from storage.atomic import remove

#: What the system says of a folder that is not for us to write into.
REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}


def mirrored(mirror: Path, path: bytes) -> bytes:
    """Where the file of this absolute path stands in the mirror."""
    return os.path.join(os.fsencode(mirror), path.lstrip(b"/"))


def make_folder(path: bytes) -> None:
    """The folder for a file in the mirror; nobody else may look into it."""
    Path(os.fsdecode(os.path.dirname(path))).mkdir(mode=0o700, parents=True, exist_ok=True)


def clear(path: bytes) -> None:
    """Take a file out of the mirror, and the folders that held nothing else."""
    if remove(path):
        try:
            os.removedirs(os.path.dirname(path))
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
