"""The description, for people. Pure. What the model said is data: nothing in it can become markup.

A file has one part for every description that was appended, the newest last; each begins with a line of ours, which
holds the time of the description and the marks of the sections that we wrote:

    <!-- smolwatch 1 2026-11-24T09:15:02Z 0f1e2d3c4b5a6978 … -->

A section is a line "## Name" and what stands below it; the title, above the first of them, is a section without a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from storage.records import Description, stamp
from storage.sidecars import merging
from storage.sidecars.merging import Field
from storage.sidecars.page import sections

SUFFIX = b".md"
MARKER = b"<!-- smolwatch "

_FIRST_LINE = re.compile(r"^<!-- smolwatch \d+ ?(\S*)((?: [0-9a-f]{16})*) -->[ \t\r]*$", re.MULTILINE)
_HEADING = re.compile(r"^(?=## )", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """What one description left in the file, with what a person wrote there."""

    described: str
    written: frozenset[str]
    sections: tuple[Field, ...]


def render(description: Description) -> bytes:
    return encode([part_of(description)])


def is_ours(content: bytes) -> bool:
    return content.startswith(MARKER) and _FIRST_LINE.match(decode(content)) is not None


def fill(content: bytes, description: Description) -> bytes:
    """Of several parts, the newest is the one that is renewed."""
    *earlier, last = parts(content)
    new = part_of(description)
    merged = merging.fill(last.sections, last.written, new.sections)
    marks = merging.marks_of_ours(new.sections, last.sections, last.written)
    return encode([*earlier, Part(new.described, frozenset(marks), tuple(merged))])


def append(content: bytes, description: Description) -> bytes:
    """A new part below all that stands there."""
    standing, new = parts(content), part_of(description)
    if new.described in [part.described for part in standing]:
        return content
    return encode([*standing, new])


def part_of(description: Description) -> Part:
    written = tuple(sections(description))
    return Part(stamp(description.described_at), frozenset(merging.marks_of_ours(written)), written)


def parts(content: bytes) -> list[Part]:
    text = decode(content)
    found = list(_FIRST_LINE.finditer(text))
    ends = [one.start() for one in found[1:]] + [len(text)]
    return [
        Part(one[1], frozenset(one[2].split()), tuple(sections_in(text[one.end() : end])))
        for one, end in zip(found, ends, strict=True)
    ]


def sections_in(text: str) -> Iterator[Field]:
    for section in _HEADING.split(text):
        heading = section.split("\n", 1)[0].strip() if section.startswith("## ") else ""
        yield Field(heading, section.strip("\r\n"), empty=section.strip() == heading)


def encode(written: Sequence[Part]) -> bytes:
    pages = []
    for part in written:
        marks = sorted(part.written)
        first = f"<!-- smolwatch 1 {' '.join([part.described, *marks])} -->"
        pages.append("\n\n".join([first, *(section.content for section in part.sections)]))
    return ("\n\n".join(pages) + "\n").encode("utf-8", "surrogateescape")


def decode(content: bytes) -> str:
    """A person may have saved it in any encoding: bytes that are no UTF-8 come back as they were."""
    return content.decode("utf-8", "surrogateescape")
