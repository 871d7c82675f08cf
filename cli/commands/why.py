"""`smolwatch why`: what happened to a file, step by step, and what to do about it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.options import json_option
from cli.reading import inbox_root, meant_paths, open_library
from cli.render import event_words, job_words, path_words, safe_path, say, say_facts, say_json, size
from config.errors import NotFoundError
from config.load import load_settings
from config.settings import Settings
from config.text import safe_text
from daemon.errors import NotDownloadedError
from daemon.intake.filters import Turned, filters_of, of_mode, placeholder_of
from daemon.lock import holder
from storage.lifecycle import Cause, JobState
from storage.records import Job, JobEvent, Refusal, present, stamp

PATIENCE = "Nothing needs doing: it is looked at again by itself."


@dataclass(frozen=True)
class Known:
    """All that there is to know about a path. `look` is its own lstat, None where there is none."""

    path: bytes
    look: os.stat_result | None
    inside: bool
    turned: Turned | None
    refusal: Refusal | None = None
    job: Job | None = None
    events: tuple[JobEvent, ...] = ()
    engine_advice: str = ""


@dataclass(frozen=True)
class Step:
    name: str
    says: str
    at: datetime | None = None


@click.command(short_help="Tell what happened to a file, and what to do.")
@click.argument("path", metavar="PATH")
@json_option
@click.pass_obj
def command(home: Path | None, path: str, as_json: bool) -> None:
    """Tell what happened to a file: whether it is in the inbox, what turned it away, how its job went, what to do."""
    settings = load_settings(home=home)
    paths = meant_paths(path)
    known = gather([*paths, *map(placeholder_of, paths)], settings)
    if known.look is None and not known.refusal and not known.job:
        raise NotFoundError(f"{safe_text(path)}: there is no such file, and none of that name was ever seen.")
    steps, advice = list(chain(known, settings)), what_to_do(known, settings)
    if as_json:
        say_json(words(known, steps, advice))
        return
    say(safe_path(known.path))
    say_facts((f"  {step.name}", f"{stamp(step.at)}  {step.says}" if step.at else step.says) for step in steps)
    say(f"  → {advice}")


def gather(paths: list[bytes], settings: Settings) -> Known:
    """What the disk, the rules and the database say; of a path's names, the one that the database knows."""
    path, root = paths[0], os.fsencode(inbox_root(settings))
    inside, look = is_inside(path, settings), look_at(path)
    is_folder = look is not None and stat.S_ISDIR(look.st_mode)
    turned = filters_of(settings, root).of_path(root, path, is_folder=is_folder)
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
    return Known(path=path, look=look, inside=inside, turned=turned, **seen)


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
    yield Step("file", file_says(known.look))
    inbox = safe_text(str(settings.inbox_path))
    yield Step("inbox", f"In the inbox {inbox}." if known.inside else f"Not in the inbox {inbox}.")
    if known.inside:
        yield Step("rules", safe_text(known.turned.reason) if known.turned else "No rule turns its name away.")
    if known.refusal:
        yield Step("intake", safe_text(f"{known.refusal.reason} ({known.refusal.code})"), known.refusal.at)
    if known.job:
        for event in known.events:
            note = f": {event.note}" if event.note else ""
            yield Step(f"job {known.job.id}", safe_text(f"{event.after}{note}"), event.at)
        yield Step("now", job_says(known.job))


def file_says(look: os.stat_result | None) -> str:
    if look is None:
        return "Not there."
    if turned := of_mode(look.st_mode):
        return turned.reason
    if stat.S_ISDIR(look.st_mode):
        return "A folder; ask about a file in it."
    return f"There: {size(look.st_size)}, changed {stamp(datetime.fromtimestamp(look.st_mtime, UTC))}."


def job_says(job: Job) -> str:
    tried = f", attempt {job.attempts} of {job.max_attempts}" if job.attempts else ""
    code = f" ({job.reason_code})" if job.reason_code else ""
    reason = f": {job.reason}{code}" if job.reason else ""
    return safe_text(f"{job.state}{tried}{reason}")


def what_to_do(known: Known, settings: Settings) -> str:
    """One sentence of advice, safe to show."""
    if known.job:
        return safe_text(job_advice(known.job, known.engine_advice, settings))
    if not known.inside:
        return safe_text(f"Move or copy it into {settings.inbox_path}: only files there are described.")
    if known.refusal and known.refusal.code == NotDownloadedError.code:
        return NotDownloadedError.advice
    if known.turned and known.turned.allowed_by:
        return safe_text(
            f"Give it another name or place; or say {known.turned.allowed_by} in {settings.config_file}, and restart."
        )
    if known.turned and known.turned.code.startswith("ignored"):
        return safe_text(f"Give it another name or place, or change the rule in {settings.config_file}.")
    if known.turned:
        return "Nothing needs doing: such files are not described."
    if holder(settings.lock_file) is None:
        return "No daemon is running; start it with: smolwatch run"
    if known.refusal:
        return "If the file changes, it is looked at again by itself."
    return f"It was not seen yet; the whole inbox is listed every {settings.inbox.sweep_seconds:.0f} s."


def job_advice(job: Job, engine: str, settings: Settings) -> str:
    if job.state is JobState.DONE:
        return f"It is described; read it with: smolwatch show {job.id}"
    if job.state in (JobState.FAILED, JobState.SKIPPED):
        return f"The file was left as it is. Try it again with: smolwatch retry {job.id}"
    if job.state is JobState.GONE:
        return "The file was gone before it could be described. Drop it into the inbox again."
    if holder(settings.lock_file) is None:
        return "It waits, and no daemon is running; start it with: smolwatch run"
    if job.state is JobState.QUEUED and engine:
        return f"It waits for the model. {engine}"
    if job.not_before and job.cause is Cause.ENVIRONMENT:
        return f"See to what its reason says; it is tried again by itself after {stamp(job.not_before)}."
    if job.not_before:
        return f"Nothing needs doing: it is tried again after {stamp(job.not_before)}."
    return PATIENCE if job.state is JobState.QUEUED else "Nothing needs doing: it is being worked on."


def words(known: Known, steps: list[Step], advice: str) -> dict[str, Any]:
    refusal = known.refusal
    return path_words(known.path) | present(
        exists=known.look is not None,
        in_inbox=known.inside,
        chain=[present(step=step.name, says=step.says, at=step.at and stamp(step.at)) for step in steps],
        refusal=refusal
        and present(code=refusal.code, reason=refusal.reason, at=stamp(refusal.at), detail=refusal.detail),
        job=known.job and job_words(known.job),
        events=[event_words(event) for event in known.events],
        advice=advice,
    )
