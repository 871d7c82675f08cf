from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.recipe_tables import KINDS
from config.recipes import SHIPPED, Question, Recipe, Sampling, caption_wordings, load_recipe, load_recipes

SHIPPED_NAMES = ["default", "brief", "alt-text", "document", "educational", "creative", "accessibility"]
OWN = """\
[mine]
version = 3
description = "short"
system = "Be brief."
context = ["folder"]
[mine.image]
mood = { ask = "What mood has this picture from {folder}?", tokens = 20 }
[mine.video]
mood = { ask = "What mood has this video?", tokens = 20, sampling = { repetition_penalty = 1.2 } }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path


def write_own(home: Path, text: str) -> Path:
    file = home / "config" / "recipes.toml"
    file.write_text(text, encoding="utf-8")
    return file


def names(questions: tuple[Question, ...]) -> list[str]:
    return [question.name for question in questions]


def test_the_default_recipe_asks_for_a_caption_and_a_summary_of_pictures_and_videos() -> None:
    recipe = load_recipe()
    assert names(recipe.image) == ["caption", "summary"]
    assert names(recipe.video) == ["caption", "summary"]
    assert all(question.tokens > 0 for question in recipe.image + recipe.video)


def test_the_brief_recipe_asks_for_a_caption_alone() -> None:
    brief = load_recipe("brief")
    assert names(brief.image + brief.video) == ["caption", "caption"]
    assert all("one or two sentences" in question.ask for question in brief.image + brief.video)
    assert (brief.name, brief.digest == load_recipe().digest) == ("brief", False)


@pytest.mark.parametrize(("name", "digest"), [("default", "a1755a8c5814cd2c"), ("brief", "2cc2f46681c94d73")])
def test_the_first_two_recipes_keep_their_digests(name: str, digest: str) -> None:
    """Descriptions are found by it: with another digest, everything would be described again."""
    assert load_recipe(name).digest == digest


def test_every_shipped_recipe_has_a_description_and_questions_of_both_kinds() -> None:
    recipes = load_recipes()
    assert list(recipes) == SHIPPED_NAMES
    for recipe in recipes.values():
        assert recipe.description
        assert recipe.is_shipped
        assert not recipe.context, "the model copies hints"
        assert recipe.image
        assert recipe.video
    assert len({recipe.digest for recipe in recipes.values()}) == len(recipes)


def test_alt_text_is_one_sentence_of_at_most_125_characters_and_no_image_of_something() -> None:
    for recipe, count in (("alt-text", 1), ("accessibility", 4)):
        found = load_recipe(recipe)
        assert (len(found.image), len(found.video)) == (count, count)
        for question in (found.image[0], found.video[0]):
            assert (question.name, question.max_characters) == ("alt_text", 125)
            assert "one sentence" in question.ask
        assert "image of" in found.image[0].avoid


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


def test_the_digest_changes_with_anything_that_is_asked_or_checked() -> None:
    recipe = load_recipe()
    first, rest = recipe.image[0], recipe.image[1:]
    changed: list[Recipe] = [
        replace(recipe, system="Be brief."),
        replace(recipe, context=("name",)),
        replace(recipe, version=2),
        *(
            replace(recipe, image=(question, *rest))
            for question in (
                replace(first, ask="Describe this image in one loud sentence."),
                replace(first, tokens=65),
                replace(first, name="title"),
                replace(first, sampling=Sampling(repetition_penalty=1.1)),
                replace(first, max_characters=125),
                replace(first, avoid=("image of",)),
            )
        ),
    ]
    assert len({each.digest for each in (recipe, *changed)}) == len(changed) + 1


def test_the_digest_does_not_change_with_what_is_for_people() -> None:
    recipe = load_recipe()
    same = replace(recipe, description="other", file=Path("elsewhere"))
    assert same.digest == recipe.digest == load_recipe().digest


def test_a_recipe_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(ConfigError) as raised:
        load_recipe("short")
    assert str(raised.value) == "There is no recipe 'short'."
    assert "default, brief" in raised.value.advice


def test_a_misspelt_recipe_is_answered_with_the_nearest(home: Path) -> None:
    write_own(home, OWN)
    for name, near in (("alt_text", "alt-text"), ("acessibility", "accessibility"), ("mines", "mine")):
        with pytest.raises(ConfigError, match=f"Did you mean {near}\\?"):
            load_recipe(name, home)


def test_a_homes_own_recipe_is_added_to_the_shipped_ones(home: Path) -> None:
    file = write_own(home, OWN)
    assert list(load_recipes(home)) == [*SHIPPED_NAMES, "mine"]
    mine = load_recipe("mine", home)
    assert mine == Recipe(
        name="mine",
        version=3,
        description="short",
        system="Be brief.",
        context=("folder",),
        image=(Question(name="mood", ask="What mood has this picture from {folder}?", tokens=20),),
        video=(
            Question(
                name="mood", ask="What mood has this video?", tokens=20, sampling=Sampling(repetition_penalty=1.2)
            ),
        ),
        file=file,
    )
    assert not mine.is_shipped
    assert [mine.image[0].heading, mine.video[0].heading] == ["Mood", "Mood"]
    assert mine.questions(is_video=True) == mine.video


def test_a_homes_own_recipe_replaces_the_shipped_one_of_its_name(home: Path) -> None:
    write_own(home, OWN.replace("mine", "brief"))
    assert list(load_recipes(home)) == SHIPPED_NAMES
    assert names(load_recipe("brief", home).image) == ["mood"]
    assert load_recipe("brief", home).digest != load_recipe("brief").digest


def test_answers_depend_on_context_only_where_a_question_holds_a_variable(home: Path) -> None:
    write_own(home, OWN)
    assert load_recipe("mine", home).uses_context
    write_own(home, OWN.replace("{folder}", "{{folder}}"))
    assert not load_recipe("mine", home).uses_context


def test_a_home_without_a_file_has_the_shipped_recipes(home: Path) -> None:
    assert load_recipes(home) == load_recipes()


def test_the_checkout_as_home_has_each_recipe_once_and_as_shipped() -> None:
    assert all(recipe.is_shipped for recipe in load_recipes(SHIPPED.parents[1]).values())


def test_all_mistakes_of_the_homes_file_are_reported_with_file_and_line(home: Path) -> None:
    file = write_own(home, OWN.replace("tokens = 20", "tokens = 0").replace("version = 3", 'version = "3"'))
    with pytest.raises(ConfigError) as raised:
        load_recipe("default", home)
    assert raised.value.exit_code == 78
    assert str(raised.value).splitlines() == [
        "The recipes are not valid:",
        f"  {file}, line 2: mine.version: should be a valid integer",
        f"  {file}, line 7: mine.image.mood.tokens: should be greater than or equal to 1",
        f"  {file}, line 9: mine.video.mood.tokens: should be greater than or equal to 1",
    ]
    assert raised.value.advice


@pytest.mark.parametrize("content", [b"\xff", b"[mine", b"[mine]\nx = 1\nx = 2"])
def test_a_file_that_is_no_toml_is_an_error_that_names_it(home: Path, content: bytes) -> None:
    file = home / "config" / "recipes.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load_recipes(home)
    assert str(file) in str(raised.value)


def test_a_folder_in_place_of_the_file_is_an_error_that_names_it(home: Path) -> None:
    (home / "config" / "recipes.toml").mkdir()
    with pytest.raises(ConfigError, match=r"recipes\.toml"):
        load_recipes(home)


def test_the_tables_of_questions_are_the_recipes_fields() -> None:
    assert set(KINDS) <= set(Recipe.__dataclass_fields__)
