"""The sections of the Markdown sidecar. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from config.recipe_tables import heading_of
from config.safe_text import safe_text
from storage.description import Description
from storage.json_values import iso_utc
from storage.quality import to_text
from storage.records import MediaKind
from storage.sidecars.merging import Field

#: The last section of every description.
STATISTICS = "## Figures"
OUTDATED_EDITS = "Since your words were written"
#: Headings of our own sections: an answer of this name gets another one.
RESERVED = {STATISTICS.removeprefix("## "), "Timeline", OUTDATED_EDITS}

# What Markdown and its dialects read as markup, up to formulas, addresses that become links, and mentions.
_MARKUP = re.compile(r"[\\`*_\[\]()<>|#&~$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_LEADING = re.compile(r"^(\d+(?=\.( |$))|(?=[-+=]))")


def sections(description: Description, recipe: str = "") -> Iterator[Field]:
    """The title, the answers, a video's timeline, and the statistics. `recipe`: the recipe that the title names."""
    yield Field("", f"# {escape(description.name)}" + (f": {escape(recipe)}" if recipe else ""))
    for name, answer in description.answers.items():
        yield section(heading(name), escape_lines(answer))
    if description.timeline:
        rows = (
            f"| {timestamp(part.start)} | {timestamp(part.end)} | {escape(part.text)} |"
            for part in description.timeline
        )
        yield section("Timeline", "| From | To | What is seen |", "| ---: | ---: | --- |", *rows)
    for saved in description.asked:
        yield section(f"Asked: {escape(saved.question)}", escape_lines(saved.answer))
    yield section(
        STATISTICS.removeprefix("## "),
        "| | |",
        "| --- | --- |",
        *(f"| {name} | {escape(value)} |" for name, value in statistics(description)),
    )


def outdated_edits_note(names: Sequence[str], description: Description) -> Field:
    """The note below edited sections (of these names) that are about the file's earlier bytes."""
    titles = [name.removeprefix("## ") for name in names]
    where = ", ".join(escape(title) or "the title" for title in titles)
    lines = [f"The file holds other bytes now than when these words were written by hand: {where}."]
    answers = {heading(name): answer for name, answer in description.answers.items()}
    if answered := [f"- {title}: {escape(answers[title])}" for title in titles if title in answers]:
        lines += ["", "What smolwatch says of it as it is now:", "", *answered]
    return section(OUTDATED_EDITS, *lines)


def heading(answer: str) -> str:
    """That of `heading_of`, where it is not the name of a section of ours."""
    title = heading_of(answer)
    return escape(f"{title} (answer)" if title in RESERVED else title)


def section(name: str, *lines: str) -> Field:
    return Field(f"## {name}", "\n".join((f"## {name}", "", *lines)).rstrip())


def statistics(description: Description) -> Iterator[tuple[str, str]]:
    media, model, stats = description.media, description.model, description.stats
    yield "Size", f"{media.width} × {media.height} pixels"
    if media.kind is MediaKind.VIDEO and media.seconds is not None:
        yield "Length", f"{media.seconds:.1f} s, {media.frames_seen or 0} frames seen"
    if description.quality.verdict != "ok":
        yield "Quality", to_text(description.quality)
    yield "Model", f"{model.id} {model.revision}"
    yield "Ran on", f"{model.device}, {model.dtype}, {model.detail} detail"
    yield "Recipe", f"{description.recipe.name} {description.recipe.version}"
    if "total" in stats.seconds:
        yield "Took", f"{stats.seconds['total']:.1f} s"
    yield "Tokens", f"{stats.tokens_in} in, {stats.tokens_out} out, {stats.tokens_per_second:.1f} a second"
    yield "Described", iso_utc(description.described_at)
    yield "Content", description.digest


def escape(text: str) -> str:
    """Any text as one line that Markdown shows unchanged."""
    one_line = safe_text(" ".join(text.split()))
    escaped = _MARKUP.sub(r"\\\g<0>", one_line)
    return _LEADING.sub(r"\1\\", escaped)


def escape_lines(text: str) -> str:
    """The same for each line, with a hard line break between two lines, and one empty line for several."""
    lines = "\n".join(escape(line) for line in text.splitlines()).strip("\n")
    return "\n\n".join(paragraph.replace("\n", "\\\n") for paragraph in re.split("\n{2,}", lines))


def unescape(text: str) -> str:
    """Reverses both, except for control characters and kinds of space."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def timestamp(seconds: float) -> str:
    """ "1:02:03.5" or "2:03.5"."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{rest // 10:02d}.{rest % 10}"
