"""Lowers the disk priority of this process."""

from __future__ import annotations

import ctypes
import platform

import psutil
from loguru import logger

#: sys/resource.h of macOS: setiopolicy_np(IOPOL_TYPE_DISK, IOPOL_SCOPE_PROCESS, IOPOL_UTILITY).
TYPE_DISK, SCOPE_PROCESS, UTILITY = 0, 0, 4
#: Of the best-effort class (ioprio_set(2)); the idle class would starve on a busy disk.
LOWEST_LEVEL = 7


def lower_io_priority() -> None:
    """For this process and its children. Optional: a refusal of the system is only logged."""
    try:
        if platform.system() == "Darwin":
            ctypes.CDLL(None).setiopolicy_np(TYPE_DISK, SCOPE_PROCESS, UTILITY)
        else:
            psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, LOWEST_LEVEL)
    except (OSError, AttributeError, psutil.Error) as error:
        logger.debug("The disk priority stays unchanged: {}", error)
