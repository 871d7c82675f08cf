"""What `stat` says on a Mac and on no other system."""

from __future__ import annotations

import os
from typing import Any, cast


class OnMac:
    """A real file's status with flags and birth time."""

    def __init__(self, real: os.stat_result, st_flags: int, st_birthtime: float) -> None:
        self._real = real
        self.st_flags = st_flags
        self.st_birthtime = st_birthtime

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def on_mac(real: os.stat_result, *, st_flags: int = 0, st_birthtime: float = 1e9) -> os.stat_result:
    return cast(os.stat_result, OnMac(real, st_flags, st_birthtime))
