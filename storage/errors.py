"""What can go wrong in storage.

SmolwatchError
├── StorageError           78   the database cannot be used
│   ├── TransientError        1   not now; it may be tried again, and nothing was changed
│   │   ├── BusyError       1   another program holds it
│   │   ├── UnreachableError  1 its server does not answer
│   │   └── DiskFullError   1   no room left
│   └── ClaimLostError          78   somebody spoke for a job that is no longer theirs
├── BackupError             1   a copy of the database could not be made
├── ForeignFileError        1   a file that is not ours stands where we would write
└── SidecarError            1   the system did not let a sidecar be written
"""

from __future__ import annotations

import os

from config.errors import SmolwatchError


class StorageError(SmolwatchError):
    """The database cannot be used."""

    exit_code = 78


class TransientError(StorageError):
    """The database does not take anything now. Nothing was changed; trying again is right."""

    exit_code = 1  # not 78, after which a service is not started again


class BusyError(TransientError):
    """Another program has held the database for too long."""

    advice = "Close the other program that has the database open."


class UnreachableError(TransientError):
    """The database's server does not answer, or the way there is broken."""

    advice = "See to the server and the way there; work goes on by itself."


class DiskFullError(TransientError):
    """The disk is full."""

    advice = "Make room on the disk; work goes on by itself."


class ClaimLostError(StorageError):
    """The job is no longer this worker's: its claim was taken back. Nothing was changed."""


class BackupError(SmolwatchError):
    """A copy of the database could not be made."""


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
