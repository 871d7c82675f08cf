"""`smolwatch why`: what happened to a file, step by step. What to do about it is in `cli/advice.py`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.advice import Known, what_to_do
from cli.lookup import inbox_root, meant_paths, open_library
from cli.options import json_option
from cli.render import event_words, job_words, path_words, safe_path, say, say_facts, say_json, size
from config.errors import NotFoundError
from config.load import load_settings
from config.safe_text import safe_text
from config.settings import Settings
from daemon.errors import MediaError
from daemon.intake.filters import filters_of, placeholder_of, reject_mode
from daemon.intake.identity import kind_at
from daemon.intake.refusal_texts import sentence_of
from storage.json_values import iso_utc, name_fields, omit_missing
from storage.records import Job


@dataclass(frozen=True)
class Step:
    name: str
    says: str
    at: datetime | None = None


@click.command(short_help="Explain what happened to a file and what to do about it.")
@click.argument("path", metavar="PATH")
@json_option
@click.pass_obj
def command(home: Path | None, path: str, as_json: bool) -> None:
    """Explain what happened to a file: is it in the inbox, why was it not taken, how did its job go, what to do."""
    settings = load_settings(home=home)
    paths = meant_paths(path)
    known = gather([*paths, *map(placeholder_of, paths)], settings)
    if known.look is None and not known.refusal and not known.job:
        raise NotFoundError(f"{safe_text(path)}: there is no such file, and none of that name was ever seen.")
    steps, advice = list(chain(known, settings)), what_to_do(known, settings)
    if as_json:
        say_json(to_json(known, steps, advice))
        return
    say(safe_path(known.path))
    say_facts((f"  {step.name}", f"{iso_utc(step.at)}  {step.says}" if step.at else step.says) for step in steps)
    say(f"  → {advice}")


def gather(paths: list[bytes], settings: Settings) -> Known:
    """What the disk, the rules and the database say; of a path's names, the one that the database knows."""
    path, root = paths[0], os.fsencode(inbox_root(settings))
    inside, look = is_inside(path, settings), look_at(path)
    is_folder = look is not None and stat.S_ISDIR(look.st_mode)
    turned = filters_of(settings, root).reject_path(root, path, is_folder=is_folder)
    seen: dict[str, Any] = {}
    try:
        with open_library(settings) as library:
            for name in paths:
                job, refusal = library.job_at(name), library.refusal(name)
                if job or refusal:
                    events = tuple(library.events(job.id)) if job else ()
                    path, seen = name, {"job": job, "refusal": refusal, "events": events}
                    break
            seen["engine_advice"] = engine_advice(library.state("engine"))
    except NotFoundError:
        seen = {}  # nothing ran here yet: the disk and the rules still have their say
    look = look if path == paths[0] else look_at(path)
    unseen = turned is None and not (seen.get("job") or seen.get("refusal"))
    verdict = look_inside(path, settings) if unseen and look and stat.S_ISREG(look.st_mode) else None
    return Known(path=path, look=look, inside=inside, turned=turned, verdict=verdict, **seen)


def look_inside(path: bytes, settings: Settings) -> MediaError | None:
    """Why intake would not take a file that it has not seen yet; None when it would."""
    try:
        kind_at(path, max_bytes=settings.work.max_file_bytes)
    except MediaError as error:
        return error
    except OSError:  # the disk does not give its bytes: nothing is known of them
        return None
    return None


def is_inside(path: bytes, settings: Settings) -> bool:
    return path.startswith(os.fsencode(inbox_root(settings)) + b"/")


def engine_advice(state: dict[str, Any] | None) -> str:
    """What the engine asks people to do; nothing while it can work."""
    return str((state or {}).get("advice", ""))


def look_at(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def chain(known: Known, settings: Settings) -> Iterator[Step]:
    missing = known.job.missing_since if known.job and known.look is None else None
    yield Step("file", file_says(known.look), missing)
    inbox = safe_text(str(settings.inbox_path))
    yield Step("inbox", f"In the inbox {inbox}." if known.inside else f"Not in the inbox {inbox}.")
    if known.inside:
        yield Step("rules", safe_text(known.turned.reason) if known.turned else "No rule turns its name away.")
    if known.refusal:
        yield Step("intake", safe_text(f"{sentence_of(known.refusal)} ({known.refusal.code})"), known.refusal.at)
    if known.verdict:
        yield Step("content", safe_text(f"{known.verdict} ({known.verdict.code})"))
    if known.job:
        for event in known.events:
            note = f": {event.note}" if event.note else ""
            yield Step(f"job {known.job.id}", safe_text(f"{event.after}{note}"), event.at)
        yield Step("now", job_says(known.job))


def file_says(look: os.stat_result | None) -> str:
    if look is None:
        return "Not there."
    if turned := reject_mode(look.st_mode):
        return turned.reason
    if stat.S_ISDIR(look.st_mode):
        return "A folder; ask about a file in it."
    return f"There: {size(look.st_size)}, changed {iso_utc(datetime.fromtimestamp(look.st_mtime, UTC))}."


def job_says(job: Job) -> str:
    tried = f", attempt {job.attempts} of {job.max_attempts}" if job.attempts else ""
    code = f" ({job.reason_code})" if job.reason_code else ""
    reason = f": {job.reason}{code}" if job.reason else ""
    return safe_text(f"{job.state}{tried}{reason}")


def to_json(known: Known, steps: list[Step], advice: str) -> dict[str, Any]:
    refusal = known.refusal
    return path_words(known.path) | omit_missing(
        exists=known.look is not None,
        in_inbox=known.inside,
        chain=[omit_missing(step=step.name, says=step.says, at=step.at and iso_utc(step.at)) for step in steps],
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
        job=known.job and job_words(known.job),
        events=[event_words(event) for event in known.events],
        advice=advice,
    )
