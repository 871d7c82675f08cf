"""What is done to a database file as a whole: copied while it is in use, and made small."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import closing
from pathlib import Path

from storage.atomic import remove
from storage.db.sqlite import COMPANIONS, as_ours, connect, look_for_damage, schema_of
from storage.errors import BackupError, ForeignFileError, StorageError
from storage.fsync import sync, sync_folder


def back_up(file: Path, copy: Path) -> None:
    """A whole copy of a live database at one moment, checked, and put in its place only then; for its owner's eyes.

    An older copy that stands there is replaced; anything else raises ForeignFileError and stays as it is.
    Raises BackupError when the system does not let us write, StorageError when the database cannot be read.
    """
    file, copy = file.absolute(), copy.absolute()
    schema_of(file)
    judge_place(file, copy)
    temporary = copy.with_name(f".sw-{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with as_ours(copy), closing(connect(file, read_only=True)) as source, closing(connect(temporary)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file by itself, which opens in any folder
        look_for_damage(temporary)
        put(temporary, copy)
    except OSError as error:
        raise BackupError(f"The copy {copy} cannot be written: {error.strerror}.") from error
    finally:
        remove(os.fsencode(temporary))


def put(temporary: Path, copy: Path) -> None:
    descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(copy)
    sync_folder(os.fsencode(copy.parent))


def judge_place(file: Path, copy: Path) -> None:
    """Whether the copy may stand there. SQLite would play companions that were left there into the new copy."""
    own = [file.with_name(file.name + suffix) for suffix in ("", *COMPANIONS)]
    if copy.resolve() in [one.resolve() for one in own]:
        raise BackupError(f"{copy} is the database itself.", advice="Choose another name for the copy.")
    if any(copy.with_name(copy.name + suffix).exists() for suffix in COMPANIONS):
        raise ForeignFileError(os.fsencode(copy), "a database that is in use stands there")
    try:
        stands = copy.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(stands.st_mode):
        raise ForeignFileError(os.fsencode(copy), "something that is not a file stands there")
    try:
        schema_of(copy)
    except StorageError as error:
        raise ForeignFileError(os.fsencode(copy), "a file that is no copy of smolwatch's stands there") from error


def vacuum(file: Path) -> None:
    """Give the room of what was deleted back to the disk. Needs as much room again while it runs.

    For a database that nobody else uses: writers would wait for its whole length. Raises TransientError otherwise.
    """
    with as_ours(file), closing(connect(file)) as connection:
        connection.isolation_level = None
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
