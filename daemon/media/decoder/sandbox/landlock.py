"""Landlock: no file or folder can be opened, made or removed, and nobody outside be called or sent a signal.

What is open already stays open. Source: docs.kernel.org/userspace-api/landlock; in kernels since 5.13.
"""

from __future__ import annotations

import ctypes
import os
import struct

from daemon.linux import set_no_new_privs, system_call

CREATE_RULESET, RESTRICT_SELF = 444, 446
ASK_VERSION = 1

#: How many rights over files there are in each version of Landlock, of which each adds some.
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
#: Listening and connecting over TCP, since version 4.
TCP_RIGHTS = 2
#: Abstract sockets and signals to processes outside, since version 6.
SCOPES = 2


def lock() -> None:
    """Holds for the calling thread and those that it starts. Raises OSError."""
    content = ruleset(system_call(CREATE_RULESET, 0, 0, ASK_VERSION))
    kept = ctypes.create_string_buffer(content, len(content))
    descriptor = system_call(CREATE_RULESET, ctypes.addressof(kept), len(content), 0)
    try:
        set_no_new_privs()
        system_call(RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)


def ruleset(version: int) -> bytes:
    """The kernel's `landlock_ruleset_attr`, which takes away all that this version can take away. Pure."""
    files = (1 << FILE_RIGHTS[min(version, max(FILE_RIGHTS))]) - 1
    tcp = (1 << TCP_RIGHTS) - 1 if version >= 4 else 0
    scopes = (1 << SCOPES) - 1 if version >= 6 else 0
    fields = 3 if version >= 6 else 2 if version >= 4 else 1
    return struct.pack(f"={fields}Q", *(files, tcp, scopes)[:fields])
