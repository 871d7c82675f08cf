"""The truth about a scene: the shipped recipes' questions, yes or no, and several pictures."""

from __future__ import annotations

import random

import pytest

from config.recipes import load_recipes
from tests.support.demo_world.answers import (
    IMAGE_QUESTIONS,
    VIDEO_QUESTIONS,
    balanced,
    film_answers,
    film_yes_no,
    from_recipes,
    happenings,
    picture_answers,
    picture_yes_no,
)
from tests.support.demo_world.comparisons import Series, with_colours, with_counts, with_differences, with_growth
from tests.support.demo_world.text_questions import KINDS, product, some_question, sum_of_two
from tests.support.demo_world.world import (
    GRADES,
    Film,
    Picture,
    some_blank_film,
    some_eventful_film,
    some_film,
    some_picture,
    some_plain_picture,
)

SEEDS = range(60)
RED = Picture(background="white", colour="red", shape="circle", size="large", count=1)


def test_every_question_of_the_shipped_recipes_has_an_answer_about_every_kind_of_scene() -> None:
    rng = random.Random(2)
    for picture in (some_picture(rng), some_plain_picture(rng), RED):
        assert all(answer for _, answer in from_recipes(IMAGE_QUESTIONS, picture_answers(picture)))
    for film in (some_film(rng), some_eventful_film(rng), some_blank_film(rng)):
        assert all(answer for _, answer in from_recipes(VIDEO_QUESTIONS, film_answers(film)))


def test_the_same_question_has_the_same_answer_in_every_recipe() -> None:
    answers, found = picture_answers(RED), dict[str, str]()
    for recipe in load_recipes().values():
        for question in recipe.image:
            assert found.setdefault(question.ask, answers[question.name]) == answers[question.name]


def test_an_alt_text_is_short_and_avoids_what_its_recipe_avoids() -> None:
    [question] = load_recipes()["alt-text"].image
    for seed in SEEDS:
        text = picture_answers(some_picture(random.Random(seed)))[question.name]
        assert len(text) < 125
        assert not any(words in text.lower() for words in question.avoid)


@pytest.mark.parametrize("seed", SEEDS)
def test_yes_and_no_are_asked_as_often(seed: int) -> None:
    rng = random.Random(seed)
    for found in (picture_yes_no(some_picture(rng)), film_yes_no(some_film(rng))):
        assert [answer for _, answer in balanced(found, rng)] == ["Yes.", "No."]


def test_what_is_said_about_one_circle() -> None:
    truth = dict(picture_yes_no(RED))
    assert truth["Is there a circle?"]
    assert not truth["Is there a star?"]
    assert truth["Is the shape red?"]
    assert not truth["Is the shape at the top?"]


def test_first_and_last_are_the_two_events() -> None:
    film = Film(shape="star", colour="red", background="white", motion="appears", then="moves up")
    answers = dict(happenings(film))
    assert answers["What happens first?"] == "It appears."
    assert answers["What happens last?"] == "It moves up."
    assert answers["How many things happen?"] == "Two."


@pytest.mark.parametrize("seed", SEEDS)
def test_the_picture_with_more_shapes_has_more(seed: int) -> None:
    series = with_counts(random.Random(seed))
    counts = [picture.count for picture in series.pictures]
    assert picture_named(series, series.asked[0][1]).count == max(counts)
    assert picture_named(series, series.asked[1][1]).count == min(counts)


def picture_named(series: Series, answer: str) -> Picture:
    """Of "The second picture."."""
    return series.pictures[["first", "second", "third", "fourth"].index(answer.split()[1])]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_growth_sorts_the_pictures(seed: int) -> None:
    series = with_growth(random.Random(seed))
    order = series.asked[0][1].lower().rstrip(".").split(", ")
    sizes = [GRADES.index(picture_named(series, f"The {name} picture.").size) for name in order]
    assert sizes == sorted(sizes)
    assert len(sizes) == len(series.pictures)


@pytest.mark.parametrize("seed", SEEDS)
def test_only_what_is_named_differs(seed: int) -> None:
    series = with_differences(random.Random(seed))
    one, other = series.pictures
    answer = series.asked[0][1].lower()
    found = {
        "colour": one.colour != other.colour,
        "shape": one.shape != other.shape,
        "size": one.size != other.size,
        "place": (one.column, one.row) != (other.column, other.row),
        "number": one.count != other.count,
        "background": one.background != other.background,
    }
    assert {thing for thing in found if f"the {thing}" in answer} == {thing for thing, is_so in found.items() if is_so}
    assert (answer == "nothing.") == (not any(found.values()))


def test_the_same_colour_is_said_of_pictures_of_one_colour_alone() -> None:
    answers = set()
    for seed in SEEDS:
        series = with_colours(random.Random(seed))
        one_colour = len({picture.colour for picture in series.pictures}) == 1
        answers.add(series.asked[0][1])
        assert series.asked[0][1] == ("Yes." if one_colour else "No.")
    assert answers == {"Yes.", "No."}


def test_sums_and_products_are_right() -> None:
    for seed in SEEDS:
        for ask, sign in ((sum_of_two, "+"), (product, "x")):
            question, answer = ask(random.Random(seed))
            one, other = question.removeprefix("What is ").rstrip("?").split(f" {sign} ")
            truth = int(one) + int(other) if sign == "+" else int(one) * int(other)
            assert answer == f"{truth}."


def test_there_are_a_dozen_kinds_of_questions_without_a_picture_and_each_has_one_answer() -> None:
    assert len(KINDS) >= 12
    answers: dict[str, str] = {}
    for seed in range(2000):
        question, answer = some_question(random.Random(seed))
        assert answers.setdefault(question, answer) == answer
