"""The file that tells the system of the service: written whole, and never over somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from storage.atomic import write_atomically


def place(file: Path, content: bytes, is_ours: Callable[[bytes], bool]) -> None:
    """Put it where the system looks. Raises ForeignFileError when something that is not ours stands there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content, mode=0o644, replace_ours=is_ours)


def read(file: Path) -> bytes | None:
    """What the file says; None: the service is not installed."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def take_away(file: Path) -> None:
    file.unlink(missing_ok=True)
