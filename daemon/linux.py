"""Linux system calls that Python does not wrap."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def system_call(number: int, *arguments: int) -> int:
    """Returns the kernel's result. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return raise_errno(library.syscall(ctypes.c_long(number), *map(ctypes.c_ulong, arguments)))


def die_with_parent() -> None:
    """Have this process get SIGKILL when the thread that started it ends."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def set_no_new_privs() -> None:
    """Set no_new_privs: no program started from here gains more rights. The kernel requires it for a sandbox."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    raise_errno(library.prctl(ctypes.c_int(option), *map(ctypes.c_ulong, (value, 0, 0, 0))))


def raise_errno(answer: int) -> int:
    if answer == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
