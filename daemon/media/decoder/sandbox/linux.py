"""Linux's own calls, for which Python has no names."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def system_call(number: int, *arguments: int) -> int:
    """What the kernel answers. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return checked(library.syscall(ctypes.c_long(number), *map(ctypes.c_ulong, arguments)))


def die_with_parent() -> None:
    """SIGKILL for this process when the thread that started it ends."""
    process_control(PR_SET_PDEATHSIG, signal.SIGKILL)


def gain_nothing() -> None:
    """No program that is started from here has more rights than this process. The kernel wants that of a sandbox."""
    process_control(PR_SET_NO_NEW_PRIVS, 1)


def process_control(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    checked(library.prctl(ctypes.c_int(option), *map(ctypes.c_ulong, (value, 0, 0, 0))))


def checked(answer: int) -> int:
    if answer == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
