from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.recipes import load_recipe, load_recipes
from tests.unit.cli.conftest import CliHome

OWN = """\
recipe = "mine"
[mine]
version = 2
description = "the mood of it"
system = "Be brief."
context = ["folder"]
[mine.image]
mood = { ask = "Which {{mood}} has {folder}?", tokens = 20, max_characters = 40, avoid = ["mood"] }
[mine.video]
mood = { ask = "Which mood?", tokens = 20, sampling = { repetition_penalty = 1.25 } }
"""


@pytest.fixture
def own(home: CliHome) -> Path:
    """The home's own recipes, and "mine" chosen."""
    choice, recipe = OWN.split("\n", 1)
    home.settings.config_file.write_text(choice, encoding="utf-8")
    file = home.settings.config_file.with_name("recipes.toml")
    file.write_text(recipe, encoding="utf-8")
    return file


def test_every_recipe_is_listed_with_its_questions_and_the_chosen_one_is_marked(home: CliHome) -> None:
    result = home.invoke("recipes")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "* default        a caption and a summary",
        "                 pictures  caption, summary",
        "                 videos    caption, summary",
        "                 from      shipped",
    ]
    assert [line[2:].split()[0] for line in lines if line[2:3].strip()][: len(load_recipes())] == list(load_recipes())
    assert max(map(len, lines)) <= 110


def test_a_homes_own_recipe_is_listed_with_its_file(home: CliHome, own: Path) -> None:
    lines = home.invoke("recipes").stdout.splitlines()
    place = lines.index("* mine           the mood of it")
    assert lines[place + 3] == f"                 from      {own}"
    assert "  default        a caption and a summary" in lines


def test_a_recipes_prompts_are_shown_whole(home: CliHome, own: Path) -> None:
    lines = home.invoke("recipes", "mine").stdout.splitlines()
    digest = load_recipe("mine", home.settings.home).digest
    assert lines == [
        "recipe   mine, version 2",
        f"digest   {digest}",
        "for      the mood of it",
        "context  folder",
        f"from     {own}",
        "",
        "Pictures",
        "  mood: at most 20 tokens, at most 40 characters, not to begin with 'mood'",
        "    <|im_start|>System: Be brief.<end_of_utterance>",
        "    User:[picture]Which {mood} has {folder}?<end_of_utterance>",
        "    Assistant:",
        "",
        "Videos",
        "  mood: at most 20 tokens, repetition penalty 1.25",
        "    <|im_start|>System: Be brief.<end_of_utterance>",
        "    User: [video]Which mood?<end_of_utterance>",
        "    Assistant:",
    ]


def test_the_document_holds_all_recipes_or_the_named_one(home: CliHome, own: Path) -> None:
    listed = json.loads(home.invoke("recipes", "--json").stdout)
    assert [recipe["name"] for recipe in listed] == [*load_recipes(), "mine"]
    assert [recipe["name"] for recipe in listed if recipe["chosen"]] == ["mine"]
    assert [recipe["source"] for recipe in listed] == ["shipped"] * len(load_recipes()) + [str(own)]
    mine = json.loads(home.invoke("recipes", "mine", "--json").stdout)
    assert mine == listed[-1]
    assert (mine["system"], mine["context"], mine["version"]) == ("Be brief.", ["folder"], 2)
    assert mine["image"] == [
        {
            "name": "mood",
            "heading": "Mood",
            "tokens": 20,
            "repetition_penalty": 1.0,
            "max_characters": 40,
            "avoid": ["mood"],
            "prompt": "<|im_start|>System: Be brief.<end_of_utterance>\n"
            "User:[picture]Which {mood} has {folder}?<end_of_utterance>\nAssistant:",
        }
    ]


def test_a_name_that_is_no_recipe_is_answered_with_the_nearest(home: CliHome) -> None:
    result = home.invoke("recipes", "alttext", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "error": "There is no recipe 'alttext'. Did you mean alt-text?",
        "advice": f"Choose one of: {', '.join(load_recipes())}",
        "exit_code": 3,
    }


def test_mistakes_in_the_homes_recipes_end_the_command_with_all_of_them(home: CliHome, own: Path) -> None:
    own.write_text(own.read_text(encoding="utf-8").replace("tokens = 20", "tokens = 0"), encoding="utf-8")
    result = home.invoke("recipes")
    assert result.exit_code == 78
    assert result.stderr.count("tokens: should be greater than or equal to 1") == 2
    assert f"{own}, line 7: mine.image.mood.tokens" in result.stderr
