"""The version of smolwatch."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def own_version() -> str:
    """The installed distribution's version; "0" in a bare checkout. Read once: every description holds it."""
    try:
        return version("smolwatch")
    except PackageNotFoundError:
        return "0"
