"""Landlock: no opening, creating or removing of files; no TCP; no signals or abstract sockets to other processes.

Open descriptors stay open. Source: docs.kernel.org/userspace-api/landlock; in kernels since 5.13.
"""

from __future__ import annotations

import ctypes
import os
import struct

from daemon.linux import set_no_new_privs, system_call

CREATE_RULESET, RESTRICT_SELF = 444, 446
ASK_VERSION = 1

#: Number of file access rights in each version of Landlock.
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
#: Bind and connect over TCP, since version 4.
TCP_RIGHTS = 2
#: Abstract sockets of and signals to other processes, since version 6.
SCOPES = 2


def lock() -> None:
    """Applies to the calling thread and the threads that it starts. Raises OSError."""
    content = ruleset(system_call(CREATE_RULESET, 0, 0, ASK_VERSION))
    kept = ctypes.create_string_buffer(content, len(content))
    descriptor = system_call(CREATE_RULESET, ctypes.addressof(kept), len(content), 0)
    try:
        set_no_new_privs()
        system_call(RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)


def ruleset(version: int) -> bytes:
    """The kernel's `landlock_ruleset_attr` that denies everything this version can deny. Pure."""
    files = (1 << FILE_RIGHTS[min(version, max(FILE_RIGHTS))]) - 1
    tcp = (1 << TCP_RIGHTS) - 1 if version >= 4 else 0
    scopes = (1 << SCOPES) - 1 if version >= 6 else 0
    fields = 3 if version >= 6 else 2 if version >= 4 else 1
    return struct.pack(f"={fields}Q", *(files, tcp, scopes)[:fields])
