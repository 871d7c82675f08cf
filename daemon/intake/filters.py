"""Rules about names: which files are admitted and which folders are searched. Pure; nothing is opened."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate

from config.inboxes import InboxSettings
from config.settings import Settings
from daemon.intake.builtin_filters import FILES, FOLDERS, GlobGroup
from daemon.intake.settling import NOT_DOWNLOADED
from storage.sidecars.names import is_sidecar_name

OURS, NAME = "own-file", "ignored-name"
#: Our temporary files and the partial files of `add`: ignored even where hidden files are admitted.
OWN_PREFIX = b".sw-"
#: Prefix of a glob in the settings: such names are admitted despite the rules.
ALLOWED = "!"


@dataclass(frozen=True)
class Rejection:
    """Why a path is rejected (code, sentence). `allowed_by`: the setting that would admit it."""

    code: str
    reason: str
    allowed_by: str = ""


OWN_FILE = Rejection(OURS, "Written by smolwatch itself.")
OWN_HOME = Rejection(OURS, "In smolwatch's own home; only the inbox in it is searched.")
NO_PATTERN = Rejection(NAME, "The name matches none of the inbox's patterns.")
SYMLINK = Rejection("symlink", "A symbolic link; links are not followed. Put the file itself into the inbox.")
PLACEHOLDER = Rejection(NOT_DOWNLOADED.code, NOT_DOWNLOADED.reason)
NOT_REGULAR = Rejection("not-regular", "Not a regular file: a pipe, socket or device.")
HIDDEN = "inbox.hidden = true"


@dataclass(frozen=True)
class Kind:
    """Files or folders: the code of a rejection, the setting with more names, and the sentences."""

    code: str
    setting: str
    chosen: str
    builtin: str
    hidden: str


FILE = Kind(
    code=NAME,
    setting="inbox.ignore",
    chosen="The name matches {glob!r} of inbox.ignore.",
    builtin="Named like {group.what} ({glob!r}); {group.then}.",
    hidden="A hidden file (its name begins with a dot); hidden files are ignored.",
)
FOLDER = Kind(
    code="ignored-folder",
    setting="inbox.ignore_folders",
    chosen="In a folder that matches {glob!r} of inbox.ignore_folders.",
    builtin="In “{name}”, {group.what}; {group.then}.",
    hidden="In “{name}”, a hidden folder; hidden folders are not searched.",
)


class Globs:
    """Several globs, matched at once. Case and the Unicode form of accents do not count."""

    def __init__(self, globs: Sequence[str]) -> None:
        self._globs = globs
        self._any = re.compile("|".join(translate(case_folded(os.fsencode(glob))) for glob in globs) or r"(?!)")

    def first(self, name: str) -> str | None:
        """The first glob that the case-folded name matches."""
        if self._any.match(name) is None:
            return None
        return next(glob for glob in self._globs if fnmatchcase(name, case_folded(os.fsencode(glob))))


class Rules:
    """The rules for names of one kind: what the settings allow, what they reject, and the built-in lists."""

    def __init__(self, kind: Kind, chosen: Sequence[str], builtin: Sequence[GlobGroup], *, takes_hidden: bool) -> None:
        self._kind = kind
        self._allowed = Globs([glob.removeprefix(ALLOWED) for glob in chosen if glob.startswith(ALLOWED)])
        self._chosen = Globs([glob for glob in chosen if not glob.startswith(ALLOWED)])
        self._groups = {glob: group for group in builtin for glob in group.globs}
        self._builtin = Globs(list(self._groups))
        self._takes_hidden = takes_hidden

    def judge(self, name: bytes) -> Rejection | None:
        kind, text, shown = self._kind, case_folded(name), os.fsdecode(name)
        if self._allowed.first(text) is not None:
            return None
        if glob := self._chosen.first(text):
            return Rejection(kind.code, kind.chosen.format(glob=glob))
        if glob := self._builtin.first(text):
            reason = kind.builtin.format(name=shown, glob=glob, group=self._groups[glob])
            return Rejection(kind.code, reason, f'{kind.setting} = ["{ALLOWED}{glob}"]')
        if name.startswith(b".") and not self._takes_hidden:
            return Rejection(kind.code, kind.hidden.format(name=shown), HIDDEN)
        return None


class Filters:
    """The inbox's rules about names; each method returns None for what is admitted. `own`: folders of the home."""

    def __init__(self, settings: InboxSettings, own: Collection[bytes] = ()) -> None:
        self._own = frozenset(own)
        self._patterns = Globs(settings.patterns) if settings.patterns else None
        self._files = Rules(FILE, settings.ignore, FILES, takes_hidden=settings.hidden)
        self._folders = Rules(FOLDER, settings.ignore_folders, FOLDERS, takes_hidden=settings.hidden)

    def reject_file(self, name: bytes) -> Rejection | None:
        if is_sidecar_name(name) or name.startswith(OWN_PREFIX):
            return OWN_FILE
        if name.startswith(b".") and name.endswith(b".icloud"):
            return PLACEHOLDER
        if self._patterns is not None and self._patterns.first(case_folded(name)) is None:
            return NO_PATTERN
        return self._files.judge(name)

    def reject_folder(self, name: bytes) -> Rejection | None:
        return self._folders.judge(name)

    def reject_entry(self, path: bytes, *, is_folder: bool) -> Rejection | None:
        """For a path whose parent folders are admitted."""
        name = os.path.basename(path)
        if not is_folder:
            return self.reject_file(name)
        return OWN_HOME if path in self._own else self.reject_folder(name)

    def reject_parents(self, root: bytes, path: bytes) -> Rejection | None:
        """None when every folder between the inbox and the path is admitted."""
        return next(filter(None, (self.reject_entry(folder, is_folder=True) for folder in between(root, path))), None)

    def reject_path(self, root: bytes, path: bytes, *, is_folder: bool = False) -> Rejection | None:
        """For a whole path: its folders first, then its name. Outside the inbox there are no rules."""
        if not is_below(path, root):
            return None
        return self.reject_parents(root, path) or self.reject_entry(path, is_folder=is_folder)


def filters_of(settings: Settings, inbox: InboxSettings, root: bytes) -> Filters:
    """The rules of one of the home's inboxes, whose real path is `root`. The rest of the home is ignored."""
    home = os.fsencode(os.path.realpath(settings.home))
    places = [home, *(os.path.join(home, name) for name in (b"config", b"data", b"logs"))]
    return Filters(inbox, [place for place in places if is_below(place, root)])


def is_below(path: bytes, folder: bytes) -> bool:
    return path.startswith(folder.rstrip(b"/") + b"/") and path != folder


def between(root: bytes, path: bytes) -> Iterator[bytes]:
    """The folders between `root` and the path, outermost first."""
    folder = root.rstrip(b"/")
    for name in os.path.dirname(path)[len(folder) :].split(b"/"):
        if name:
            folder += b"/" + name
            yield folder


def reject_mode(mode: int) -> Rejection | None:
    """None for a regular file or a folder. `mode`: of lstat."""
    if stat.S_ISLNK(mode):
        return SYMLINK
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return NOT_REGULAR


def case_folded(path: bytes) -> str:
    """Equal for paths that differ only in case or in the Unicode form of accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", os.fsdecode(path)).casefold())


def placeholder_of(path: bytes) -> bytes:
    """iCloud's placeholder for a file that is not downloaded: ".beach.jpg.icloud" for "beach.jpg"."""
    folder, name = os.path.split(path)
    return os.path.join(folder, b"." + name + b".icloud")
