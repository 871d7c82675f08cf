"""One daemon per home: an advisory lock on a file in the data folder. The system frees it when the process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from config.errors import AlreadyRunningError

PID_WIDTH = 12
#: The holder's run, as hexadecimal digits.
RUN_BYTES = 16
RUN_WIDTH = 2 * RUN_BYTES
#: The offsets of the run and of the holder's note, each after a newline.
RUN_AT = PID_WIDTH + 1
NOTE_AT = RUN_AT + RUN_WIDTH + 1
MAX_NOTE_BYTES = 1000
#: `holder` takes a shared lock for a moment, so one failure does not prove another daemon.
TRIES = 5
PAUSE_SECONDS = 0.05


class HomeLock:
    """Held from `with` to its end. The pid in the file is for people; only the lock itself counts.

    `run` is the id of this run of the daemon; the file holds it, for commands.
    Raises AlreadyRunningError with the holder's pid.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.run = secrets.token_hex(RUN_BYTES)
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        os.pwrite(descriptor, f"{os.getpid():<{PID_WIDTH}}\n{self.run}\n".encode(), 0)
        self.note("")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def note(self, text: str) -> None:
        """Write one sentence for people after pid and run, "" for none. On a full disk it may be lost."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, NOTE_AT)
                os.pwrite(self._descriptor, text.encode("utf-8", "backslashreplace")[:MAX_NOTE_BYTES], NOTE_AT)

    def _lock(self, descriptor: int) -> None:
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            if _take(descriptor, fcntl.LOCK_EX):
                return
        pid = _pid(descriptor)
        raise AlreadyRunningError(
            f"smolwatch is already running for {self._file.parent.parent}{f' (pid {pid})' if pid else ''}.",
            advice="Show what it is doing: smolwatch status",
        )


def holder(file: Path) -> int | None:
    """The pid of the daemon that holds this lock; None when no daemon is alive."""
    found = held(file)
    return None if found is None else found[0]


def holding_run(file: Path) -> str | None:
    """The run of the daemon that holds this lock, "" if it is of an older version; None when no daemon is alive."""
    found = held(file)
    return None if found is None else found[1]


def held(file: Path) -> tuple[int | None, str] | None:
    """The pid and the run of the daemon that holds this lock; None when no daemon is alive."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _take(descriptor, fcntl.LOCK_SH) else (_pid(descriptor), _run(descriptor))
    finally:
        os.close(descriptor)


def noted(file: Path) -> str:
    """The note of the daemon that holds this lock; "" if there is none."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return ""
    try:
        return os.pread(descriptor, MAX_NOTE_BYTES, NOTE_AT).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(descriptor: int) -> int | None:
    """The pid that the holder wrote; None in the instant before that."""
    text = os.pread(descriptor, PID_WIDTH, 0).strip()
    return int(text) if text.isdigit() else None


def _run(descriptor: int) -> str:
    found = os.pread(descriptor, RUN_WIDTH, RUN_AT).decode("ascii", "replace")
    return found if re.fullmatch(f"[0-9a-f]{{{RUN_WIDTH}}}", found) else ""
