"""seccomp: the kernel denies system calls that a decoder does not need after setup.

A deny list, not an allow list: the set of harmless calls differs between C libraries and their versions.
Sources: seccomp(2); asm/unistd_64.h and asm-generic/unistd.h of the kernel, for the numbers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from daemon.linux import set_no_new_privs, system_call

X86_64, AARCH64 = "x86_64", "aarch64"
SET_MODE_FILTER = 1
#: TSYNC: for all threads, also those of libraries. SPEC_ALLOW: keep speculation, whose mitigation slows down decoding.
FLAGS = 1 | 4
SECCOMP = {X86_64: 317, AARCH64: 277}
AUDIT_ARCHITECTURE = {X86_64: 0xC000003E, AARCH64: 0xC00000B7}
#: From here on, call numbers belong to the x32 ABI.
X32 = 0x40000000

#: Call name: its numbers on x86_64 and aarch64; None if it does not exist there.
FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    # open a file
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "open_by_handle_at": (304, 265),
    "creat": (85, None), "memfd_create": (319, 279), "io_uring_setup": (425, 425),
    # change a file, even one that is open for reading
    "truncate": (76, 45), "mkdir": (83, None), "mkdirat": (258, 34), "mknod": (133, None), "mknodat": (259, 33),
    "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466),
    # network and sockets
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242),
    # other programs and processes
    "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    # kernel interfaces
    "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218),
}  # fmt: skip

#: BPF instructions: load a word, compare, return.
LOAD, IF_EQUAL, IF_AT_LEAST, ANSWER = 0x20, 0x15, 0x35, 0x06
#: Offsets of the call's number and the architecture in `seccomp_data`.
NUMBER_AT, ARCHITECTURE_AT = 0, 4
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x80000000


class Filter(ctypes.Structure):
    """The kernel's `sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def lock() -> None:
    """Applies to the whole process. Raises OSError."""
    machine = os.uname().machine
    if machine not in SECCOMP:
        raise OSError(errno.ENOSYS, f"no filter for the {machine} processor")
    instructions = program(machine)
    kept = Filter(len(instructions), b"".join(instructions))
    set_no_new_privs()
    failed = system_call(SECCOMP[machine], SET_MODE_FILTER, FLAGS, ctypes.addressof(kept))
    if failed:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def program(machine: str) -> list[bytes]:
    """The filter for "x86_64" or "aarch64". Pure."""
    numbers = [pair[machine == AARCH64] for pair in FORBIDDEN.values()]
    forbidden = [number for number in numbers if number is not None]
    count = len(forbidden)
    checks = [instruction(IF_EQUAL, number, yes=count - at) for at, number in enumerate(forbidden)]
    return [
        instruction(LOAD, ARCHITECTURE_AT),
        instruction(IF_EQUAL, AUDIT_ARCHITECTURE[machine], yes=1),
        instruction(ANSWER, KILL),
        instruction(LOAD, NUMBER_AT),
        instruction(IF_AT_LEAST, X32, yes=count + 1),
        *checks,
        instruction(ANSWER, ALLOW),
        instruction(ANSWER, REFUSE),
    ]


def instruction(code: int, value: int, *, yes: int = 0) -> bytes:
    """The kernel's `sock_filter`; `yes`: how many instructions to skip if the comparison is true."""
    return struct.pack("=HBBI", code, yes, 0, value)
