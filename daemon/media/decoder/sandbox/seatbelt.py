"""The macOS sandbox, that of `sandbox-exec`: no network, no writing, no other programs, no users' files.

`sandbox-exec` itself calls `sandbox_init`. Reading stays allowed outside of users' folders and other disks, because
the system loads parts of its libraries lazily, and inside of them only for Python and its packages. The parent opens
the media file. Not yet tested on a Mac.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterable
from pathlib import Path

DENIED = ("network*", "file-write*", "process-exec*", "process-fork")
#: Where users' files are: in home folders and on other disks.
PRIVATE = ("/Users", "/Volumes")
#: The packages of smolwatch, and the folder that contains them: in a checkout it is not site-packages.
PACKAGES = ("config", "daemon", "storage")
ROOT = Path(__file__).parents[4]


def profile(readable: Iterable[str]) -> str:
    """A profile in SBPL, the sandbox's language; the last matching rule wins. Pure.

    `readable`: folders inside the private ones that stay readable; their paths must contain no links.
    """
    rules = [f"(deny {what})" for what in DENIED]
    rules += [f"(deny file-read-data (subpath {quote(folder)}))" for folder in PRIVATE]
    rules += [f"(allow file-read-data (subpath {quote(folder)}))" for folder in dict.fromkeys(readable)]
    return "\n".join(["(version 1)", "(allow default)", *rules])


def quote(path: str) -> str:
    """As an SBPL string."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def required_folders() -> list[str]:
    """The folders of Python, its packages and smolwatch's: libraries may load modules while decoding."""
    packages = [folder for folder in sys.path if os.path.basename(folder) == "site-packages"]
    folders = [sys.prefix, sys.base_prefix, *packages, *(str(ROOT / name) for name in PACKAGES)]
    return [os.path.realpath(folder) for folder in folders]


def lock() -> None:
    """Applies to the whole process. Raises OSError."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "sandbox_init"):
        raise OSError(errno.ENOSYS, "this system has no sandbox_init")
    error_text = ctypes.c_char_p()
    if (
        library.sandbox_init(os.fsencode(profile(required_folders())), ctypes.c_uint64(0), ctypes.byref(error_text))
        != 0
    ):
        raise OSError(errno.EPERM, (error_text.value or b"refused").decode(errors="replace"))
