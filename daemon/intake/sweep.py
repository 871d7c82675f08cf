"""The sweep: a full scan of the inbox. Streams, follows no links, opens nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from stat import S_ISDIR

from daemon.intake.filters import Filters, Rejection, reject_mode
from daemon.media.safe_open import access_advice


@dataclass(frozen=True)
class Found:
    """A regular file with an admitted name, and its stat when it was listed."""

    path: bytes
    stat: os.stat_result


@dataclass(frozen=True)
class RejectedPath:
    """A file or folder that is rejected, and why."""

    path: bytes
    rejection: Rejection


#: `os.scandir`, for a folder's path in bytes.
Scan = Callable[[bytes], AbstractContextManager[Iterator[os.DirEntry[bytes]]]]


def sweep(folder: bytes, filters: Filters, scan: Scan = os.scandir) -> Iterator[Found | RejectedPath]:
    """Everything below `folder`, folder by folder. Raises OSError when `folder` itself cannot be fully listed.

    A folder inside that cannot be listed is rejected; what disappears meanwhile is skipped.
    """
    folders = [folder]
    while folders:
        here = folders.pop()
        try:
            with scan(here) as entries:
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if is_folder and filters.reject_entry(entry.path, is_folder=True) is None:
                        folders.append(entry.path)
                    elif (seen := inspect_entry(entry, filters)) is not None:
                        yield seen
        except OSError as error:
            if here == folder:
                raise
            if not isinstance(error, FileNotFoundError):
                yield RejectedPath(here, unlistable_folder(error))


def inspect_entry(entry: os.DirEntry[bytes], filters: Filters) -> Found | RejectedPath | None:
    """Judge one entry that is not a folder to list; None when it has disappeared."""
    try:
        stat = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        return RejectedPath(entry.path, unreadable_entry(error))
    rejection = filters.reject_entry(entry.path, is_folder=S_ISDIR(stat.st_mode)) or reject_mode(stat.st_mode)
    return RejectedPath(entry.path, rejection) if rejection else Found(entry.path, stat)


def unlistable_folder(error: OSError) -> Rejection:
    return no_access("The folder cannot be listed", error)


def unreadable_entry(error: OSError) -> Rejection:
    return no_access("The system gives no access to the file", error)


def no_access(what: str, error: OSError) -> Rejection:
    """With advice for permissions and privacy settings; else with the system's error text."""
    way = access_advice(error)
    return Rejection("no-access", f"{what}. {way}" if way else f"{what}: {error.strerror}.")
