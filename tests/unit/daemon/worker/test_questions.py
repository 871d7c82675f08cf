from __future__ import annotations

import os
from dataclasses import replace

import pytest

from config.recipes import Question, Recipe, load_recipe, load_recipes
from daemon.errors import UnknownRecipeError
from daemon.worker.questions import context_of, filled_recipe, recipe_of
from storage.lifecycle import Cause
from storage.records import Fingerprint, Job, JobSpec
from tests.support.decode_tasks import task_of

NOON = 1_795_521_600_000_000_000  # 2026-11-24, 12:00 UTC


def job_at(path: str, mtime_ns: int = NOON) -> Job:
    job = task_of(1).claim.job
    fingerprint: Fingerprint = replace(job.fingerprint, mtime_ns=mtime_ns)
    return replace(job, path=os.fsencode(path), fingerprint=fingerprint)


def recipe_with(ask: str) -> Recipe:
    question = Question(name="caption", ask=ask, tokens=9)
    about = replace(question, ask=f"Video: {ask}")
    return Recipe(name="mine", version=1, image=(question,), video=(about,), context=("name", "folder", "date"))


def test_a_recipe_without_variables_stays_as_it_is() -> None:
    recipe = load_recipe()
    assert filled_recipe(job_at("/inbox/{name}.png"), recipe) == recipe


def test_name_folder_and_date_are_the_file_s() -> None:
    recipe = recipe_with("{name}, {folder}, {date}, {{name}}")
    filled = filled_recipe(job_at("/inbox/Summer 2026/IMG 1.tar.jpg"), recipe)
    assert filled.image[0].ask == "IMG 1.tar, Summer 2026, 2026-11-24, {name}"
    assert filled.video[0].ask == "Video: IMG 1.tar, Summer 2026, 2026-11-24, {name}"


def test_a_name_that_is_not_utf_8_can_be_asked_about() -> None:
    assert filled_recipe(job_at("/inbox/a\udcff.png"), recipe_with("{name}")).image[0].ask == r"a\xff"


@pytest.mark.parametrize("mtime_ns", [-(2**63), 2**63 - 1])
def test_a_date_that_no_calendar_has_fails_nothing(mtime_ns: int) -> None:
    assert len(context_of(job_at("/inbox/a.png", mtime_ns))["date"]) == 10


def test_a_job_gets_the_recipe_that_it_names() -> None:
    recipes = load_recipes()
    job = replace(job_at("/inbox/a.png"), spec=JobSpec(recipe="alt-text", recipe_digest="d"))
    assert recipe_of(job, recipes) is recipes["alt-text"]


def test_a_job_whose_recipe_is_gone_waits_for_it() -> None:
    job = replace(job_at("/inbox/a.png"), spec=JobSpec(recipe="mine", recipe_digest="d"))
    with pytest.raises(UnknownRecipeError, match="There is no recipe 'mine' any more") as error:
        recipe_of(job, load_recipes())
    assert error.value.cause is Cause.ENVIRONMENT
    assert "recipes.toml" in error.value.advice
