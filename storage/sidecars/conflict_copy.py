"""Conflict copies: an edited sidecar of an earlier file of the same name is kept whole, in a file of its own.

"beach.jpg.md" becomes "beach.jpg.earlier-2026-11-24.md", by the day of its description.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field

from config.failpoints import failpoint
from config.settings import Existing
from storage.atomic import compose_atomically
from storage.description import Description
from storage.errors import ForeignFileError
from storage.sidecars.merging import Form
from storage.sidecars.names import sidecar_path
from storage.sidecars.recipe_parts import abouts, add_missing, compose, digests, has_edits, is_about

#: The most conflict copies of one day: each holds a person's edits about a different file.
MAX_COPIES = 1000
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

#: Returns the digests of a file's earlier contents, as far as they are known; see `FilePresence.changed_from`.
ChangedFrom = Callable[[], Set[str]]


@dataclass(frozen=True)
class Composer:
    """Composes one form of sidecar. `conflict_copies` collects the paths of the copies made meanwhile.

    `recorded`: the recipes in the file's JSON sidecar. `unsynced` collects the folders with new names, which the caller
    flushes to the drive.
    """

    form: Form
    description: Description
    existing: Existing
    changed_from: ChangedFrom
    mode: int
    unsynced: set[bytes]
    recorded: Sequence[str] = ()
    conflict_copies: set[bytes] = field(default_factory=set)

    def composing(self, place: bytes, elsewhere: bytes | None) -> Callable[[bytes | None], bytes | None]:
        """The function for `compose_atomically`. The sidecar `elsewhere` is used if there is no file at `place`.

        Otherwise its parts are taken of recipes that the one at `place` lacks.
        """

        def compose_content(old: bytes | None) -> bytes | None:
            known = elsewhere if old is None else old
            if known is not None and self.saves_other_file(known, place):
                return self.form.render(self.description)
            if known and elsewhere and self.is_about_the_file(known) and self.is_about_the_file(elsewhere):
                known = add_missing(self.form, known, elsewhere, self.recorded)
            return self.merge(known)

        return compose_content

    def merge(self, content: bytes | None) -> bytes | None:
        """The description merged into the sidecar; None if that is foreign."""
        return compose(self.form, content, self.description, self.existing, self.recorded)

    def is_about_the_file(self, content: bytes) -> bool:
        """Whether it is a sidecar of ours about the description's file."""
        form = self.form
        return form.is_ours(content) and not is_about_another(form, content, self.description, self.changed_from)

    def saves_other_file(self, content: bytes, place: bytes) -> bool:
        """Whether the sidecar is about another file. If it is to be kept, it is then saved next to `place`."""
        form = self.form
        if not form.is_ours(content) or self.is_about_the_file(content):
            return False
        if is_kept(form, content, self.existing):
            self.conflict_copies.add(save_conflict_copy(place, form, content, mode=self.mode))
        return True


def no_known_change() -> frozenset[str]:
    """The default: a sidecar about other bytes counts as one about another file."""
    return frozenset()


def is_about_another(form: Form, content: bytes, description: Description, changed_from: ChangedFrom) -> bool:
    """Whether a sidecar of ours is about an earlier file of the same name, not the description's.

    All parts of a sidecar are about one file: some perhaps about its content before a change in place.
    """
    return not is_about(form, content, description) and digests(form, content).isdisjoint(changed_from())


def is_kept(form: Form, content: bytes, existing: Existing) -> bool:
    """Whether a sidecar about another file is kept, not replaced: it was edited, or the settings keep all."""
    return existing in ("skip", "append") or (existing != "overwrite" and has_edits(form, content))


def save_conflict_copy(path: bytes, form: Form, content: bytes, *, mode: int) -> bytes:
    """Copy the sidecar at `path`, byte for byte, to a dated name next to it. Returns that path.

    The sidecar itself stays, and is replaced afterwards. A repetition after a crash makes no second copy.
    Raises OSError, or ForeignFileError when all names are taken.
    """
    for name in dated_names(path, form, max(about.described for about in abouts(form, content))):
        try:
            compose_atomically(name, lambda old: content if old in (None, content) else None, mode=mode)
        except ForeignFileError:
            continue
        failpoint("set-apart")
        return name
    raise ForeignFileError(path, "it holds edits about another file, and all names for a copy are taken")


def dated_names(path: bytes, form: Form, described: str) -> Iterator[bytes]:
    """The names to try, in order. `described`: the time in the sidecar; it can be any text."""
    day = found[0] if (found := _DAY.match(described)) else "undated"
    media = path.removesuffix(form.SUFFIX)
    for number in range(1, MAX_COPIES + 1):
        count = f"-{number}" if number > 1 else ""
        yield sidecar_path(media, os.fsencode(f".earlier-{day}{count}") + form.SUFFIX)
