"""The description, for people. Pure. The model's answers are data: nothing in them can become markup.

A part of the file, of one recipe, has an entry for every appended description, the newest last. Each entry begins with
a line of ours with the time of the description, the digest of the bytes that it is about, the recipe's name, and the
marks of the sections that we wrote. A mark with a digest belongs to an edited section about other bytes:

    <!-- smolwatch 1 2026-11-24T09:15:02Z blake2b:9f… recipe=alt-text 0f1e2d3c4b5a6978 … 7a6b5c4d3e2f1a0b=b… -->

The first part is unnamed: its recipe is in its statistics. The titles of the other parts end with the recipe's name.

A section is a line "## Name" and the text below it; the title, above the first one, is a section without a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from storage.description import Description
from storage.json_values import iso_utc
from storage.sidecars import merging
from storage.sidecars.markdown_sections import STATISTICS, heading, outdated_edits_note, sections, unescape
from storage.sidecars.merging import About, Field

SUFFIX = b".md"
MARKER = b"<!-- smolwatch "

_DIGEST = "blake2b:[0-9a-f]{64}"
_MARK = f"[0-9a-f]{{16}}(?:={_DIGEST})?"
_FIRST_LINE = re.compile(
    rf"^<!-- smolwatch \d+ ?(\S*?)(?: ({_DIGEST}))?(?: recipe=([^\s>]+))?((?: {_MARK})*) -->[ \t\r]*$", re.MULTILINE
)
_HEADING = re.compile(r"^(?=## )", re.MULTILINE)
#: Holds the digest in older sidecars, whose first line lacks it.
_CONTENT = re.compile(rf"^\| Content \| ({_DIGEST}) \|[ \t\r]*$", re.MULTILINE)
#: Holds the recipe's name and version.
_RECIPE = re.compile(r"^\| Recipe \| (.+) \d+ \|[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """One description in the file, with a person's edits.

    `digest`: of the bytes that it is about; "" if unknown. `about`: the digests of the other bytes that edited sections
    are about, by the sections' marks. `recipe`: the recipe that the first line names; "" if none.
    """

    described: str
    digest: str
    written: frozenset[str]
    sections: tuple[Field, ...]
    about: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""


def render(description: Description) -> bytes:
    return encode([entry_of(description)])


def render_further(description: Description) -> bytes:
    return encode([entry_of(description, description.recipe.name)])


def is_ours(content: bytes) -> bool:
    return content.startswith(MARKER) and _FIRST_LINE.match(decode(content)) is not None


def split(content: bytes, recorded: Sequence[str] = ()) -> dict[str, bytes]:
    """`recorded`: the recipes in the JSON sidecar. They name an entry that does not name its recipe itself."""
    texts = entry_texts(content)
    names = recipes_of([parse_entry(first_line, text) for first_line, text in texts], recorded)
    if len(set(names)) == 1:
        return {names[0]: content}
    parts: dict[str, list[str]] = {}
    for name, (first_line, text) in zip(names, texts, strict=True):
        parts.setdefault(name, []).append((first_line[0] + text).rstrip("\r\n"))
    return {name: encode_text("\n\n".join(entries)) for name, entries in parts.items()}


def join(parts: Mapping[str, bytes]) -> bytes:
    first, *further = parts.values()
    return b"\n\n".join(part.rstrip(b"\r\n") for part in (first, *further)) + b"\n" if further else first


def about(part: bytes) -> About:
    last = entries(part)[-1]
    return About(last.digest or None, last.described)


def has_edits(part: bytes) -> bool:
    old = entries(part)
    return len(old) > 1 or any(merging.edited_fields(entry.sections, entry.written) for entry in old)


def fill(part: bytes, description: Description) -> bytes:
    """Updates the newest entry."""
    *earlier, last = entries(part)
    now = entry_of(description, last.recipe)
    outdated = about_other_bytes(last, description.digest)
    new = add_note(now.sections, last, outdated, description) if outdated else now.sections
    merged = merging.fill(last.sections, last.written, new)
    marks = merging.own_marks(new, last.sections, last.written)
    return encode([*earlier, replace(now, written=frozenset(marks), sections=tuple(merged), about=outdated)])


def append(part: bytes, description: Description) -> bytes:
    """Add a new entry below the others."""
    old = entries(part)
    new = entry_of(description, old[0].recipe)
    if description.asked and new.described == old[-1].described:
        return fill(part, description)  # an answer may have been saved since
    if new.described in [entry.described for entry in old]:
        return part
    return encode([*old, new])


def overwrite(part: bytes, description: Description) -> bytes:
    return encode([entry_of(description, entries(part)[0].recipe)])


def answer(part: bytes, name: str) -> str | None:
    """The model's answer with this name, if unedited; its space characters can differ from the original."""
    last = entries(part)[-1]
    section = next((section for section in last.sections if section.name == f"## {heading(name)}"), None)
    if section is None or section.mark not in last.written:
        return None
    return unescape(section.content.removeprefix(section.name).strip())


def recipes_of(entries: Sequence[Entry], recorded: Sequence[str]) -> list[str]:
    """The recipe of each entry: named in its first line, or else in its statistics if these are unedited.

    The remaining ones are of the first recipe in `recorded` that no first line names, or else of the one in their
    edited statistics; "" if there is none.
    """
    named = {entry.recipe for entry in entries}
    rest = next((name for name in recorded if name not in named), "")
    return [
        entry.recipe or recipe_in_statistics(entry, entry.written) or rest or recipe_in_statistics(entry)
        for entry in entries
    ]


def recipe_in_statistics(entry: Entry, written: Collection[str] | None = None) -> str:
    """The recipe in the statistics; "" if there is none, or their mark is not among `written`."""
    found = (item for item in entry.sections if item.name == STATISTICS and (written is None or item.mark in written))
    row = _RECIPE.search(next((section.content for section in found), ""))
    return unescape(row[1]) if row else ""


def about_other_bytes(entry: Entry, digest: str) -> dict[str, str]:
    """The digests of the other bytes that edited sections are about, by the sections' marks."""
    edited = [section.mark for section in merging.edited_fields(entry.sections, entry.written)]
    found = {mark: entry.about.get(mark, entry.digest) for mark in edited}
    return {mark: then for mark, then in found.items() if then and then != digest}


def add_note(
    new: Sequence[Field], entry: Entry, outdated: Mapping[str, str], description: Description
) -> tuple[Field, ...]:
    """`new`, with a section above its statistics which says that edits are about other bytes."""
    names = [section.name for section in entry.sections if section.mark in outdated]
    note = outdated_edits_note(names, description)
    return tuple(item for section in new for item in ((note, section) if section.name == STATISTICS else (section,)))


def entry_of(description: Description, recipe: str = "") -> Entry:
    """`recipe`: the name for the first line and the title."""
    written = tuple(sections(description, recipe))
    marks = frozenset(merging.own_marks(written))
    return Entry(iso_utc(description.described_at), description.digest, marks, written, recipe=recipe)


def entry_texts(content: bytes) -> list[tuple[re.Match[str], str]]:
    """The first line of each entry, and the text below it."""
    text = decode(content)
    first_lines = list(_FIRST_LINE.finditer(text))
    ends = [line.start() for line in first_lines[1:]] + [len(text)]
    return [(line, text[line.end() : end]) for line, end in zip(first_lines, ends, strict=True)]


def entries(part: bytes) -> list[Entry]:
    return [parse_entry(first_line, text) for first_line, text in entry_texts(part)]


def parse_entry(first_line: re.Match[str], text: str) -> Entry:
    marks = [mark.partition("=") for mark in first_line[4].split()]
    digest = first_line[2] or ((content := _CONTENT.search(text)) and content[1]) or ""
    return Entry(
        described=first_line[1],
        digest=digest,
        written=frozenset(mark for mark, _, about in marks if not about),
        sections=tuple(parse_sections(text)),
        about={mark: about for mark, _, about in marks if about},
        recipe=unquote(first_line[3] or ""),
    )


def parse_sections(text: str) -> Iterator[Field]:
    for section in _HEADING.split(text):
        heading = section.split("\n", 1)[0].strip() if section.startswith("## ") else ""
        yield Field(heading, section.strip("\r\n"), empty=section.strip() == heading)


def encode(entries: Sequence[Entry]) -> bytes:
    texts = []
    for entry in entries:
        name = f"recipe={quote(entry.recipe, safe='', errors='replace')}" if entry.recipe else ""
        marks = [*sorted(entry.written), *(f"{mark}={digest}" for mark, digest in sorted(entry.about.items()))]
        first = f"<!-- smolwatch 1 {' '.join(filter(None, [entry.described, entry.digest, name, *marks]))} -->"
        texts.append("\n\n".join([first, *(section.content for section in entry.sections)]))
    return encode_text("\n\n".join(texts))


def encode_text(text: str) -> bytes:
    return (text + "\n").encode("utf-8", "surrogateescape")


def decode(content: bytes) -> str:
    """A person can save it in any encoding: bytes that are not UTF-8 are preserved."""
    return content.decode("utf-8", "surrogateescape")
