"""Dataless files of macOS, whose bytes are only in the cloud: reading one must not download it."""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Callable

from loguru import logger

#: sys/resource.h of macOS: setiopolicy_np(IOPOL_TYPE_VFS_MATERIALIZE_DATALESS_FILES, IOPOL_SCOPE_PROCESS,
#: IOPOL_MATERIALIZE_DATALESS_FILES_OFF). With it, reading such a file fails with EDEADLK.
TYPE_DATALESS, SCOPE_PROCESS, OFF = 3, 0, 1

SetPolicy = Callable[[int, int, int], int]


def forbid_downloads(set_policy: SetPolicy | None = None) -> bool:
    """Make reads of this process never download files. True if the system accepted it (macOS only; not tested there).

    For a service, the launchd plist sets it already (MaterializeDatalessFiles); for a terminal nothing does.
    `set_policy`: the system's setiopolicy_np, which returns 0 on success.
    """
    call = set_policy or system_set_policy()
    if call is None:
        return False
    try:
        done = call(TYPE_DATALESS, SCOPE_PROCESS, OFF) == 0
    except OSError as error:
        logger.debug("Reading may fetch files from the cloud: {}", error)
        return False
    if not done:
        logger.debug("Reading may fetch files from the cloud: setiopolicy_np refused")
    return done


def system_set_policy() -> SetPolicy | None:
    if platform.system() != "Darwin":
        return None
    found: SetPolicy | None = getattr(ctypes.CDLL(None), "setiopolicy_np", None)
    return found


def is_dataless_error(error: BaseException | None) -> bool:
    """Whether EDEADLK, a read of a dataless file, is the error or in its chain of causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno == errno.EDEADLK:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
