"""The watched folders: their settings as they are written, and as values with every default filled in. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.groups import Detail, Group, Positive

#: The name of the only inbox, where the settings have no [[inbox]].
DEFAULT_INBOX = "inbox"
#: Any number of folders in a folder's glob, also none.
ANY_FOLDERS = "**"


def inbox_name(name: str) -> str:
    """The name, unchanged. Raises ValueError for one that cannot be shown."""
    if not name.strip() or not name.isprintable():
        raise ValueError("a name is one line of text")
    return name


def file_glob(glob: str) -> str:
    """The glob, unchanged. Raises ValueError for one that matches no file's name."""
    check_brackets(glob)
    if "/" in glob:
        raise ValueError(f"{glob!r} has a slash, which no file's name has; folders are chosen in [[inbox.folder]]")
    if not glob.strip():
        raise ValueError("an empty glob matches no file's name")
    return glob


def folder_glob(glob: str) -> str:
    """The glob, unchanged. Raises ValueError for one that matches no folder below an inbox."""
    check_brackets(glob)
    names = glob.split("/")
    if not all(name.strip() for name in names):
        raise ValueError('write folders below the inbox, as in "scans" or "scans/**"; without a slash at either end')
    if {".", ".."} & set(names):
        raise ValueError('"." and ".." match no folder')
    if any(ANY_FOLDERS in name and name != ANY_FOLDERS for name in names):
        raise ValueError('"**" stands alone between slashes')
    return glob


def folder_path(path: Path) -> Path:
    """The path, unchanged. Raises ValueError for one that no folder can have."""
    if "\0" in str(path):
        raise ValueError("a path cannot have a NUL character")
    return path


def check_brackets(glob: str) -> None:
    """Raises ValueError for a bracket that is not closed."""
    opened = glob.find("[")
    if opened >= 0 and "]" not in glob[opened + 2 :]:
        raise ValueError(f"the bracket in {glob!r} is not closed; [[] stands for a bracket")


FileGlob = Annotated[str, AfterValidator(file_glob)]
FolderPath = Annotated[Path, AfterValidator(folder_path)]
FolderGlob = Annotated[str, AfterValidator(folder_glob)]
InboxName = Annotated[str, Field(max_length=100), AfterValidator(inbox_name)]
SidecarFormat = Literal["json", "md"]


class FolderRule(Group):
    """The recipe of files in folders of an inbox. `match`: a glob of the folder's path below the inbox."""

    match: FolderGlob
    recipe: str


class InboxSettings(Group):
    """Which folder is watched, when a file is complete, how it is described, and where its sidecars go."""

    path: FolderPath | None = Field(None, description="The watched folder; by default inbox in the home.")
    recipe: str | None = Field(None, description="The questions for this inbox; by default the top level's.")
    detail: Detail | None = Field(None, description="A picture's tiles; by default model.detail.")
    folder: tuple[FolderRule, ...] = Field((), description="Other recipes for subfolders: the first match decides.")
    patterns: tuple[FileGlob, ...] = Field((), description="File names (globs) that are taken; empty: all.")
    formats: tuple[SidecarFormat, ...] = Field(("json", "md"), description="The sidecars; empty: none.")
    output: FolderPath | None = Field(None, description="The sidecars' folder; by default they are beside each file.")
    settle_seconds: Positive = Field(5.0, description="A file is picked up when unchanged (size and date) so long.")
    observer: Literal["auto", "native", "poll"] = Field(
        "auto", description="How new files are detected; poll lists the inbox often. auto polls network volumes."
    )
    sweep_seconds: Positive = Field(300.0, description="How often the whole inbox is listed.")
    ignore: tuple[str, ...] = Field(
        (), description="More file names (globs) to ignore; with ! in front, names not to ignore."
    )
    ignore_folders: tuple[str, ...] = Field(
        (), description="More folder names (globs) to ignore; with ! in front, names not to ignore."
    )
    hidden: bool = Field(False, description="Also hidden files and folders (their names begin with a dot).")


class InboxTable(InboxSettings):
    """One [[inbox]] of the settings file. `name`: by default the folder's own."""

    path: Path
    name: InboxName | None = None


class Inbox(InboxSettings):
    """An inbox with its defaults filled in. `path` and `output` are absolute. `detail`: None is model.detail."""

    name: InboxName
    path: Path
    recipe: str
