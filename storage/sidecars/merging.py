"""What becomes of a sidecar of ours that stands there already, in which a person may have written. Pure.

Here the sidecar is about the same file as the description, as it is now or as it was before it was changed in place.
One about another file, which had the same name, is set apart (`apart`).

A sidecar carries a mark (a hash) of every field that we last wrote. A field whose mark is not among them was changed
by a person. The marks stand in the sidecar itself, not in the database: so they are right for a database that was lost
or restored, and for a folder that came from another machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from config.settings import Existing
from storage.description import Description
from storage.json_values import iso_utc


@dataclass(frozen=True)
class Field:
    """One thing that a sidecar says, as it stands there: an answer, or a whole section. `empty`: but for its name."""

    name: str
    content: str
    empty: bool = False

    @property
    def mark(self) -> str:
        """Stays the same when only line ends or the space around lines change, as some editors do by themselves."""
        lines = (line.rstrip() for line in self.content.strip().splitlines())
        return hashlib.blake2b(
            "\n".join((self.name, *lines)).encode("utf-8", "surrogatepass"), digest_size=8
        ).hexdigest()


@dataclass(frozen=True)
class About:
    """What the newest description in a sidecar is about: the file's bytes, where it says so, and when it was made."""

    digest: str | None
    described: str

    def is_about(self, description: Description) -> bool:
        """Whether it is about the bytes that this description is about."""
        if self.digest is None:
            return self.described == iso_utc(description.described_at)
        return self.digest == description.digest


class Form(Protocol):
    """A format of sidecar, which can read what it wrote."""

    @property
    def SUFFIX(self) -> bytes: ...

    def render(self, description: Description) -> bytes:
        """The sidecar as it is where none stands."""

    def is_ours(self, content: bytes) -> bool:
        """Whether smolwatch wrote it, and it can be read well enough to lose nothing of it."""

    def about(self, content: bytes) -> About:
        """What it says of itself; of one of ours."""

    def has_edits(self, content: bytes) -> bool:
        """Whether a person has a word in it, or it holds more than one description."""

    def fill(self, content: bytes, description: Description) -> bytes:
        """Our own fields are renewed, those of a person stay. Where they were written about other bytes, it says so."""

    def append(self, content: bytes, description: Description) -> bytes:
        """All that stands there stays, beside what is said now; the same description is never added twice."""


def compose(form: Form, standing: bytes | None, description: Description, existing: Existing) -> bytes | None:
    """What the sidecar shall hold, given what stands there; None: that is not ours, and is to be left alone."""
    if standing is None:
        return form.render(description)
    if not form.is_ours(standing):
        return None
    match existing:
        case "skip":
            return standing
        case "append":
            return form.append(standing, description)
        case "overwrite":
            return form.render(description)
        case _:
            return form.fill(standing, description)


def is_unedited(form: Form, content: bytes, description: Description) -> bool:
    """Whether nobody but smolwatch has a word in it, so that nothing is lost with it once `description` is written."""
    return form.is_ours(content) and form.fill(content, description) == form.render(description)


def own_marks(new: Sequence[Field], standing: Sequence[Field] = (), written: Collection[str] = ()) -> list[str]:
    """The marks of what we write now. A person's own words stay theirs even where we happen to say the same."""
    theirs = {field.mark for field in standing} - set(written)
    return [field.mark for field in new if field.mark not in theirs]


def edited_fields(standing: Sequence[Field], written: Collection[str]) -> list[Field]:
    """The fields in which a person has a word. `written`: the marks of what we wrote the last time."""
    return [field for field in standing if not field.empty and field.mark not in written]


def fill(standing: Sequence[Field], written: Collection[str], new: Sequence[Field]) -> list[Field]:
    """`new`, with what a person wrote, where it stands. `written`: the marks of what we wrote the last time.

    A field of ours is renewed; one that no longer applies goes. What a person changed or added stays as it is, and a
    missing or empty field is put behind the one that it follows in `new`.
    """
    ours = {field.name: field for field in new}
    placed: set[str] = set()
    filled: list[Field] = []
    for field in standing:
        if field.empty and field.name in ours:
            continue
        renewed = None if field.name in placed else ours.get(field.name)
        if field.mark not in written:
            filled.append(field)
        elif renewed is not None:
            filled.append(renewed)
        if renewed is not None:
            placed.add(field.name)
    for position, field in enumerate(new):
        if field.name not in placed:
            names = [one.name for one in filled]
            filled.insert(names.index(new[position - 1].name) + 1 if position else 0, field)
    return filled
