"""`smolwatch why`: what happened to a file, step by step. The advice comes from `cli/advice.py`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.advice import Known, what_to_do
from cli.lookup import find_by_name, named_files, open_library_if_any, suggestion
from cli.options import json_option
from cli.render import event_json, job_json, path_json, safe_path, say, say_facts, say_json, size
from cli.times import both, local_time, utc_now
from config.errors import NotFoundError
from config.inboxes import Inbox
from config.load import load_settings
from config.safe_text import safe_text
from config.settings import Settings
from daemon.errors import MediaError
from daemon.intake.filters import placeholder_of, reject_mode
from daemon.intake.identity import kind_at
from daemon.intake.refusal_texts import sentence_of
from daemon.intake.watched_inboxes import inboxes_of
from storage.json_values import from_mtime_ns, iso_utc, name_fields, omit_missing
from storage.library import Library
from storage.records import Job, JobEvent
from storage.status.values import EngineStatus


@dataclass(frozen=True)
class Step:
    name: str
    text: str
    at: datetime | None = None


@click.command(short_help="Explain what happened to a file and what to do about it.")
@click.argument("path", metavar="PATH")
@json_option
@click.pass_obj
def command(home: Path | None, path: str, as_json: bool) -> None:
    """Explain what happened to a file: is it in the inbox, why was it skipped, how did its job go, what to do.

    PATH can be a name, a path below the inbox, or a sidecar.
    """
    settings = load_settings(home=home)
    known = gather(path, settings)
    steps, now = list(chain(known, settings)), utc_now()
    if as_json:
        say_json(to_json(known, steps, what_to_do(known, settings)))
        return
    say(safe_path(known.path))
    say_facts((f"  {step.name}", step_text(step, now)) for step in steps)
    say(f"  → {what_to_do(known, settings, lambda moment: both(moment, now))}")


def gather(text: str, settings: Settings) -> Known:
    """What the disk, the rules and the database hold about the file that was typed. Raises NotFoundError."""
    files = [[*names, *map(placeholder_of, names)] for names in named_files(text, settings)]
    with open_library_if_any(settings) as library:
        if names := find(text, files, library, settings):
            return known_from(*names, library, settings)
        advice = suggestion(text, library, settings, command="why") if library else ""
    raise NotFoundError(f"There is no file {safe_text(text)}, and none was ever seen.", advice=advice)


def find(
    text: str, files: list[list[bytes]], library: Library | None, settings: Settings
) -> tuple[bytes, bytes] | None:
    """The file that was typed: its own name, and the one under which it is known or exists."""
    for names in files:
        known = (name for name in names if library and (library.job_at(name) or library.refusal(name)))
        if path := next(known, None) or next(filter(os.path.lexists, names), None):
            return names[0], path
    found = library and find_by_name(text, lambda path: path, library, settings, command="why")
    return (found, found) if found else None


def known_from(name: bytes, path: bytes, library: Library | None, settings: Settings) -> Known:
    """`name`: what the rules of the inbox apply to. `library`: None before the first start."""
    inbox = inboxes_of(settings).of(name)
    look, job, refusal, engine, is_paused = look_at(path), None, None, EngineStatus(), False
    events: tuple[JobEvent, ...] = ()
    if library:
        job, refusal = library.job_at(path), library.refusal(path)
        engine, is_paused = library.status.engine(), library.status.paused_since() is not None
        events = tuple(library.events(job.id)) if job else ()
    is_folder = look is not None and stat.S_ISDIR(look.st_mode)
    rejection = inbox.filters.reject_path(inbox.root, name, is_folder=is_folder) if inbox else None
    is_unseen = rejection is None and job is None and refusal is None
    return Known(
        path=path,
        look=look,
        inbox=inbox.settings if inbox else None,
        rejection=rejection,
        verdict=look_inside(path, settings) if is_unseen and look and stat.S_ISREG(look.st_mode) else None,
        refusal=refusal,
        job=job,
        events=events,
        engine_advice=engine.advice or "",
        is_paused=is_paused,
    )


def look_inside(path: bytes, settings: Settings) -> MediaError | None:
    """Why intake would refuse a file that it has not seen yet; None when it would admit it."""
    try:
        kind_at(path, max_bytes=settings.work.max_file_bytes)
    except MediaError as error:
        return error
    except OSError:  # its bytes cannot be read: nothing is known about them
        return None
    return None


def look_at(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def chain(known: Known, settings: Settings) -> Iterator[Step]:
    """What happened, step by step."""
    missing = known.job.missing_since if known.job and known.look is None else None
    yield Step("file", file_text(known.look), missing)
    yield Step("inbox", inbox_text(known.inbox, settings))
    if known.inbox:
        yield Step("rules", safe_text(known.rejection.reason) if known.rejection else "No rule excludes its name.")
    if known.refusal:
        yield Step("intake", safe_text(f"{sentence_of(known.refusal)} ({known.refusal.code})"), known.refusal.at)
    if known.verdict:
        yield Step("content", safe_text(f"{known.verdict} ({known.verdict.code})"))
    if known.job:
        for event in known.events:
            note = f": {event.note}" if event.note else ""
            yield Step(f"job {known.job.id}", safe_text(f"{event.after}{note}"), event.at)
        yield Step("now", job_text(known.job))


def inbox_text(inbox: Inbox | None, settings: Settings) -> str:
    if inbox is not None:
        return f"In the inbox {safe_text(str(inbox.path))}."
    folders = ", ".join(safe_text(str(inbox.path)) for inbox in settings.inboxes)
    return f"Not in {'the inbox' if len(settings.inboxes) == 1 else 'any of the inboxes'} {folders}."


def step_text(step: Step, now: datetime) -> str:
    return f"{local_time(step.at, now, with_seconds=True)}  {step.text}" if step.at else step.text


def file_text(look: os.stat_result | None) -> str:
    if look is None:
        return "It does not exist."
    if rejection := reject_mode(look.st_mode):
        return rejection.reason
    if stat.S_ISDIR(look.st_mode):
        return "A folder; give a file in it."
    return f"It exists: {size(look.st_size)}, modified {local_time(from_mtime_ns(look.st_mtime_ns), utc_now())}."


def job_text(job: Job) -> str:
    tried = f", attempt {job.attempts} of {job.max_attempts}" if job.attempts else ""
    code = f" ({job.reason_code})" if job.reason_code else ""
    reason = f": {job.reason}{code}" if job.reason else ""
    return safe_text(f"{job.state}{tried}{reason}")


def to_json(known: Known, steps: list[Step], advice: str) -> dict[str, Any]:
    refusal = known.refusal
    return path_json(known.path) | omit_missing(
        exists=known.look is not None,
        in_inbox=known.inbox is not None,
        chain=[omit_missing(step=step.name, says=step.text, at=step.at and iso_utc(step.at)) for step in steps],
        refusal=refusal
        and omit_missing(
            code=refusal.code,
            kind=refusal.kind,
            reason=sentence_of(refusal),
            at=iso_utc(refusal.at),
            detail=refusal.detail,
            **(name_fields("partner", refusal.partner) if refusal.partner else {}),
        ),
        content=known.verdict
        and omit_missing(
            code=known.verdict.code,
            kind=getattr(known.verdict, "kind", None),
            reason=str(known.verdict),
            detail=known.verdict.detail or None,
        ),
        job=known.job and job_json(known.job),
        events=[event_json(event) for event in known.events],
        advice=advice,
    )
