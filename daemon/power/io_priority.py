"""Lets everybody else's reading and writing go first."""

from __future__ import annotations

import ctypes
import platform

import psutil
from loguru import logger

#: sys/resource.h of macOS: setiopolicy_np(IOPOL_TYPE_DISK, IOPOL_SCOPE_PROCESS, IOPOL_UTILITY).
TYPE_DISK, SCOPE_PROCESS, UTILITY = 0, 0, 4
#: The last among those who are still served in turn; the idle class would starve behind a busy disk. See ioprio_set(2).
LAST = 7


def let_others_first() -> None:
    """For this process and those that it starts. Where the system refuses, nothing is lost but manners."""
    try:
        if platform.system() == "Darwin":
            ctypes.CDLL(None).setiopolicy_np(TYPE_DISK, SCOPE_PROCESS, UTILITY)
        else:
            psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, LAST)
    except (OSError, AttributeError, psutil.Error) as error:
        logger.debug("The disk's priority stays as it is: {}", error)
