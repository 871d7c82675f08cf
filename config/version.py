"""Which smolwatch this is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def own_version() -> str:
    """The installed distribution's version; a bare checkout has none. Read once: every description names it."""
    try:
        return version("smolwatch")
    except PackageNotFoundError:
        return "0"
