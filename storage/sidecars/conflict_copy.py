"""Words of a person about another file, which had the same name: set apart, whole, in a file of their own.

"beach.jpg.md" becomes "beach.jpg.earlier-2026-11-24.md", by the day of the description that they stood in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field

from config.failpoints import failpoint
from config.settings import Existing
from storage.atomic import compose_atomically
from storage.description import Description
from storage.errors import ForeignFileError
from storage.sidecars.merging import Form, compose
from storage.sidecars.names import sidecar_path

#: How many days' files are tried before it is given up: each holds words of a person about a file of its own.
MOST = 1000
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

#: The digests of what a file held before it was changed in place, as far as that is known.
ChangedFrom = Callable[[], Set[str]]


@dataclass(frozen=True)
class Composer:
    """What one form of sidecar shall hold at a place. `apart` gathers the names of what was set apart on the way.

    `unsynced` gathers the folders whose new names the caller brings to the drive.
    """

    form: Form
    description: Description
    existing: Existing
    changed_from: ChangedFrom
    mode: int
    unsynced: set[bytes]
    apart: set[bytes] = field(default_factory=set)

    def at(self, place: bytes, elsewhere: bytes | None) -> Callable[[bytes | None], bytes | None]:
        """For `compose_atomically`. Where nothing stands at `place`, what stands `elsewhere` is taken along."""

        def composed(standing: bytes | None) -> bytes | None:
            known = elsewhere if standing is None else standing
            if known is not None and self.parts_from(known, place):
                return self.form.render(self.description)
            return compose(self.form, known, self.description, self.existing)

        return composed

    def parts_from(self, standing: bytes, place: bytes) -> bool:
        """Whether it is about another file. Then what shall not be lost of it was set apart beside `place`."""
        form, description = self.form, self.description
        if not form.is_ours(standing) or not is_about_another(form, standing, description, self.changed_from):
            return False
        if is_kept(form, standing, self.existing):
            self.apart.add(save_conflict_copy(place, form, standing, mode=self.mode))
        return True


def no_known_change() -> frozenset[str]:
    """Where it is not known whether a file was changed in place, what was written about other bytes is set apart."""
    return frozenset()


def is_about_another(form: Form, standing: bytes, description: Description, changed_from: ChangedFrom) -> bool:
    """Whether a sidecar of ours is about another file than the description, which had the same name."""
    about = form.about(standing)
    return not about.is_about(description) and about.digest not in changed_from()


def is_kept(form: Form, standing: bytes, existing: Existing) -> bool:
    """Whether a sidecar about another file is kept, rather than replaced: it has words of a person, or is to stay."""
    return existing in ("skip", "append") or (existing != "overwrite" and form.has_edits(standing))


def save_conflict_copy(path: bytes, form: Form, standing: bytes, *, mode: int) -> bytes:
    """Keep what stood in the sidecar at `path`, byte for byte, under a dated name beside it; that name.

    The sidecar itself stays: whoever replaces it does so afterwards. Done again after a crash, there is no second file.
    Raises OSError, or ForeignFileError when all names are taken.
    """
    for name in dated_names(path, form, form.about(standing).described):
        try:
            compose_atomically(name, lambda there: standing if there in (None, standing) else None, mode=mode)
        except ForeignFileError:
            continue
        failpoint("set-apart")
        return name
    raise ForeignFileError(path, "words about another file stand there, and no name is left to set them apart")


def dated_names(path: bytes, form: Form, described: str) -> Iterator[bytes]:
    """The names that may be taken, likeliest first. `described`: the time in the sidecar; anything may stand there."""
    day = found[0] if (found := _DAY.match(described)) else "undated"
    media = path.removesuffix(form.SUFFIX)
    for number in range(1, MOST + 1):
        count = f"-{number}" if number > 1 else ""
        yield sidecar_path(media, os.fsencode(f".earlier-{day}{count}") + form.SUFFIX)
