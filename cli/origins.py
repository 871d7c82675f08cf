"""Descriptions of mixed origin in one library, as sentences with what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from config.settings import Settings
from storage.description import ModelFacts
from storage.library import Library
from storage.records import Job


def known_origin(model: ModelFacts) -> str:
    """ "weights 3f9c1a2b4d5e, control tiles 9a8b7c6d"; "" if nothing is known."""
    parts = {"weights": model.weights, "control tiles": model.control}
    return ", ".join(f"{name} {digest}" for name, digest in parts.items() if digest)


def own_difference(model: ModelFacts, job: Job, library: Library, settings: Settings) -> str | None:
    """That this file's description has another origin than the newest by the same model; None if it has the same."""
    latest = library.newest_origin(model.id)
    difference = latest and model.origin.difference(latest)
    if not difference:
        return None
    recipe = job.spec.recipe
    options = "" if recipe in chosen_recipes(settings) else f" --recipe {recipe}"
    return (
        f"other {difference} than of the newest description by this model. "
        f"To describe the file again: smolwatch redo {job.id}{options}"
    )


def mixed_line(mixed: Mapping[str, Any], settings: Settings) -> str:
    """The same for the library: how many descriptions by a model, as `status` stores it."""
    chosen, count = chosen_recipes(settings), mixed["count"]
    others = [f"smolwatch redo --changed --recipe {name}" for name in mixed["recipes"] if name not in chosen]
    commands = others if len(others) == len(mixed["recipes"]) else ["smolwatch redo --changed", *others]
    have = "has" if count == 1 else "have"
    return (
        f"{count:,} of {mixed['total']:,} descriptions by {mixed['model']} {have} other "
        f"{' and '.join(mixed['differences'])} than the newest. To describe again: {' and '.join(commands)}"
    )


def chosen_recipes(settings: Settings) -> Collection[str]:
    """Those that `smolwatch redo` uses by itself."""
    rules = (rule.recipe for inbox in settings.inboxes for rule in inbox.folder)
    return {settings.recipe, *(inbox.recipe for inbox in settings.inboxes), *rules}
