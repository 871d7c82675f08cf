"""macOS's sandbox, that of `sandbox-exec`: no network, no writing, no other programs, nobody's files.

`sandbox_init` is what `sandbox-exec` itself calls. Reading stays allowed outside of people's folders and other disks,
since the system loads parts of its libraries late, and inside of them where Python and its packages are. The file that
is handed over was opened before. Never run on a Mac by those who wrote it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterable
from pathlib import Path

DENIED = ("network*", "file-write*", "process-exec*", "process-fork")
#: Where people keep their files: below their homes, and on other disks.
PRIVATE = ("/Users", "/Volumes")
#: Our packages, and where they are: in a checkout that is not where Python's packages are.
OWN = ("config", "daemon", "storage")
ROOT = Path(__file__).parents[4]


def profile(readable: Iterable[str]) -> str:
    """In the sandbox's own language (SBPL), whose last rule that fits counts. Pure.

    `readable`: folders below the private ones that may be read all the same, without links in their paths.
    """
    rules = [f"(deny {what})" for what in DENIED]
    rules += [f"(deny file-read-data (subpath {quoted(folder)}))" for folder in PRIVATE]
    rules += [f"(allow file-read-data (subpath {quoted(folder)}))" for folder in dict.fromkeys(readable)]
    return "\n".join(["(version 1)", "(allow default)", *rules])


def quoted(path: str) -> str:
    """As SBPL writes a text."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def needed() -> list[str]:
    """Where Python, its packages and ours are: a library may load a part of itself in the middle of a file."""
    packages = [folder for folder in sys.path if os.path.basename(folder) == "site-packages"]
    folders = [sys.prefix, sys.base_prefix, *packages, *(str(ROOT / name) for name in OWN)]
    return [os.path.realpath(folder) for folder in folders]


def lock() -> None:
    """Holds for the whole process. Raises OSError."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "sandbox_init"):
        raise OSError(errno.ENOSYS, "this system has no sandbox_init")
    told = ctypes.c_char_p()
    if library.sandbox_init(os.fsencode(profile(needed())), ctypes.c_uint64(0), ctypes.byref(told)) != 0:
        raise OSError(errno.EPERM, (told.value or b"refused").decode(errors="replace"))
