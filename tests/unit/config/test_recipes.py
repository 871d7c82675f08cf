from __future__ import annotations

from dataclasses import replace

import pytest

from config.errors import ConfigError
from config.recipes import load_recipe


def test_the_default_recipe_asks_for_a_caption_and_a_summary_of_pictures_and_videos() -> None:
    recipe = load_recipe()
    assert [question.name for question in recipe.image] == ["caption", "summary"]
    assert [question.name for question in recipe.video] == ["caption", "summary"]
    assert all(question.tokens > 0 for question in recipe.image + recipe.video)


def test_the_digest_changes_with_anything_that_is_asked_and_with_nothing_else() -> None:
    recipe = load_recipe()
    louder = replace(recipe.image[0], ask="Describe this image in one loud sentence.")
    assert replace(recipe, image=(louder, *recipe.image[1:])).digest != recipe.digest
    assert load_recipe().digest == recipe.digest


def test_a_recipe_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(ConfigError) as raised:
        load_recipe("short")
    assert "'short'" in str(raised.value)
    assert "default" in raised.value.advice
