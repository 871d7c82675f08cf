"""Makes sidecars survive a loss of power; the errors of systems that refuse to write them."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection

from storage.errors import SidecarError
from storage.fsync import sync_folders

CODES = {
    errno.ENOSPC: ("disk-full", "The disk is full"),
    errno.EDQUOT: ("disk-full", "The disk quota is used up"),
    errno.EROFS: ("read-only", "The folder is on a read-only disk"),
    errno.EACCES: ("no-access", "The system does not let smolwatch write into the folder"),
    errno.EPERM: ("no-access", "The system does not let smolwatch write into the folder"),
    errno.ENOENT: ("gone", "The file or its folder is no longer there"),
    errno.ENOTDIR: ("gone", "The file or its folder is no longer there"),
    errno.ENAMETOOLONG: ("name-too-long", "The sidecar's path is longer than the system allows"),
}


def sync(folders: Collection[bytes]) -> dict[bytes, SidecarError]:
    """Make the sidecars that `write` left in these folders durable. Returns the errors by folder.

    Call it before the job is done: its sidecars are not checked afterwards.
    """
    return {folder: refused(error, folder) for folder, error in sync_folders(folders).items()}


def refused(error: OSError, folder: bytes) -> SidecarError:
    code, sentence = CODES.get(error.errno or 0, ("sidecar", error.strerror or "The sidecar cannot be written"))
    refusal = SidecarError(code, f"{sentence}: {os.fsdecode(folder)}")
    refusal.__cause__ = error
    return refusal
