"""Whether the configured inboxes can be ones at all, and what to do when they cannot."""

from __future__ import annotations

import stat
from pathlib import Path

from config.errors import ConfigError, NotFoundError, SmolwatchError
from config.inbox_checks import OWN_FOLDERS, is_same
from config.inboxes import Inbox
from config.settings import Settings


def check_inboxes(settings: Settings) -> None:
    """Raises one ConfigError for all that are the disk's root, the home, one of the home's own folders, or a file."""
    errors = [error for inbox in settings.inboxes if isinstance(error := inbox_error(settings, inbox), ConfigError)]
    if errors:
        advice = "\n".join(dict.fromkeys(error.advice for error in errors))
        raise ConfigError("\n".join(map(str, errors)), advice=advice)


def inbox_error(settings: Settings, inbox: Inbox) -> SmolwatchError | None:
    """ConfigError for what cannot be an inbox; NotFoundError for a chosen folder that is missing.

    The default inbox is created at the start, so its absence is no error.
    """
    path, home = inbox.path, settings.home
    chosen = settings.inbox.path is not None or bool(settings.inbox_tables)
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
