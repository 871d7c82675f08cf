"""Backs up a database file while it is in use, and shrinks it."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import closing
from pathlib import Path

from storage.atomic import remove
from storage.db.sqlite import COMPANIONS, check_integrity, connect, schema_of, translate_errors
from storage.errors import BackupError, ForeignFileError, StorageError
from storage.fsync import sync, sync_folder

NO_BACKUP = "a file that is not a smolwatch backup already exists; choose another name"


def back_up(file: Path, copy: Path) -> None:
    """Copy a live database at one moment, check the copy, then move it into place; readable only for its owner.

    An older copy is replaced; anything else raises ForeignFileError and is not changed.
    Raises BackupError when the system refuses the write, StorageError when the database cannot be read.
    """
    file, copy = file.absolute(), copy.absolute()
    schema_of(file)
    check_target(file, copy)
    temporary = copy.with_name(f".sw-{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with (
            translate_errors(copy),
            closing(connect(file, read_only=True)) as source,
            closing(connect(temporary)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # a single file, which opens in any folder
        check_integrity(temporary)
        move_into_place(temporary, copy)
    except OSError as error:
        raise BackupError(f"The copy {copy} cannot be written: {error.strerror}.") from error
    finally:
        remove(os.fsencode(temporary))


def move_into_place(temporary: Path, copy: Path) -> None:
    descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(copy)
    sync_folder(os.fsencode(copy.parent))


def check_target(file: Path, copy: Path) -> None:
    """Whether the copy can be put there. SQLite would apply left-over companion files to the new copy."""
    own = [file.with_name(file.name + suffix) for suffix in ("", *COMPANIONS)]
    if copy.resolve() in [file.resolve() for file in own]:
        raise BackupError(f"{copy} is the database itself.", advice="Choose another name for the copy.")
    if any(copy.with_name(copy.name + suffix).exists() for suffix in COMPANIONS):
        raise ForeignFileError(os.fsencode(copy), "a database that is in use already exists")
    try:
        existing = copy.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(existing.st_mode):
        raise ForeignFileError(os.fsencode(copy), "something that is not a file already exists")
    try:
        schema_of(copy)
    except StorageError as error:
        raise ForeignFileError(os.fsencode(copy), NO_BACKUP) from error


def shrink(file: Path) -> None:
    """Return the space of deleted rows to the disk. Needs the same space again while it runs.

    Only for a database that is not in use: writers would wait for the whole run. Raises TransientError otherwise.
    """
    with translate_errors(file), closing(connect(file)) as connection:
        connection.isolation_level = None
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
