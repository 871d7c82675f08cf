"""What can go wrong in storage.

SmolwatchError
├── StorageError           78   the database cannot be used
│   ├── BusyError          78   another program holds it
│   ├── DiskFullError      78   no room left
│   └── LostClaim          78   somebody spoke for a job that is no longer theirs
├── ForeignFileError        1   a file that is not ours stands where we would write
└── SidecarError            1   the system did not let a sidecar be written
"""

from __future__ import annotations

import os

from config.errors import SmolwatchError


class StorageError(SmolwatchError):
    """The database cannot be used."""

    exit_code = 78


class BusyError(StorageError):
    """Another program has held the database for too long."""

    advice = "Close the other program that has the database open."


class DiskFullError(StorageError):
    """The disk is full."""

    advice = "Make room on the disk; work goes on by itself."


class LostClaim(StorageError):
    """The job is no longer this worker's: its claim was taken back. Nothing was changed."""


class ForeignFileError(SmolwatchError):
    """A file that smolwatch did not write stands there; it was not touched."""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(f"{os.fsdecode(path)}: {reason}")
        self.path = path
        self.reason = reason


class SidecarError(SmolwatchError):
    """A sidecar could not be written. `code` is stable; the message is the sentence that people read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
