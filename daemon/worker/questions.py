"""A recipe's questions about one file, as the model gets them. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from config.prompt_variables import fill
from config.recipes import Recipe
from daemon.errors import UnknownRecipeError
from storage.json_values import from_mtime_ns
from storage.records import Job


def recipe_of(job: Job, recipes: Mapping[str, Recipe]) -> Recipe:
    """Raises UnknownRecipeError: the job waits until the recipe is back."""
    if job.spec.recipe not in recipes:
        raise UnknownRecipeError(
            f"There is no recipe {job.spec.recipe!r} any more.",
            advice="Put it back into config/recipes.toml, and restart smolwatch.",
        )
    return recipes[job.spec.recipe]


def filled_recipe(job: Job, recipe: Recipe) -> Recipe:
    """The recipe with the file's name, folder and date in place of its variables.

    It is no longer the recipe that is recorded: its digest is another one.
    """
    values = context_of(job)
    return replace(
        recipe,
        image=tuple(replace(question, ask=fill(question.ask, values)) for question in recipe.image),
        video=tuple(replace(question, ask=fill(question.ask, values)) for question in recipe.video),
    )


def context_of(job: Job) -> dict[str, str]:
    """The values of a question's variables: the name without extension, the folder's name, the date (UTC)."""
    folder, name = os.path.split(os.fsdecode(job.path))
    return {
        "name": os.path.splitext(name)[0],
        "folder": os.path.basename(folder),
        "date": from_mtime_ns(job.fingerprint.mtime_ns).date().isoformat(),
    }
