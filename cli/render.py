"""Output: lines and tables for people, one document for programs. Nothing is decided here.

All text from files and models passes through `safe_text` before the terminal; JSON has it whole, in ASCII.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.times import local_time, of_seconds
from config.safe_text import safe_text
from daemon.intake.refusal_texts import advice_of, sentence_of
from storage.jobs.listing import Listed
from storage.json_values import iso_utc, name_fields, omit_missing
from storage.records import Job, JobEvent, Refusal

if TYPE_CHECKING:
    from rich.console import Console

#: Without a terminal, so that a table's cells are not folded.
PIPE_WIDTH = 400
#: Between two columns of a table.
SEPARATOR = 3
#: A column is not cut below this.
MIN_WIDTH = 8
#: Shortens a safe text to so many columns of a terminal.
Cut = Callable[[str, int], str]
UNITS = ("bytes", "KB", "MB", "GB", "TB")
#: In a list of JSON objects: between two members of one, between two of them, and how many are written at once.
NEXT_MEMBER = ",\n    "
NEXT_ANSWER = ",\n      "
NEXT_OBJECT = "\n  },\n  {\n    "
OBJECTS_AT_ONCE = 500
#: A string as JSON. `json.dumps` takes three times as long for a short one.
json_text = json.encoder.encode_basestring_ascii


def say(text: str = "") -> None:
    """One line for people. `text` must be safe already."""
    click.echo(text)


def say_json(document: object) -> None:
    click.echo(json.dumps(document, indent=2))


def say_json_list(objects: Iterable[str]) -> None:
    """The bytes of `say_json` for a list of flat objects, each given by its members as `members_json` writes them.

    In parts: all of 100,000 objects are 50 MB.
    """
    rest, before = iter(objects), "[\n  {\n    "
    while part := NEXT_OBJECT.join(islice(rest, OBJECTS_AT_ONCE)):
        click.echo(before + part, nl=False)
        before = NEXT_OBJECT
    click.echo("\n  }\n]" if before is NEXT_OBJECT else "[]")


def members_json(fields: Mapping[str, str]) -> str:
    """The members of a flat object in a list."""
    return NEXT_MEMBER.join([f'"{name}": {json_text(text)}' for name, text in fields.items()])


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A rich console without markup; NO_COLOR and pipes are respected. `width`: instead of the terminal's."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = width if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def say_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, cut: Mapping[str, Cut] = {}, wide: bool = False
) -> None:
    """A table of safe cells; what does not fit is folded. On a terminal, the columns in `cut` are cut at its width.

    `wide`: nothing is cut or folded, and rows may be longer than the terminal's.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console(width=PIPE_WIDTH if wide else None)
    cells = [tuple(row) for row in rows]
    if cut and screen.is_terminal and not wide:
        cells = shortened(columns, cells, cut, screen.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    if not wide:
        screen.print(table)
        return
    with screen.capture() as shown:
        screen.print(table)
    say("\n".join(line.rstrip() for line in shown.get().splitlines()))


def shortened(
    columns: Sequence[str], cells: Sequence[tuple[str, ...]], cut: Mapping[str, Cut], width: int
) -> list[tuple[str, ...]]:
    """The cells with those of the columns in `cut` shortened, so that each row fits into one line of that width.

    These columns share what the others leave; the narrower ones first, and what they do not need goes to the wider.
    """
    from rich.cells import cell_len

    needed = {column: max(map(cell_len, found)) for column, *found in zip(columns, columns, *cells, strict=True)}
    left = width - SEPARATOR * (len(columns) - 1) - sum(needed[column] for column in columns if column not in cut)
    for others, column in zip(range(len(cut), 0, -1), sorted(cut, key=lambda column: needed[column]), strict=True):
        needed[column] = max(MIN_WIDTH, min(needed[column], left // others))
        left -= needed[column]
    return [
        tuple(
            cut[column](cell, needed[column]) if column in cut else cell
            for column, cell in zip(columns, row, strict=True)
        )
        for row in cells
    ]


def cut_end(text: str, width: int) -> str:
    """Safe text in at most so many columns of a terminal: "A large red cir…"."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"


def cut_start(text: str, width: int) -> str:
    """The same for paths, whose names are at the end: "…mer/IMG_1.jpg"."""
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return text
    while cell_len(text) >= width:
        text = text[1:]
    return f"…{text}"


def say_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values below each other. The values must be safe already."""
    shown = list(facts)
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        say(f"{name:<{width}}  {value}")


def safe_path(path: bytes, inboxes: Sequence[Path] = ()) -> str:
    """A path for people: relative to the inbox that it is in, if there is one, and never like an option."""
    whole = os.fsdecode(path)
    shown = next((below for inbox in inboxes if (below := whole.removeprefix(f"{inbox}/")) != whole), whole)
    return safe_text(f"./{shown}" if shown.startswith("-") else shown)


def size(count: float) -> str:
    """Bytes for people: "2.7 MB"."""
    for unit in UNITS:
        if count < 1000 or unit == UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == UNITS[0] else f"{count:.1f} {unit}"


@lru_cache(maxsize=10_000)
def stamp_of(seconds: float) -> str:
    """ISO 8601 of seconds since 1970. Many jobs are queued and done together, so that most are known."""
    return iso_utc(of_seconds(seconds))


def stamp_if(seconds: float | None) -> str | None:
    return None if seconds is None else stamp_of(seconds)


def gone_since(moment: datetime, now: datetime, *, is_done: bool) -> str:
    """That a finished job's file is no longer there."""
    return f"Gone since {local_time(moment, now)}{'; its description is kept' if is_done else ''}"


def path_json(path: bytes) -> dict[str, str]:
    """A path for programs: undecodable bytes are surrogates in "path" and exact in "path_b64"."""
    return name_fields("path", path)


def job_json(job: Job) -> dict[str, Any]:
    """A job for programs; what does not apply is absent."""
    return (
        {"id": job.id, "state": str(job.state)}
        | path_json(job.path)
        | omit_missing(
            kind=str(job.kind),
            format=job.format,
            digest=job.digest,
            bytes=job.fingerprint.size,
            attempts=job.attempts,
            max_attempts=job.max_attempts,
            queued_at=job.queued_at and iso_utc(job.queued_at),
            started_at=job.started_at and iso_utc(job.started_at),
            finished_at=job.finished_at and iso_utc(job.finished_at),
            not_before=job.not_before and iso_utc(job.not_before),
            cause=job.cause and str(job.cause),
            reason_code=job.reason_code,
            reason=job.reason,
            detail=job.detail,
            missing_since=job.missing_since and iso_utc(job.missing_since),
            recipe=job.spec.recipe,
        )
    )


def listed_json(job: Listed) -> str:
    """The members of `job_json`, caption and answers. Written as text: a dictionary a job takes twice as long."""
    members = [
        f'"id": {job.id}',
        f'"state": "{job.state}"',
        members_json(path_json(job.path)),
        f'"kind": "{job.kind}"',
        f'"format": {json_text(job.format)}',
        f'"digest": {json_text(job.digest)}',
        f'"bytes": {job.bytes}',
        f'"attempts": {job.attempts}',
        f'"max_attempts": {job.max_attempts}',
        f'"queued_at": "{stamp_of(job.queued_at)}"',
    ]
    if job.started_at is not None:
        members.append(f'"started_at": "{stamp_of(job.started_at)}"')
    if job.finished_at is not None:
        members.append(f'"finished_at": "{stamp_of(job.finished_at)}"')
    rest = (job.not_before, job.cause, job.reason_code, job.reason, job.detail, job.missing_since)
    if rest.count(None) < len(rest):
        members += rare_members(job)
    members.append(f'"recipe": {json_text(job.recipe)}')
    if job.caption is not None:
        members.append(f'"caption": {json_text(job.caption)}')
    if job.answers:
        members.append(f'"answers": {answers_json(job.answers)}')
    return NEXT_MEMBER.join(members)


def rare_members(job: Listed) -> list[str]:
    """What most jobs lack."""
    texts = (
        ("not_before", stamp_if(job.not_before)),
        ("cause", job.cause),
        ("reason_code", job.reason_code),
        ("reason", job.reason),
        ("detail", job.detail),
        ("missing_since", stamp_if(job.missing_since)),
    )
    return [f'"{name}": {json_text(text)}' for name, text in texts if text is not None]


def answers_json(answers: Mapping[str, str]) -> str:
    """An object in an object in a list."""
    members = NEXT_ANSWER.join([f"{json_text(name)}: {json_text(text)}" for name, text in answers.items()])
    return f"{{\n      {members}\n    }}"


def refusal_json(refusal: Refusal) -> dict[str, Any]:
    """A file that was not taken, for programs, with the keys of a job."""
    return path_json(refusal.path) | omit_missing(
        kind=refusal.kind,
        refused_at=iso_utc(refusal.at),
        reason_code=refusal.code,
        reason=sentence_of(refusal),
        advice=advice_of(refusal) or None,
        detail=refusal.detail,
    )


def event_json(event: JobEvent) -> dict[str, Any]:
    return omit_missing(
        at=iso_utc(event.at), before=event.before and str(event.before), after=str(event.after), note=event.note or None
    )
