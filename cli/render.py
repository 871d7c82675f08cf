"""How things look: lines and tables for people, one document for programs. Nothing is decided here.

All text from files and models passes through `safe_text` on its way to the terminal; JSON carries it whole, in ASCII.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from config.safe_text import safe_text
from daemon.intake.refusal_texts import advice_of, sentence_of
from storage.jobs.listing import Listed
from storage.json_values import iso_utc, name_fields, omit_missing
from storage.lifecycle import JobState
from storage.records import Job, JobEvent, Refusal

if TYPE_CHECKING:
    from rich.console import Console

#: Where nobody's window sets the width, a table's cells are not broken over lines.
PIPE_WIDTH = 400
UNITS = ("bytes", "KB", "MB", "GB", "TB")


def say(text: str = "") -> None:
    """One line for people. `text` must be safe already."""
    click.echo(text)


def say_json(document: object) -> None:
    click.echo(json.dumps(document, indent=2))


def say_json_list(documents: list[dict[str, str | int]]) -> None:
    """The same, to the byte, of a list of flat objects: a hundred thousand of them in a second."""
    told = json.dumps(documents, separators=(",\n    ", ": "))
    # No text in it holds a line end of its own: those are written as \\n.
    told = told[2:-2].replace("},\n    {", "\n  },\n  {\n    ")
    click.echo(f"[\n  {{\n    {told}\n  }}\n]" if documents else "[]")


def console(*, stderr: bool = False) -> Console:
    """A rich console that marks up nothing by itself; NO_COLOR and pipes are respected."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else PIPE_WIDTH, highlight=False, markup=False, emoji=False
    )


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of safe cells: what does not fit is folded, never cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def say_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values below each other, the values safe already."""
    shown = list(facts)
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        say(f"{name:<{width}}  {value}")


def safe_path(path: bytes, inbox: Path | None = None) -> str:
    """A path for people: from the inbox on where it lies within, and never to be taken for an option."""
    shown = os.fsdecode(path)
    if inbox is not None:
        shown = shown.removeprefix(f"{inbox}/")
    return safe_text(f"./{shown}" if shown.startswith("-") else shown)


def size(count: float) -> str:
    """Bytes for people: "2.7 MB"."""
    for unit in UNITS:
        if count < 1000 or unit == UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == UNITS[0] else f"{count:.1f} {unit}"


def when(moment: datetime | None) -> str:
    return iso_utc(moment) if moment else ""


@lru_cache(maxsize=10_000)
def when_of(seconds: float) -> str:
    """The same for seconds since 1970. Many jobs are queued and done together, so that most are known."""
    return iso_utc(datetime.fromtimestamp(seconds, UTC))


def stamp_if(seconds: float | None) -> str | None:
    return None if seconds is None else when_of(seconds)


def gone_words(job: Job) -> str:
    """That a finished job's file is no longer there; empty while it is."""
    return "" if job.missing_since is None else gone_since(when(job.missing_since), is_done=job.state is JobState.DONE)


def gone_since(moment: str, *, is_done: bool) -> str:
    return f"Gone since {moment}{'; its description is kept' if is_done else ''}"


def path_words(path: bytes) -> dict[str, str]:
    """A path for programs: undecodable bytes are surrogates in "path" and exact in "path_b64"."""
    return name_fields("path", path)


def job_words(job: Job) -> dict[str, Any]:
    """A job for programs; what does not apply is absent."""
    return (
        {"id": job.id, "state": str(job.state)}
        | path_words(job.path)
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
        )
    )


def listed_words(job: Listed) -> dict[str, str | int]:
    """The words of `job_words`, and the caption."""
    words: dict[str, str | int | None] = {
        "id": job.id,
        "state": job.state,
        **path_words(job.path),
        "kind": job.kind,
        "format": job.format,
        "digest": job.digest,
        "bytes": job.bytes,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "queued_at": when_of(job.queued_at),
        "started_at": stamp_if(job.started_at),
        "finished_at": stamp_if(job.finished_at),
        "not_before": stamp_if(job.not_before),
        "cause": job.cause,
        "reason_code": job.reason_code,
        "reason": job.reason,
        "detail": job.detail,
        "missing_since": stamp_if(job.missing_since),
        "caption": job.caption,
    }
    return {name: value for name, value in words.items() if value is not None}


def refusal_words(refusal: Refusal) -> dict[str, Any]:
    """A file that was not taken, for programs, in the words of a job."""
    return path_words(refusal.path) | omit_missing(
        kind=refusal.kind,
        refused_at=iso_utc(refusal.at),
        reason_code=refusal.code,
        reason=sentence_of(refusal),
        advice=advice_of(refusal) or None,
        detail=refusal.detail,
    )


def event_words(event: JobEvent) -> dict[str, Any]:
    return omit_missing(
        at=iso_utc(event.at), before=event.before and str(event.before), after=str(event.after), note=event.note or None
    )
