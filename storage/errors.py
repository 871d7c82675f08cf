"""Errors of storage, with their exit codes.

SmolwatchError
├── StorageError           78   the database cannot be used
│   ├── TransientError        1   not now; it may be tried again, and nothing was changed
│   │   ├── BusyError       1   another program has locked it
│   │   ├── UnreachableError  1 its server does not answer
│   │   └── DiskFullError   1   no room left
│   └── ClaimLostError          78   the worker's claim on a job no longer holds
├── CommandFailedError            the daemon answered a command with an error, which has its exit code
├── BackupError             1   a copy of the database could not be made
├── ForeignFileError        1   a foreign file is where we would write
└── SidecarError            1   the system refused to write a sidecar
"""

from __future__ import annotations

import os

from config.errors import SmolwatchError


class StorageError(SmolwatchError):
    """The database cannot be used."""

    exit_code = 78


class TransientError(StorageError):
    """The database accepts nothing now. Nothing was changed, and the transaction can be retried."""

    exit_code = 1  # not 78, after which a service is not started again


class BusyError(TransientError):
    """Another program has locked the database for too long."""

    advice = "Close the other program that has the database open."


class UnreachableError(TransientError):
    """The database server does not answer, or cannot be reached."""

    advice = "Check the server and the network; work resumes automatically."


class DiskFullError(TransientError):
    """The disk is full."""

    advice = "Free up disk space; work resumes automatically."


class ClaimLostError(StorageError):
    """The worker's claim was taken back. Nothing was changed."""


class CommandFailedError(SmolwatchError):
    """The daemon answered a command with an error. `exit_code`: that of the error in the daemon."""

    def __init__(self, message: str, *, advice: str = "", exit_code: int = 1) -> None:
        super().__init__(message, advice=advice)
        self.exit_code = exit_code


class BackupError(SmolwatchError):
    """A copy of the database could not be made."""


class ForeignFileError(SmolwatchError):
    """There is a file that smolwatch did not write; it was not touched."""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(f"{os.fsdecode(path)}: {reason}")
        self.path = path
        self.reason = reason


class SidecarError(SmolwatchError):
    """A sidecar could not be written. `code` is stable; the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
