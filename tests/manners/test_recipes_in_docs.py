"""docs/recipes.md has every shipped recipe, with its real prompts and an example of its answers."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import smolwatch
from config.recipe_tables import QuestionTable, RecipeTable, check_recipes
from config.recipes import load_recipe, load_recipes
from tests.support.checkout import pages

PAGE = pages()["docs/recipes.md"]
#: ### name, and below it a block of prompts and one of JSON.
SECTION = re.compile(r"^### ([a-z-]+)\n.*?^```\n(.*?)^```\n\n^```json\n(.*?)^```\n", re.M | re.S)
SECTIONS = {name: (prompts, example) for name, prompts, example in SECTION.findall(PAGE)}


def test_every_shipped_recipe_has_a_section_in_the_order_of_the_list() -> None:
    assert list(SECTIONS) == list(load_recipes())


@pytest.mark.parametrize("name", load_recipes())
def test_the_prompts_are_those_that_the_command_shows(tmp_path: Path, name: str) -> None:
    shown = CliRunner().invoke(smolwatch, ["--home", str(tmp_path), "recipes", name]).stdout
    assert SECTIONS[name][0] == re.sub(r"^digest .*\n", "", shown, flags=re.M)


@pytest.mark.parametrize("name", load_recipes())
def test_the_example_has_the_recipes_answers(name: str) -> None:
    answers = json.loads(SECTIONS[name][1])["answers"]
    assert list(answers) == [question.name for question in load_recipe(name).image]


def test_the_example_of_an_own_recipe_is_valid_and_every_key_is_explained() -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
    assert check_recipes(example)[1] == []
    assert list(tomllib.loads(example)) == ["catalogue"]
    explained = {key for row in re.findall(r"^\| (`.+?) \|", PAGE, re.M) for key in re.findall(r"`(\w+)`", row)}
    assert {*RecipeTable.model_fields, *QuestionTable.model_fields} <= explained
