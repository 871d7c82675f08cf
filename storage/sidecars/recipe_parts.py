"""A sidecar has one part for each recipe by which its file was described. Pure.

A description changes the part of its recipe alone. The first part has the layout of a sidecar with one recipe, so that
programs and people find it where they expect it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.settings import Existing
from storage.description import Description
from storage.sidecars.merging import About, Form, merge


def compose(
    form: Form, old: bytes | None, description: Description, existing: Existing, recorded: Sequence[str] = ()
) -> bytes | None:
    """The new content of the sidecar, given the old one; None if that is foreign and must not change.

    `recorded`: see `Form.split`.
    """
    if old is None:
        return form.render(description)
    if not form.is_ours(old):
        return None
    parts = form.split(old, recorded)
    name = name_of_part(parts, description)
    before = parts.get(name)
    after = form.render_further(description) if before is None else merge(form, before, description, existing)
    return old if after == before else form.join(parts | {name: after})


def name_of_part(parts: Mapping[str, bytes], description: Description) -> str:
    """The name of the description's part. One without a known recipe takes a description that has no other part."""
    name = description.recipe.name
    return "" if name not in parts and "" in parts else name


def abouts(form: Form, content: bytes) -> list[About]:
    """What each part of a sidecar of ours is about."""
    return [form.about(part) for part in form.split(content).values()]


def is_about(form: Form, content: bytes, description: Description) -> bool:
    """Whether a part is about the same bytes as the description."""
    return any(about.is_about(description) for about in abouts(form, content))


def digests(form: Form, content: bytes) -> set[str]:
    """The digests of the bytes that the parts are about, as far as they are stated."""
    return {about.digest for about in abouts(form, content) if about.digest is not None}


def has_edits(form: Form, content: bytes) -> bool:
    """Whether a part has edits, or holds more than one description."""
    return any(form.has_edits(part) for part in form.split(content).values())


def is_unedited(form: Form, content: bytes, description: Description) -> bool:
    """Whether no part has edits. `description`: the newest one of its recipe."""
    own, others = split_own(form, content, description)
    return is_own_unedited(form, own, description) and not any(form.has_edits(part) for part in others.values())


def add_missing(form: Form, content: bytes, other: bytes, recorded: Sequence[str] = ()) -> bytes:
    """`content`, with the parts of another sidecar of the file whose recipes it lacks."""
    parts = form.split(content, recorded)
    missing = {name: part for name, part in form.split(other, recorded).items() if name not in parts}
    return form.join(parts | missing) if missing else content


def holds_all_of(
    form: Form, content: bytes, other: bytes, description: Description, recorded: Sequence[str] = ()
) -> bool:
    """Whether nothing is lost with `other`, another sidecar of the file. `content` holds the description."""
    own, others = split_own(form, other, description, recorded)
    return is_own_unedited(form, own, description) and others.items() <= form.split(content, recorded).items()


def split_own(
    form: Form, content: bytes, description: Description, recorded: Sequence[str] = ()
) -> tuple[bytes | None, dict[str, bytes]]:
    """The description's part, if there is one, and the others."""
    parts = form.split(content, recorded)
    return parts.pop(name_of_part(parts, description), None), parts


def is_own_unedited(form: Form, part: bytes | None, description: Description) -> bool:
    """Whether the description's part has no edits, so that nothing is lost with it."""
    return part is None or form.fill(part, description) == form.overwrite(part, description)
