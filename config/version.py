"""Which smolwatch this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """The installed distribution's version; a bare checkout has none."""
    try:
        return version("smolwatch")
    except PackageNotFoundError:
        return "0"
