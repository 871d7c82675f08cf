from __future__ import annotations

from dataclasses import replace

import pytest

from config.errors import ConfigError
from config.recipes import caption_wordings, load_recipe


def test_the_default_recipe_asks_for_a_caption_and_a_summary_of_pictures_and_videos() -> None:
    recipe = load_recipe()
    assert [question.name for question in recipe.image] == ["caption", "summary"]
    assert [question.name for question in recipe.video] == ["caption", "summary"]
    assert all(question.tokens > 0 for question in recipe.image + recipe.video)


def test_the_brief_recipe_asks_for_a_caption_alone() -> None:
    brief = load_recipe("brief")
    assert [question.name for question in brief.image + brief.video] == ["caption", "caption"]
    assert all("one or two sentences" in question.ask for question in brief.image + brief.video)
    assert (brief.name, brief.digest == load_recipe().digest) == ("brief", False)


def test_three_wordings_of_a_caption_wait_to_be_compared_and_todays_is_one() -> None:
    wordings = caption_wordings()
    assert [wording.ask for wording in wordings.values()] == [
        "Describe this image in one sentence.",
        "Describe this image in one or two sentences.",
        "Give a brief description of this image.",
    ]
    assert wordings["default"] == load_recipe().image[0]
    assert wordings["one_or_two"] == load_recipe("brief").image[0]
    assert {wording.name for wording in wordings.values()} == {"caption"}


def test_the_digest_changes_with_anything_that_is_asked_and_with_nothing_else() -> None:
    recipe = load_recipe()
    louder = replace(recipe.image[0], ask="Describe this image in one loud sentence.")
    assert replace(recipe, image=(louder, *recipe.image[1:])).digest != recipe.digest
    assert load_recipe().digest == recipe.digest


def test_a_recipe_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(ConfigError) as raised:
        load_recipe("short")
    assert "'short'" in str(raised.value)
    assert "default, brief" in raised.value.advice
