"""`smolwatch redo`: describe described files again, by any recipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click

from cli.lookup import open_library, resolve_job
from cli.options import choices, json_option
from cli.render import say, say_json
from cli.times import MINUTE, duration, rate_per_minute, utc_now
from config.groups import Detail
from config.load import load_settings
from config.recipes import Recipe, find_recipe, load_recipes
from config.settings import Settings
from daemon.intake.watched_inboxes import inboxes_of
from storage.json_values import omit_missing
from storage.library import Library
from storage.records import AnswerKey, Job, JobSpec

#: The rate is that of so many minutes: longer ones hold times without work.
RATE_WINDOW = timedelta(minutes=5)


@click.command(short_help="Describe described files again, by the same or another recipe.")
@click.argument("what", metavar="[ID|PATH]...", nargs=-1)
@click.option("--recipe", "name", metavar="NAME", help="The recipe; by default that of the file's inbox.")
@click.option("--model", metavar="ID|FOLDER|demo", help="The model; by default that of the settings.")
@click.option("--detail", type=choices("detail"), help="How finely pictures are cut; by default as in the inbox.")
@click.option(
    "--changed",
    is_flag=True,
    help="Only files that this recipe, as it is now, the model, its present weights and detail have not described.",
)
@click.option("--yes", is_flag=True, help="Do not ask before files are queued.")
@json_option
@click.pass_obj
def command(
    home: Path | None,
    what: tuple[str, ...],
    name: str | None,
    model: str | None,
    detail: Detail | None,
    changed: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Describe described files again: all of them, or those that are given, also as folders.

    How many files that are, and about how long it takes, is printed first; a terminal is asked before they are queued.
    They are described after new files. Descriptions by other recipes stay, and so does what you wrote in a sidecar.
    """
    from cli.daemon_commands import warn_without_daemon
    from daemon.inference.registry import check_weights, model_key
    from daemon.inference.weights.sources import absolute_name

    settings = load_settings(home=home)
    model = absolute_name(model) if model else None
    with_model = settings.with_model(model)
    if model:
        check_weights(with_model)
    request = Request(settings, load_recipes(settings.home), name, model, detail)
    key = model_key(with_model) if changed else ""
    with open_library(settings) as library:
        asked = {spec: request.describable(spec, library, key) for spec in request.specs()}
        asked = {spec: chosen(jobs, what, library, settings) for spec, jobs in asked.items()} if what else asked
        asked = {spec: jobs for spec, jobs in asked.items() if jobs}
        jobs = [job for of_spec in asked.values() for job in of_spec]
        seconds = seconds_for(jobs, library)
    recipe = ", ".join(dict.fromkeys(spec.recipe for spec in asked or request.specs()))
    if not as_json:
        say(announcement(len(jobs), recipe, seconds))
    if jobs and not (yes or as_json) and is_interactive() and not click.confirm("Queue them?", default=True):
        return 1
    queued = queue(asked, settings) if jobs else 0
    if as_json:
        rounded = None if seconds is None else round(seconds)
        say_json({"recipe": recipe, "count": len(jobs), "queued": queued} | omit_missing(seconds=rounded))
    elif jobs:
        say(f"Queued: {queued:,}")
    if jobs:
        warn_without_daemon(settings)
    return 0


@dataclass(frozen=True)
class Request:
    """What is asked about each file: by the named recipe and detail, else by those of its inbox and folder.

    `model`: None is the settings' own.
    """

    settings: Settings
    recipes: Mapping[str, Recipe]
    recipe: str | None
    model: str | None
    detail: Detail | None

    def specs(self) -> list[JobSpec]:
        """All that may be asked, each once. Raises ConfigError for an unknown recipe."""
        chosen: list[tuple[str, Detail | None]] = [(self.settings.recipe, None)]
        for inbox in self.settings.inboxes:
            chosen += [(name, inbox.detail) for name in (inbox.recipe, *(rule.recipe for rule in inbox.folder))]
        return list(dict.fromkeys(self.spec_by(name, detail) for name, detail in chosen))

    def spec_by(self, recipe: str, detail: Detail | None) -> JobSpec:
        found = find_recipe(self.recipe or recipe, self.recipes)
        return JobSpec(recipe=found.name, recipe_digest=found.digest, detail=self.detail or detail, model=self.model)

    def describable(self, spec: JobSpec, library: Library, key: str) -> list[Job]:
        """The described files that are asked this. `key`: those without such a description by this model; "": all."""
        answer_key = AnswerKey(model=key, recipe=spec.recipe_digest, detail=spec.detail or self.settings.model.detail)
        inboxes = inboxes_of(self.settings)

        def is_asked(path: bytes) -> bool:
            inbox = inboxes.of(path)
            chosen = (inbox.recipe_of(path), inbox.settings.detail) if inbox else (self.settings.recipe, None)
            return self.spec_by(*chosen) == spec

        return [job for job in library.describable(spec, changed_for=answer_key if key else None) if is_asked(job.path)]


def is_interactive() -> bool:
    return sys.stdin.isatty()


def chosen(jobs: Collection[Job], what: Collection[str], library: Library, settings: Settings) -> list[Job]:
    """Those of the jobs whose file was given, or lies in a given folder. Raises NotFoundError for an unknown file."""
    folders = tuple(os.fsencode(Path(text).resolve()) + b"/" for text in what if Path(text).is_dir())
    files = {resolve_job(text, library, settings, command="redo").path for text in what if not Path(text).is_dir()}
    return [job for job in jobs if job.path in files or job.path.startswith(folders)]


def seconds_for(jobs: Collection[Job], library: Library) -> float | None:
    """About how long these files take at the present rate, else at that of the last descriptions; None: unknown."""
    now = utc_now()
    per_minute = rate_per_minute(library.finish_times(now - RATE_WINDOW), now)
    if per_minute:
        return len(jobs) * MINUTE / per_minute
    each = library.speed()["seconds"]
    return sum(each.get(job.kind, max(each.values())) for job in jobs) if each else None


def announcement(count: int, recipe: str, seconds: float | None) -> str:
    if not count:
        return f"No described file is to be described again by recipe {recipe}."
    files = "1 file" if count == 1 else f"{count:,} files"
    time = "how long it takes is not known yet" if seconds is None else f"about {duration(seconds)} at today's rate"
    return f"{files} to describe again by recipe {recipe}: {time}."


def queue(asked: Mapping[JobSpec, Collection[Job]], settings: Settings) -> int:
    """Returns how many were queued: a file that changed meanwhile, or waits by now, is left out.

    Not as a command to the daemon: the list can be long, and the daemon finds waiting jobs by itself.
    """
    from daemon.clock import SystemClock
    from storage.db.database import open_database
    from storage.jobs.store import JobStore

    database = open_database(settings.database_place)
    try:
        store = JobStore(database, SystemClock().now)
        return sum(store.describe_again([job.id for job in jobs], spec) for spec, jobs in asked.items())
    finally:
        database.close()
