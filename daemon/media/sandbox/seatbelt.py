"""macOS's sandbox, that of `sandbox-exec`: no network, no writing, no other programs.

`sandbox_init` is what `sandbox-exec` itself calls. Reading stays allowed: the system loads parts of its libraries late.
Never run on a Mac by those who wrote it.
"""

from __future__ import annotations

import ctypes
import errno

DENIED = ("network*", "file-write*", "process-exec*", "process-fork")


def profile() -> str:
    """In the sandbox's own language (SBPL). Pure."""
    return "\n".join(["(version 1)", "(allow default)", *(f"(deny {what})" for what in DENIED)])


def lock() -> None:
    """Holds for the whole process. Raises OSError."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "sandbox_init"):
        raise OSError(errno.ENOSYS, "this system has no sandbox_init")
    told = ctypes.c_char_p()
    if library.sandbox_init(profile().encode(), ctypes.c_uint64(0), ctypes.byref(told)) != 0:
        raise OSError(errno.EPERM, (told.value or b"refused").decode(errors="replace"))
