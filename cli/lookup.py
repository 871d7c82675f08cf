"""How commands reach a home: its library, and the file that a person named."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import TypeVar

from cli.render import safe_path
from config.errors import NotFoundError
from config.safe_text import safe_text
from config.settings import Settings
from daemon.intake.watched_inboxes import Inboxes, inboxes_of
from storage.db.database import open_database
from storage.library import Library
from storage.records import Job
from storage.sidecars.names import LONGEST_NAME, is_sidecar_name, sidecar_name

T = TypeVar("T")

#: Longer rows of digits are no job's number: databases hold 31 bits.
LONGEST_ID = 9
SIDECAR_SUFFIXES = (b".smolwatch.json", b".md")
#: Paths that are searched for a name, newest first; and names that are compared with one that is not found.
MOST_PATHS = 200_000
MOST_COMPARED = 5_000
#: How alike two names must be, from 0 to 1: cameras' names differ in few digits.
LIKENESS = 0.85
#: Files with one name that are listed.
MOST_LISTED = 10


@contextmanager
def open_library(settings: Settings) -> Iterator[Library]:
    """The home's library, for reading. Raises NotFoundError with advice where there is no database yet."""
    database = open_database(settings.database_place, read_only=True)
    try:
        yield Library(database)
    finally:
        database.close()


@contextmanager
def open_library_if_any(settings: Settings) -> Iterator[Library | None]:
    """The same; None where there is no database yet."""
    with ExitStack() as stack:
        try:
            library = stack.enter_context(open_library(settings))
        except NotFoundError:
            library = None
        yield library


def inbox_roots(settings: Settings) -> tuple[Path, ...]:
    """The inboxes' real paths: storage knows every file in one below that, however the inbox was named."""
    return tuple(inbox.path.resolve() for inbox in settings.inboxes)


def named_files(text: str, settings: Settings) -> list[list[bytes]]:
    """The files that a typed path can stand for, likeliest first; of each, the absolute paths that storage may know.

    A path starts from the current folder, else from an inbox. A sidecar's name stands for its file.
    The file itself may be a link, so only the folders above it are resolved (/tmp may be /private/tmp).
    """
    starts = [Path.cwd()] if Path(text).is_absolute() else [Path.cwd(), *inbox_roots(settings)]
    inboxes = inboxes_of(settings)
    files = []
    for start in starts:
        typed = Path(os.path.abspath(start / text))  # noqa: PTH100 - takes ".." away and leaves links
        real = typed.parent.resolve() / typed.name
        names = [os.fsencode(path) for path in dict.fromkeys((real, typed))]
        if is_sidecar_name(os.fsencode(typed.name)):
            files.append([without_suffix(from_output(from_mirror(name, settings), inboxes)) for name in names])
        files.append(names)
    return files


def from_mirror(path: bytes, settings: Settings) -> bytes:
    """Where the file of a sidecar in the mirror is; other paths as they are."""
    mirror = os.fsencode(settings.sidecar_folder)
    return path.removeprefix(mirror) if path.startswith(mirror + b"/") else path


def from_output(path: bytes, inboxes: Inboxes) -> bytes:
    """Where the file of a sidecar in an output folder is; other paths as they are."""
    folder, name = os.path.split(path)
    found = (there for inbox in inboxes if (there := inbox.places.file_folder(folder)) != folder)
    return os.path.join(next(found, folder), name)


def without_suffix(sidecar: bytes) -> bytes:
    for suffix in SIDECAR_SUFFIXES:
        if sidecar.lower().endswith(suffix):
            return sidecar[: -len(suffix)]
    return sidecar


def resolve_job(text: str, library: Library, settings: Settings, *, command: str) -> Job:
    """The job with that number, or the newest of the file that is named, or of the one that stands for it.

    A file whose name is a number is typed as "./7". Raises NotFoundError, with advice on what to type after `command`.
    """
    if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID:
        return library.job(int(text))

    def job_of(path: bytes) -> Job | None:
        return stand_in(path, library) or library.job_at(path)

    found = {path: job for path in chain.from_iterable(named_files(text, settings)) if (job := job_of(path))}
    if len(settings.inboxes) > 1 and len(in_inboxes := paths_of_several(found, text, settings)) > 1:
        raise several(text, in_inboxes, settings, command)
    if found:
        return next(iter(found.values()))
    if job := find_by_name(text, job_of, library, settings, command=command):
        return job
    advice = suggestion(text, library, settings, command=command)
    raise NotFoundError(
        f"No job for {safe_text(text)}.", advice=advice or "To see what happened to a file: smolwatch why PATH"
    )


def paths_of_several(found: Mapping[bytes, Job], text: str, settings: Settings) -> list[bytes]:
    """The paths of different inboxes that a relative path stands for, unless it is that of the current folder."""
    here = os.fsencode(Path.cwd().resolve()) + b"/"
    if Path(text).is_absolute() or any(path.startswith(here) for path in found):
        return []
    return list(dict.fromkeys(job.path for job in found.values()))


def resolve_jobs(texts: Iterable[str], library: Library, settings: Settings, *, command: str) -> list[int]:
    """The numbers of the jobs, each once. Raises NotFoundError for the first that is not found."""
    return list(dict.fromkeys(resolve_job(text, library, settings, command=command).id for text in texts))


def stand_in(path: bytes, library: Library) -> Job | None:
    """The job of the file that stands for this one: the other half of a Live Photo."""
    refusal = library.refusal(path)
    return library.job_at(refusal.partner) if refusal and refusal.partner else None


def find_by_name(
    text: str, find: Callable[[bytes], T | None], library: Library, settings: Settings, *, command: str
) -> T | None:
    """What `find` has for the one known path that ends with the typed name. Raises NotFoundError for several."""
    hits = {path: found for path in paths_named(text, library) if (found := find(path)) is not None}
    there = [path for path in hits if os.path.lexists(path)]
    if len(hits) > 1 and len(there) == 1:  # of a file that was moved by copying, the copy
        return hits[there[0]]
    if len(hits) > 1:
        raise several(text, sorted(hits), settings, command)
    return next(iter(hits.values()), None)


def paths_named(text: str, library: Library) -> list[bytes]:
    """The known paths that end with what was typed, or with the file whose sidecar that is; whole names alone."""
    typed = os.path.normpath(os.fsencode(text))
    typed = typed if typed.startswith(b"/") else b"/" + typed
    paths = library.known_paths(MOST_PATHS)
    if not is_sidecar_name(os.path.basename(typed)):
        return [path for path in paths if path.endswith(typed)]
    return [path for path in paths if path.endswith(without_suffix(typed)) or has_short_sidecar(path, typed)]


def has_short_sidecar(path: bytes, typed: bytes) -> bool:
    """Whether the typed path is that of a sidecar whose name had to lose its middle."""
    folder, name = os.path.split(path)
    too_long = [suffix for suffix in SIDECAR_SUFFIXES if len(name) + len(suffix) > LONGEST_NAME]
    return any((folder + b"/" + sidecar_name(name, suffix)).endswith(typed) for suffix in too_long)


def several(text: str, paths: Sequence[bytes], settings: Settings, command: str) -> NotFoundError:
    roots = inbox_roots(settings) if len(settings.inboxes) == 1 else ()  # two inboxes can have a file of one name
    shown = [safe_path(path, roots) for path in paths[:MOST_LISTED]]
    if more := len(paths) - len(shown):
        shown.append(f"… and {more} more")
    lines = "".join(f"\n    {line}" for line in shown)
    return NotFoundError(
        f"{len(paths)} files are named {safe_text(text)}:{lines}",
        advice=f"Type more of the path: smolwatch {command} {quoted(paths[0], roots)}",
    )


def suggestion(text: str, library: Library, settings: Settings, *, command: str) -> str:
    """ "Did you mean …?" with what to type, or nothing. A known file without a job was not admitted."""
    typed = os.path.basename(text)
    near = nearest(typed, library.known_paths(MOST_COMPARED))
    if near is None:
        return ""
    name = quoted(near, inbox_roots(settings))
    if os.path.basename(near) == os.fsencode(typed) and library.refusal(near):
        return f"It was not admitted. To see the reason: smolwatch why {name}"
    return f"Did you mean: smolwatch {command} {name}"


def nearest(name: str, paths: Iterable[bytes]) -> bytes | None:
    """The path whose name is most like this one; capitals and a missing extension count little."""
    names = {os.fsdecode(os.path.basename(path)).casefold(): path for path in reversed(list(paths))}
    stems = {os.path.splitext(known)[0]: path for known, path in names.items()}
    for known in (names, stems):
        if found := difflib.get_close_matches(name.casefold(), known, n=1, cutoff=LIKENESS):
            return known[found[0]]
    return None


def quoted(path: bytes, roots: Sequence[Path]) -> str:
    """As it can be typed, where nothing in it must be made safe."""
    return shlex.quote(safe_path(path, roots))
