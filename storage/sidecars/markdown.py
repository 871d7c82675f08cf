"""The description, for people. Pure. The model's answers are data: nothing in them can become markup.

A file has one part for every appended description, the newest last. Each begins with a line of ours with the time of
the description, the digest of the bytes that it is about, and the marks of the sections that we wrote. A mark with a
digest belongs to an edited section about other bytes:

    <!-- smolwatch 1 2026-11-24T09:15:02Z blake2b:9f… 0f1e2d3c4b5a6978 … 7a6b5c4d3e2f1a0b=blake2b:3c… -->

A section is a line "## Name" and the text below it; the title, above the first one, is a section without a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from storage.description import Description
from storage.json_values import iso_utc
from storage.sidecars import merging
from storage.sidecars.markdown_sections import STATISTICS, heading, outdated_edits_note, sections, unescape
from storage.sidecars.merging import About, Field

SUFFIX = b".md"
MARKER = b"<!-- smolwatch "

_DIGEST = "blake2b:[0-9a-f]{64}"
_MARK = f"[0-9a-f]{{16}}(?:={_DIGEST})?"
_FIRST_LINE = re.compile(rf"^<!-- smolwatch \d+ ?(\S*?)(?: ({_DIGEST}))?((?: {_MARK})*) -->[ \t\r]*$", re.MULTILINE)
_HEADING = re.compile(r"^(?=## )", re.MULTILINE)
#: Holds the digest in older sidecars, whose first line lacks it.
_CONTENT = re.compile(rf"^\| Content \| ({_DIGEST}) \|[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One description in the file, with a person's edits.

    `digest`: of the bytes that it is about; "" if unknown. `about`: the digests of the other bytes that edited sections
    are about, by the sections' marks.
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
    old = parts(content)
    return len(old) > 1 or any(merging.edited_fields(part.sections, part.written) for part in old)


def fill(content: bytes, description: Description) -> bytes:
    """Updates the newest part."""
    *earlier, last = parts(content)
    now = part_of(description)
    outdated = about_other_bytes(last, description.digest)
    new = add_note(now.sections, last, outdated, description) if outdated else now.sections
    merged = merging.fill(last.sections, last.written, new)
    marks = merging.own_marks(new, last.sections, last.written)
    return encode([*earlier, Part(now.described, now.digest, frozenset(marks), tuple(merged), outdated)])


def answer(content: bytes, name: str) -> str | None:
    """The model's answer with this name, if unedited; its space characters can differ from the original."""
    last = parts(content)[-1]
    section = next((section for section in last.sections if section.name == f"## {heading(name)}"), None)
    if section is None or section.mark not in last.written:
        return None
    return unescape(section.content.removeprefix(section.name).strip())


def append(content: bytes, description: Description) -> bytes:
    """Add a new part below the others."""
    old, new = parts(content), part_of(description)
    if new.described in [part.described for part in old]:
        return content
    return encode([*old, new])


def about_other_bytes(part: Part, digest: str) -> dict[str, str]:
    """The digests of the other bytes that edited sections are about, by the sections' marks."""
    edited = [section.mark for section in merging.edited_fields(part.sections, part.written)]
    found = {mark: part.about.get(mark, part.digest) for mark in edited}
    return {mark: then for mark, then in found.items() if then and then != digest}


def add_note(
    new: Sequence[Field], part: Part, outdated: Mapping[str, str], description: Description
) -> tuple[Field, ...]:
    """`new`, with a section above its statistics which says that edits are about other bytes."""
    names = [section.name for section in part.sections if section.mark in outdated]
    note = outdated_edits_note(names, description)
    return tuple(item for section in new for item in ((note, section) if section.name == STATISTICS else (section,)))


def part_of(description: Description) -> Part:
    written = tuple(sections(description))
    marks = frozenset(merging.own_marks(written))
    return Part(iso_utc(description.described_at), description.digest, marks, written)


def parts(content: bytes) -> list[Part]:
    text = decode(content)
    first_lines = list(_FIRST_LINE.finditer(text))
    ends = [line.start() for line in first_lines[1:]] + [len(text)]
    return [parse_part(line, text[line.end() : end]) for line, end in zip(first_lines, ends, strict=True)]


def parse_part(first_line: re.Match[str], text: str) -> Part:
    marks = [mark.partition("=") for mark in first_line[3].split()]
    digest = first_line[2] or ((content := _CONTENT.search(text)) and content[1]) or ""
    return Part(
        described=first_line[1],
        digest=digest,
        written=frozenset(mark for mark, _, about in marks if not about),
        sections=tuple(parse_sections(text)),
        about={mark: about for mark, _, about in marks if about},
    )


def parse_sections(text: str) -> Iterator[Field]:
    for section in _HEADING.split(text):
        heading = section.split("\n", 1)[0].strip() if section.startswith("## ") else ""
        yield Field(heading, section.strip("\r\n"), empty=section.strip() == heading)


def encode(parts: Sequence[Part]) -> bytes:
    texts = []
    for part in parts:
        marks = [*sorted(part.written), *(f"{mark}={digest}" for mark, digest in sorted(part.about.items()))]
        first = f"<!-- smolwatch 1 {' '.join(filter(None, [part.described, part.digest, *marks]))} -->"
        texts.append("\n\n".join([first, *(section.content for section in part.sections)]))
    return ("\n\n".join(texts) + "\n").encode("utf-8", "surrogateescape")


def decode(content: bytes) -> str:
    """A person can save it in any encoding: bytes that are not UTF-8 are preserved."""
    return content.decode("utf-8", "surrogateescape")
