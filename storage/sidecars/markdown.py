"""The description, for people. Pure. What the model said is data: nothing in it can become markup.

A file has one part for every description that was appended, the newest last; each begins with a line of ours, which
holds the time of the description, the digest of the bytes that it is about, and the marks of the sections that we
wrote. A mark with a digest is that of a section that a person wrote, about other bytes:

    <!-- smolwatch 1 2026-11-24T09:15:02Z blake2b:9f… 0f1e2d3c4b5a6978 … 7a6b5c4d3e2f1a0b=blake2b:3c… -->

A section is a line "## Name" and what stands below it; the title, above the first of them, is a section without a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from storage.description import Description
from storage.json_values import iso_utc
from storage.sidecars import merging
from storage.sidecars.markdown_sections import FIGURES, changed_since, heading, sections, unescaped
from storage.sidecars.merging import About, Field

SUFFIX = b".md"
MARKER = b"<!-- smolwatch "

_DIGEST = "blake2b:[0-9a-f]{64}"
_MARK = f"[0-9a-f]{{16}}(?:={_DIGEST})?"
_FIRST_LINE = re.compile(rf"^<!-- smolwatch \d+ ?(\S*?)(?: ({_DIGEST}))?((?: {_MARK})*) -->[ \t\r]*$", re.MULTILINE)
_HEADING = re.compile(r"^(?=## )", re.MULTILINE)
#: Where sidecars say which bytes they are about whose first line does not: those of before it did.
_CONTENT = re.compile(rf"^\| Content \| ({_DIGEST}) \|[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """What one description left in the file, with what a person wrote there.

    `digest`: of the bytes that it is about; "" where that is not known. `about`: by their marks, the sections of a
    person that were written about other bytes, and those bytes' digests.
    """

    described: str
    digest: str
    written: frozenset[str]
    sections: tuple[Field, ...]
    about: Mapping[str, str] = field(default_factory=dict)


def render(description: Description) -> bytes:
    return encode([part_of(description)])


def is_ours(content: bytes) -> bool:
    return content.startswith(MARKER) and _FIRST_LINE.match(decode(content)) is not None


def about(content: bytes) -> About:
    last = parts(content)[-1]
    return About(last.digest or None, last.described)


def has_edits(content: bytes) -> bool:
    standing = parts(content)
    return len(standing) > 1 or any(merging.edited_fields(part.sections, part.written) for part in standing)


def fill(content: bytes, description: Description) -> bytes:
    """Of several parts, the newest is the one that is renewed."""
    *earlier, last = parts(content)
    now = part_of(description)
    outdated = about_other_bytes(last, description.digest)
    new = with_note(now.sections, last, outdated, description) if outdated else now.sections
    merged = merging.fill(last.sections, last.written, new)
    marks = merging.own_marks(new, last.sections, last.written)
    return encode([*earlier, Part(now.described, now.digest, frozenset(marks), tuple(merged), outdated)])


def answer(content: bytes, name: str) -> str | None:
    """The model's answer with this name, where nobody changed it; the space in it may have been other space."""
    last = parts(content)[-1]
    standing = next((one for one in last.sections if one.name == f"## {heading(name)}"), None)
    if standing is None or standing.mark not in last.written:
        return None
    return unescaped(standing.content.removeprefix(standing.name).strip())


def append(content: bytes, description: Description) -> bytes:
    """A new part below all that stands there."""
    standing, new = parts(content), part_of(description)
    if new.described in [part.described for part in standing]:
        return content
    return encode([*standing, new])


def about_other_bytes(part: Part, digest: str) -> dict[str, str]:
    """By their marks, the sections of a person that were not written about the bytes with this digest: about which."""
    theirs = [section.mark for section in merging.edited_fields(part.sections, part.written)]
    found = {mark: part.about.get(mark, part.digest) for mark in theirs}
    return {mark: then for mark, then in found.items() if then and then != digest}


def with_note(
    new: Sequence[Field], part: Part, outdated: Mapping[str, str], description: Description
) -> tuple[Field, ...]:
    """`new`, and above its figures a section which says that words of a person are about other bytes."""
    names = [section.name for section in part.sections if section.mark in outdated]
    note = changed_since(names, description)
    return tuple(one for section in new for one in ((note, section) if section.name == FIGURES else (section,)))


def part_of(description: Description) -> Part:
    written = tuple(sections(description))
    marks = frozenset(merging.own_marks(written))
    return Part(iso_utc(description.described_at), description.digest, marks, written)


def parts(content: bytes) -> list[Part]:
    text = decode(content)
    found = list(_FIRST_LINE.finditer(text))
    ends = [one.start() for one in found[1:]] + [len(text)]
    return [part_in(one, text[one.end() : end]) for one, end in zip(found, ends, strict=True)]


def part_in(first_line: re.Match[str], text: str) -> Part:
    marks = [mark.partition("=") for mark in first_line[3].split()]
    said = first_line[2] or ((content := _CONTENT.search(text)) and content[1]) or ""
    return Part(
        described=first_line[1],
        digest=said,
        written=frozenset(mark for mark, _, about in marks if not about),
        sections=tuple(sections_in(text)),
        about={mark: about for mark, _, about in marks if about},
    )


def sections_in(text: str) -> Iterator[Field]:
    for section in _HEADING.split(text):
        heading = section.split("\n", 1)[0].strip() if section.startswith("## ") else ""
        yield Field(heading, section.strip("\r\n"), empty=section.strip() == heading)


def encode(written: Sequence[Part]) -> bytes:
    pages = []
    for part in written:
        marks = [*sorted(part.written), *(f"{mark}={digest}" for mark, digest in sorted(part.about.items()))]
        first = f"<!-- smolwatch 1 {' '.join(filter(None, [part.described, part.digest, *marks]))} -->"
        pages.append("\n\n".join([first, *(section.content for section in part.sections)]))
    return ("\n\n".join(pages) + "\n").encode("utf-8", "surrogateescape")


def decode(content: bytes) -> str:
    """A person may have saved it in any encoding: bytes that are no UTF-8 come back as they were."""
    return content.decode("utf-8", "surrogateescape")
