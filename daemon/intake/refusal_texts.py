"""What a refusal means to the person whose file it is: skipped or waiting, its kind in words, what to do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from daemon.errors import NoAccessError, NotAllowedError, NotRegularError, TooLargeError, UnreadableError
from daemon.intake.settling import BEING_WRITTEN, COPYING, NOT_DOWNLOADED
from daemon.media.foreign.foreign_kinds import KINDS, NOTHING, UNKNOWN, ForeignKind
from storage.records import Refusal

#: Of a rule in daemon/intake/filters.py, which loads more than `smolwatch status` has time for.
SYMLINK = "symlink"
#: The file is taken when this has passed (code, and its words behind a count).
WAITING = {
    COPYING.code: "being copied",
    NOT_DOWNLOADED.code: "not downloaded",
    BEING_WRITTEN.code: "being written",
    NoAccessError.code: "not readable",
}
#: Files that are never described as they are, for other reasons than their kind.
OTHERS = {
    UnreadableError.code: ForeignKind(
        "empty", "an empty file", "empty files", "Copy the file into the inbox again; it is picked up automatically."
    ),
    TooLargeError.code: ForeignKind(
        "too-large",
        "a file that is too large",
        "files that are too large",
        "Put a smaller copy into the inbox, or raise max_file_bytes under [work] in the settings.",
    ),
    NotRegularError.code: ForeignKind("not-regular", "a pipe, socket or device", "pipes, sockets or devices", NOTHING),
    SYMLINK: ForeignKind("symlink", "a symbolic link", "symbolic links", "Put the file itself into the inbox."),
}
ALL_KINDS = KINDS | {kind.code: kind for kind in OTHERS.values()}
SKIPPED = frozenset({NotAllowedError.code, *OTHERS})
#: Groups in one line; the rest is counted together.
MAX_GROUPS = 5

#: How many refusals there are, by code and kind.
Counts = Mapping[tuple[str, str | None], int]


def is_kept(code: str) -> bool:
    """Whether a refusal is written down. Names that a rule turns away are not: they are many and of no interest."""
    return code in SKIPPED or code in WAITING


def kind_of(code: str, kind: str | None) -> ForeignKind:
    return KINDS.get(kind or "") or OTHERS.get(code) or UNKNOWN


def sentence_of(refusal: Refusal) -> str:
    """Why the file was not taken, in one sentence; two where the second says what to do."""
    return refusal.reason or kind_of(refusal.code, refusal.kind).sentence


def advice_of(refusal: Refusal) -> str:
    """What a person can do about a file that is never described as it is; nothing for one that waits."""
    return kind_of(refusal.code, refusal.kind).advice if refusal.code in SKIPPED else ""


def skipped(counts: Counts) -> dict[str, int]:
    """How many files are never described as they are, by their kind's code; most first."""
    found: Counter[str] = Counter()
    for (code, kind), count in counts.items():
        if code in SKIPPED:
            found[kind or kind_of(code, kind).code] += count
    return most_first(found)


def waiting(counts: Counts) -> dict[str, int]:
    """How many files wait for something, by the refusal's code; most first."""
    found: Counter[str] = Counter()
    for (code, _), count in counts.items():
        if code in WAITING:
            found[code] += count
    return most_first(found)


def most_first(found: Mapping[str, int]) -> dict[str, int]:
    """The same order whatever the database's."""
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def skipped_text(kinds: Mapping[str, int]) -> str:
    """The skipped ones, by their kind's code: "300 songs, 80 PDF documents, 32 texts"."""
    groups: Counter[str] = Counter()
    singular: dict[str, str] = {}
    for code, count in kinds.items():
        kind = ALL_KINDS.get(code, UNKNOWN)
        groups[kind.plural] += count
        singular[kind.plural] = kind.singular
    most = groups.most_common(MAX_GROUPS)
    shown = [f"{count:,} {plural if count > 1 else singular[plural]}" for plural, count in most]
    if rest := groups.total() - sum(count for _, count in most):
        shown.append(f"{rest:,} others" if rest > 1 else "1 other")
    return ", ".join(shown)


def waiting_text(waits: Mapping[str, int]) -> str:
    """ "2 not downloaded, 1 not readable"."""
    return ", ".join(f"{count:,} {WAITING[code]}" for code, count in waits.items())
