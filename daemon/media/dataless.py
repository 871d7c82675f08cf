"""Files whose bytes are in the cloud only, which macOS calls dataless: reading one must not fetch it."""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Callable

from loguru import logger

#: sys/resource.h of macOS: setiopolicy_np(IOPOL_TYPE_VFS_MATERIALIZE_DATALESS_FILES, IOPOL_SCOPE_PROCESS,
#: IOPOL_MATERIALIZE_DATALESS_FILES_OFF). A read of such a file fails then, with EDEADLK.
TYPE_DATALESS, SCOPE_PROCESS, OFF = 3, 0, 1

SetPolicy = Callable[[int, int, int], int]


def leave_in_the_cloud(set_policy: SetPolicy | None = None) -> bool:
    """Whether this process fetches nothing by reading from now on; True on a Mac alone. Tried on none.

    What launchd starts is told so by its plist already (MaterializeDatalessFiles); what a terminal starts is not.
    `set_policy`: the system's setiopolicy_np; 0 means done.
    """
    call = set_policy or policy_of_the_system()
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


def policy_of_the_system() -> SetPolicy | None:
    if platform.system() != "Darwin":
        return None
    found: SetPolicy | None = getattr(ctypes.CDLL(None), "setiopolicy_np", None)
    return found


def wanted_the_cloud(error: BaseException | None) -> bool:
    """Whether a read failed for want of bytes that are in the cloud only, whatever a library made of that."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno == errno.EDEADLK:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
