"""The plist or unit: written atomically, and never over a file that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from storage.atomic import write_atomically


def write(file: Path, content: bytes, is_ours: Callable[[bytes], bool]) -> None:
    """Write the file. Raises ForeignFileError when a file there is not ours."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content, mode=0o644, replace_ours=is_ours)


def read(file: Path) -> bytes | None:
    """The file's content; None: the service is not installed."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def remove(file: Path) -> None:
    file.unlink(missing_ok=True)
