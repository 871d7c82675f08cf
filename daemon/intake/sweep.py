"""The sweep: what is really in the inbox. Streams, follows no links, opens nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from config.settings import Settings
from daemon.intake.filters import Filters, Turned, of_mode


@dataclass(frozen=True)
class Found:
    """A regular file whose name is taken, as it stood when it was listed."""

    path: bytes
    stat: os.stat_result


@dataclass(frozen=True)
class TurnedAway:
    """A name that is not taken, or a folder that is not entered, and why."""

    path: bytes
    turned: Turned


def sweep(folder: bytes, filters: Filters) -> Iterator[Found | TurnedAway]:
    """Everything below `folder`, folder by folder. Raises OSError when `folder` itself cannot be listed.

    A folder inside that cannot be listed is turned away; what vanishes on the way is passed over.
    """
    folders = [folder]
    while folders:
        here = folders.pop()
        try:
            entries = os.scandir(here)
        except FileNotFoundError:
            if here == folder:
                raise
            continue
        except OSError as error:
            if here == folder:
                raise
            yield TurnedAway(here, unlistable(error))
            continue
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    turned = filters.of_folder(entry.name)
                    if turned is None:
                        folders.append(entry.path)
                    else:
                        yield TurnedAway(entry.path, turned)
                elif (found := look(entry, filters)) is not None:
                    yield found


def look(entry: os.DirEntry[bytes], filters: Filters) -> Found | TurnedAway | None:
    """Judge one entry that is not a folder; None when it has vanished."""
    try:
        stat = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    turned = filters.of_file(entry.name) or of_mode(stat.st_mode)
    return TurnedAway(entry.path, turned) if turned else Found(entry.path, stat)


def unlistable(error: OSError) -> Turned:
    return Turned("no-access", f"The folder cannot be listed: {error.strerror}.")


def inbox_root(settings: Settings) -> bytes:
    """The inbox's real path, below which every job's path lies."""
    return os.fsencode(os.path.realpath(settings.inbox_path))
