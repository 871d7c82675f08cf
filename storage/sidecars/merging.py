"""Merges a description into a part of an existing sidecar of ours, which a person may have edited. Pure.

The sidecar is about the same file as the description, perhaps about its content before a change in place. One about an
earlier file of the same name becomes a conflict copy (`conflict_copy`).

A sidecar holds a mark (a hash) of every field that we last wrote. A field whose mark is not among them was edited by a
person. The marks are in the sidecar, not in the database, so they stay right when the database is lost or restored, or
the folder comes from another machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from config.settings import Existing
from storage.description import Description
from storage.json_values import iso_utc


@dataclass(frozen=True)
class Field:
    """One field of a sidecar: an answer, or a whole section. `empty`: it has only its name."""

    name: str
    content: str
    empty: bool = False

    @property
    def mark(self) -> str:
        """Ignores line ends and the space around lines, which some editors change automatically."""
        lines = (line.rstrip() for line in self.content.strip().splitlines())
        return hashlib.blake2b(
            "\n".join((self.name, *lines)).encode("utf-8", "surrogatepass"), digest_size=8
        ).hexdigest()


@dataclass(frozen=True)
class About:
    """The newest description in a part: the digest of its file, if stated, and its time."""

    digest: str | None
    described: str

    def is_about(self, description: Description) -> bool:
        """Whether it is about the same bytes as the description."""
        if self.digest is None:
            return self.described == iso_utc(description.described_at)
        return self.digest == description.digest


class Form(Protocol):
    """A format of sidecar, which can be read back. A sidecar has one part for each recipe, as bytes."""

    @property
    def SUFFIX(self) -> bytes: ...

    def render(self, description: Description) -> bytes:
        """A new sidecar, which is its own first part."""

    def render_further(self, description: Description) -> bytes:
        """A new part for a sidecar that has parts of other recipes."""

    def is_ours(self, content: bytes) -> bool:
        """Whether smolwatch wrote it, and it can be rewritten without a loss."""

    def split(self, content: bytes, recorded: Sequence[str] = (), /) -> dict[str, bytes]:
        """The parts by their recipe, in order; "" if a part's recipe is unknown.

        `recorded`: the recipes in the file's JSON sidecar, for parts of the Markdown one that do not state theirs.
        """

    def join(self, parts: Mapping[str, bytes]) -> bytes:
        """The sidecar with these parts, in order."""

    def about(self, part: bytes) -> About:
        """What a part is about."""

    def has_edits(self, part: bytes) -> bool:
        """Whether a person edited it, or it holds more than one description."""

    def fill(self, part: bytes, description: Description) -> bytes:
        """Update our own fields, keep a person's. Edits about other bytes are marked as such."""

    def append(self, part: bytes, description: Description) -> bytes:
        """Keep everything and add the description, unless it is there already."""

    def overwrite(self, part: bytes, description: Description) -> bytes:
        """The part with the description alone."""


def merge(form: Form, part: bytes, description: Description, existing: Existing) -> bytes:
    """The new content of the part of a sidecar that has the description's recipe."""
    match existing:
        case "skip":
            return part
        case "append":
            return form.append(part, description)
        case "overwrite":
            return form.overwrite(part, description)
        case _:
            return form.fill(part, description)


def own_marks(new: Sequence[Field], current: Sequence[Field] = (), written: Collection[str] = ()) -> list[str]:
    """The marks of what we write now. A person's edit stays theirs even if our text is the same."""
    theirs = {field.mark for field in current} - set(written)
    return [field.mark for field in new if field.mark not in theirs]


def edited_fields(current: Sequence[Field], written: Collection[str]) -> list[Field]:
    """The fields that a person edited. `written`: the marks of what we last wrote."""
    return [field for field in current if not field.empty and field.mark not in written]


def fill(current: Sequence[Field], written: Collection[str], new: Sequence[Field]) -> list[Field]:
    """`new` merged with a person's edits, in their places. `written`: the marks of what we last wrote.

    A field of ours is updated, or removed if it no longer applies. A person's fields stay unchanged. A missing or empty
    field is inserted after the one that it follows in `new`.
    """
    ours = {field.name: field for field in new}
    placed: set[str] = set()
    filled: list[Field] = []
    for field in current:
        if field.empty and field.name in ours:
            continue
        updated = None if field.name in placed else ours.get(field.name)
        if field.mark not in written:
            filled.append(field)
        elif updated is not None:
            filled.append(updated)
        if updated is not None:
            placed.add(field.name)
    for position, field in enumerate(new):
        if field.name not in placed:
            names = [other.name for other in filled]
            filled.insert(names.index(new[position - 1].name) + 1 if position else 0, field)
    return filled
