"""`smolwatch show`: one file's job, description and statistics."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.lookup import open_library, resolve_job
from cli.options import json_option
from cli.origins import known_origin, own_difference
from cli.render import gone_since, job_json, path_json, safe_path, say, say_facts, say_json, say_table, size
from cli.times import both, utc_now
from config.load import load_settings
from config.safe_text import safe_text
from daemon.intake.watched_inboxes import inboxes_of
from storage.description import Description
from storage.lifecycle import JobState
from storage.quality import to_text
from storage.records import Job
from storage.sidecars.presence import existing_sidecars


@click.command(short_help="Show one file's description and statistics.")
@click.argument("what", metavar="ID|PATH")
@json_option
@click.pass_obj
def command(home: Path | None, what: str, as_json: bool) -> None:
    """Show one file: its description, which model wrote it, and how long that took.

    A file can be given by its job number, name, path (also below the inbox) or sidecar.
    """
    settings = load_settings(home=home)
    with open_library(settings) as library:
        job = resolve_job(what, library, settings, command="show")
        description = library.description(job.id)
        difference = own_difference(description.model, job, library, settings) if description else None
        others = [other.path for other in library.set_aside([job.path]) if os.path.lexists(other.path)]
    sidecars = existing_sidecars(job.path, settings.sidecar_folder, inboxes_of(settings).places_of(job.path))
    if as_json:
        record = description.record() if description else {}
        say_json(
            record | {"job": job_json(job)} | places_json("sidecars", sidecars) | places_json("live_photo", others)
        )
        return
    halves = (("other half", f"{safe_path(other)} (a Live Photo: both are described as one)") for other in others)
    say_facts((*job_facts(job, utc_now()), *halves, *(("sidecar", safe_path(place)) for place in sidecars)))
    if description:
        say_description(description)
        if difference:
            say_facts([("origin", safe_text(difference))])


def job_facts(job: Job, now: datetime) -> Iterator[tuple[str, str]]:
    yield "file", safe_path(job.path)
    yield "job", f"{job.id}, {job.state}, attempt {job.attempts} of {job.max_attempts}"
    yield "queued", both(job.queued_at, now)
    if job.finished_at:
        yield "finished", both(job.finished_at, now)
    if job.missing_since:
        yield "the file", gone_since(job.missing_since, now, is_done=job.state is JobState.DONE)
    if job.not_before and not job.state.is_final():
        yield "next try", both(job.not_before, now)
    if job.reason:
        yield "reason", safe_text(f"{job.reason} ({job.reason_code})" if job.reason_code else job.reason)


def places_json(key: str, places: list[bytes]) -> dict[str, Any]:
    return {key: [path_json(place) for place in places]} if places else {}


def say_description(description: Description) -> None:
    for name, text in description.answers.items():
        say(f"\n{safe_text(name)}")
        for line in text.split("\n"):  # the text of a document has several
            say(f"  {safe_text(line)}")
    for saved in description.asked:
        say(f"\nasked: {safe_text(saved.question)}")
        for line in saved.answer.split("\n"):
            say(f"  {safe_text(line)}")
    if description.timeline:
        say()
        rows = [(f"{part.start:.1f}", f"{part.end:.1f}", safe_text(part.text)) for part in description.timeline]
        say_table(("from (s)", "to (s)", "what happens"), rows)
    say()
    say_facts(figures(description))


def figures(description: Description) -> Iterator[tuple[str, str]]:
    media, model, stats = description.media, description.model, description.stats
    length = "" if media.seconds is None else f", {media.seconds:.1f} s, {media.frames_seen} frames seen"
    yield "media", safe_text(f"{media.kind}, {media.format}, {media.width}x{media.height}{length}")
    yield "model", safe_text(f"{model.id} @ {model.revision}")
    yield "ran as", safe_text(f"{model.engine} on {model.device}, {model.dtype}, {model.detail} detail")
    if origin := known_origin(model):
        yield "by", safe_text(origin)
    yield "seconds", safe_text(", ".join(f"{phase} {value:.2f}" for phase, value in stats.seconds.items()))
    yield "tokens", f"{stats.tokens_in} in, {stats.tokens_out} out, {stats.tokens_per_second:.1f} a second"
    yield "memory", f"{size(stats.peak_memory_bytes)} at most"
    if description.quality.verdict != "ok":
        yield "quality", safe_text(to_text(description.quality))
