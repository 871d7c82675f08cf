"""Whether the configured inbox can be one at all, and what to do when it cannot."""

from __future__ import annotations

import stat
from pathlib import Path

from config.errors import ConfigError, NotFoundError, SmolwatchError
from config.settings import Settings

#: Folders of the home that hold smolwatch's own files.
OWN_FOLDERS = ("config", "data", "logs")


def check_inbox(settings: Settings) -> None:
    """Raises ConfigError for an inbox that is the disk's root, the home, one of the home's own folders, or a file."""
    error = inbox_error(settings)
    if isinstance(error, ConfigError):
        raise error


def inbox_error(settings: Settings) -> SmolwatchError | None:
    """ConfigError for what cannot be an inbox; NotFoundError for a chosen folder that is missing.

    The default inbox is created at the start, so its absence is no error.
    """
    path, home, chosen = settings.inbox_path, settings.home, settings.inbox.path is not None
    choose = f"Choose a folder of pictures and videos: inbox.path in {settings.config_file}."
    if is_same(path, Path("/")):
        return ConfigError(f"The inbox {path} is the root of the disk.", advice=choose)
    if is_same(path, home):
        advice = f"Choose a folder of its own, such as {home / 'inbox'}: inbox.path in {settings.config_file}."
        return ConfigError(f"The inbox {path} is smolwatch's own home.", advice=advice)
    if any(is_same(folder, home / name) for folder in (path, *path.parents) for name in OWN_FOLDERS):
        return ConfigError(f"The inbox {path} belongs to smolwatch's own files.", advice=choose)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        advice = f"Connect its disk, create the folder, or choose another: inbox.path in {settings.config_file}."
        return NotFoundError(f"{path} is not there.", advice=advice) if chosen else None
    except OSError:  # closed by its permissions: the intake reports that, and retries
        return None
    if is_folder:
        return None
    advice = choose if chosen else f"Move the file away, or choose a folder: inbox.path in {settings.config_file}."
    return ConfigError(f"The inbox {path} is a file, not a folder.", advice=advice)


def is_same(path: Path, other: Path) -> bool:
    """Whether both are one folder; compared by inode, so that links and the case of names do not matter."""
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there
        return path == other
