"""Which names the disk at hand can give to files. The disk is tried, whatever the system: a Mac's may count case."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def can_name(folder: Path, *names: bytes) -> bool:
    """Whether files with all of these names stand side by side on the folder's disk, under these very bytes.

    Tried in a folder of its own in there, so before anything watches it.
    """
    there = os.fsencode(tempfile.mkdtemp(dir=folder))
    try:
        for name in names:
            with open(os.path.join(there, name), "xb"):  # noqa: PTH123 - a path of bytes
                pass
        return set(os.listdir(there)) == set(names)
    except OSError:
        return False
    finally:
        for name in os.listdir(there):
            os.unlink(os.path.join(there, name))
        Path(os.fsdecode(there)).rmdir()


def counts_case(folder: Path) -> bool:
    """Whether names that differ in case alone are two there."""
    return can_name(folder, b"a", b"A")


def that_can_be_named(folder: Path, names: list[bytes]) -> list[bytes]:
    """Those of the names that can stand there side by side, the first ones first."""
    chosen: list[bytes] = []
    for name in names:
        if can_name(folder, *chosen, name):
            chosen.append(name)
    return chosen
