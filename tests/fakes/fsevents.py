"""macOS's `_watchdog_fsevents`, on any system: a stream that announces what a test tells it to, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

#: FSEvents.h: kFSEventStreamEventFlag...
FLAGS = {
    "must_scan_subdirs": 0x1,
    "is_user_dropped": 0x2,
    "is_kernel_dropped": 0x4,
    "is_root_changed": 0x20,
    "is_created": 0x100,
    "is_removed": 0x200,
    "is_inode_meta_mod": 0x400,
    "is_renamed": 0x800,
    "is_modified": 0x1000,
    "is_owner_change": 0x4000,
    "is_xattr_mod": 0x8000,
    "is_file": 0x10000,
    "is_directory": 0x20000,
}


@dataclass
class NativeEvent:
    path: str
    inode: int
    flags: int
    event_id: int

    def __getattr__(self, name: str) -> bool:
        if name not in FLAGS:
            raise AttributeError(name)
        return bool(self.flags & FLAGS[name])


class Stream:
    """`announce` is called by the test in the place of the system."""

    made: Stream

    def __init__(self, paths: list[str], *, latency: float) -> None:
        self._stopped = threading.Event()
        self._callback: Callable[..., Any] | None = None
        type(self).made = self

    def run(self, callback: Callable[..., Any], started: Callable[[], None]) -> None:
        self._callback = callback
        started()
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()

    def announce(self, path: str, *names: str) -> None:
        assert self._callback is not None
        self._callback([path], [1], [sum(FLAGS[name] for name in names)], [1])


def native_module() -> ModuleType:
    module = ModuleType("_watchdog_fsevents")
    module.Stream = Stream  # type: ignore[attr-defined]
    module.NativeEvent = NativeEvent  # type: ignore[attr-defined]
    return module
