"""This process's file calls refuse and find what a Mac's disk (APFS) does: a plugin for pytest, `-p tests.fakes.apfs`.

Names that are no UTF-8 cannot be made (EILSEQ), and names that differ in case or in the way their accents are written
alone are one. Wrapped are the calls that tests make names with; processes that they start are not.
https://developer.apple.com/library/archive/documentation/FileManagement/Conceptual/APFS_Guide/FAQ/FAQ.html
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable
from typing import Any

from daemon.intake.filters import case_folded

#: Calls whose first argument is a path, or whose first two are.
OF_ONE = ("open", "stat", "lstat", "mkdir", "rmdir", "unlink", "remove", "chmod", "utime", "access", "mkfifo", "mknod")
OF_TWO = ("rename", "replace", "link")
REAL_LSTAT, REAL_LISTDIR = os.lstat, os.listdir


def on_disk(path: Any) -> Any:
    """The path as the disk spells it, which finds names of other case; a descriptor as it is. Raises OSError."""
    if isinstance(path, int):
        return path
    raw = os.fsencode(path)
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), path) from None
    found = spelled(raw)
    return path if found == raw else found if isinstance(path, bytes) else os.fsdecode(found)


def spelled(raw: bytes) -> bytes:
    try:
        REAL_LSTAT(raw)
        return raw
    except OSError:
        folder, name = os.path.split(raw)
    if not name or not folder or folder == raw:
        return raw
    folder = spelled(folder)
    try:
        twins = [one for one in REAL_LISTDIR(folder) if case_folded(one) == case_folded(name)]
    except OSError:
        twins = []
    return os.path.join(folder, twins[0] if twins else name)


def of_one(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any, *args: Any, **kwargs: Any) -> Any:
        return real(path if kwargs.get("dir_fd") is not None else on_disk(path), *args, **kwargs)

    return call


def of_two(real: Callable[..., Any]) -> Callable[..., Any]:
    """A new name that a file has under another spelling is that file's: kept apart in case alone, it is renamed."""

    def call(path: Any, new: Any, *args: Any, **kwargs: Any) -> Any:
        path, there = on_disk(path), on_disk(new)
        is_rename = os.fsencode(path) == os.fsencode(there) and real.__name__ != "link"
        return real(path, new if is_rename else there, *args, **kwargs)

    return call


def symbolic(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(target: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        return real(target, on_disk(path), *args, **kwargs)

    return call


def put(module: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """In the place of the real one, also where the standard library looks up what that can do."""
    real = getattr(module, name)
    wrapped = wrap(real)
    for able in (os.supports_dir_fd, os.supports_follow_symlinks, os.supports_fd, os.supports_effective_ids):
        if real in able:
            able.add(wrapped)
    setattr(module, name, wrapped)


def pytest_configure() -> None:
    for name in OF_ONE:
        put(os, name, of_one)
    for name in OF_TWO:
        put(os, name, of_two)
    put(os, "symlink", symbolic)
    put(io, "open", of_one)
    builtins.open = io.open
