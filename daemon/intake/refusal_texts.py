"""Refusals as text for the user: skipped or waiting, the kind of file, what to do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from daemon.errors import NoAccessError, NotAllowedError, NotRegularError, TooLargeError, UnreadableError
from daemon.intake.settling import BEING_WRITTEN, COPYING, NOT_DOWNLOADED
from daemon.media.foreign.foreign_kinds import KINDS, NOTHING, UNKNOWN, ForeignKind
from storage.records import Refusal

#: As in daemon/intake/filters.py, whose import is too slow for `smolwatch status`.
SYMLINK = "symlink"
#: The file is admitted when the cause has passed (code, and the text after a count).
WAITING = {
    COPYING.code: "being copied",
    NOT_DOWNLOADED.code: "not downloaded",
    BEING_WRITTEN.code: "being written",
    NoAccessError.code: "not readable",
}
#: Files that cannot be described as they are, for other reasons than their format.
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
#: Groups per line; the rest is counted together.
MAX_GROUPS = 5

#: Numbers of refusals, by code and kind.
Counts = Mapping[tuple[str, str | None], int]


def is_kept(code: str) -> bool:
    """Whether a refusal is stored. Rejections by name are not: they are too many and of no interest."""
    return code in SKIPPED or code in WAITING


def kind_of(code: str, kind: str | None) -> ForeignKind:
    return KINDS.get(kind or "") or OTHERS.get(code) or UNKNOWN


def sentence_of(refusal: Refusal) -> str:
    """Why the file was not admitted: one sentence, or two with what to do."""
    return refusal.reason or kind_of(refusal.code, refusal.kind).sentence


def advice_of(refusal: Refusal) -> str:
    """What to do about a file that cannot be described as it is; "" for one that waits."""
    return kind_of(refusal.code, refusal.kind).advice if refusal.code in SKIPPED else ""


def skipped(counts: Counts) -> dict[str, int]:
    """Numbers of files that cannot be described as they are, by kind; highest first."""
    found: Counter[str] = Counter()
    for (code, kind), count in counts.items():
        if code in SKIPPED:
            found[kind or kind_of(code, kind).code] += count
    return most_first(found)


def waiting(counts: Counts) -> dict[str, int]:
    """Numbers of waiting files, by the refusal's code; highest first."""
    found: Counter[str] = Counter()
    for (code, _), count in counts.items():
        if code in WAITING:
            found[code] += count
    return most_first(found)


def most_first(found: Mapping[str, int]) -> dict[str, int]:
    """Independent of the database's order."""
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def skipped_text(kinds: Mapping[str, int]) -> str:
    """For counts by kind: "300 songs, 80 PDF documents, 32 texts"."""
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
