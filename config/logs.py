"""The log: one line a record in the home's log file. Set up by entry points only.

Several processes write to one file, so every line is one append, and any of them rotates a full file.
A record that cannot be written is lost; it never stops the work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import traceback
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from config.safe_text import safe_text
from config.settings import Settings

if TYPE_CHECKING:
    from loguru import Message, Record

MAX_BYTES = 10_000_000
KEPT = 5


def set_up_logs(settings: Settings, *, role: str, console: bool) -> None:
    """Log as `role` to home/logs/smolwatch.log, and to stderr when `console`."""
    logger.remove()

    def line(record: Record) -> str:
        record["extra"]["line"] = line_of(role, record)  # by name: the text itself may hold braces
        return "{extra[line]}\n"

    log = LogFile(settings.log_folder / "smolwatch.log")
    logger.add(log.write, format=line, level=settings.log.level, catch=True)
    if console:
        logger.add(sys.stderr, format=line, level=settings.log.level, catch=True)


class LogFile:
    """An append-only file, readable by its owner only, rotated to .1 … .5 at `max_bytes`."""

    def __init__(self, file: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.file = file
        self.max_bytes = max_bytes
        self._fd = -1
        self._torn = False

    def write(self, message: Message | str) -> None:
        """Append one line; on an OSError it is dropped. A full disk may take half a line."""
        with contextlib.suppress(OSError):
            self._reopen_if_moved()
            if os.fstat(self._fd).st_size >= self.max_bytes:
                self._rotate()
            line = message.encode("utf-8", "backslashreplace")
            line = b"\n" + line if self._torn else line
            self._torn = os.write(self._fd, line) < len(line)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _reopen_if_moved(self) -> None:
        if self._fd >= 0 and self._is_current():
            return
        self.close()
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self.file, flags, 0o600)
        self._torn = False

    def _is_current(self) -> bool:
        """Whether the open file is still the one at our path."""
        try:
            return os.path.samestat(self.file.stat(), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        """Move the full file aside. A lock on it lets one process do so; the others find it moved."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        if self._is_current():
            for number in range(KEPT - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    self._numbered(number).replace(self._numbered(number + 1))
            self.file.replace(self._numbered(1))
        self._reopen_if_moved()

    def _numbered(self, number: int) -> Path:
        return self.file.with_name(f"{self.file.name}.{number}")


def line_of(role: str, record: Record) -> str:
    """One record as one line; a traceback follows its message, with escaped line ends."""
    moment = record["time"].astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    text = record["message"]
    if (problem := record["exception"]) is not None and problem.type is not None:
        text += " | " + "".join(traceback.format_exception(problem.type, problem.value, problem.traceback)).rstrip()
    return f"{moment}Z {record['level'].name:<7} {role}[{record['process'].id}] {safe_text(text)}"
