from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.recipe_tables import check_recipes, heading_of

GOOD = """\
[mine]
version = 1
[mine.image]
caption = { ask = "What is it?", tokens = 9 }
[mine.video]
caption = { ask = "What is it?", tokens = 9 }
"""


def mistakes_of(text: str) -> list[str]:
    recipes, mistakes = check_recipes(text)
    assert not (recipes and mistakes)
    return mistakes


def changed(before: str, after: str) -> list[str]:
    assert before in GOOD
    return mistakes_of(GOOD.replace(before, after, 1))


def question(**keys: object) -> list[str]:
    """The mistakes of a recipe whose question about pictures has these keys too."""
    more = "".join(f", {key} = {json.dumps(value)}" for key, value in keys.items())
    return changed("tokens = 9 }", f"tokens = 9{more} }}")


def test_a_good_recipe_has_no_mistakes() -> None:
    recipes, mistakes = check_recipes(GOOD)
    assert (list(recipes), mistakes) == (["mine"], [])


def test_all_mistakes_are_reported_at_once_each_with_its_line() -> None:
    text = """\
top = 1
[Mine]
version = 0
descripton = "x"
[Mine.image]
Caption = { ask = "What is {person}?", tokens = "9" }
figures = { ask = "", tokens = 9 }
[mine]
[mine.image.caption]
tokens = 99999
sampling.min_p = 0.1
"""
    assert mistakes_of(text) == [
        "line 1: top: must be a table",
        'line 2: Mine: a recipe\'s name has lower-case letters, digits and single dashes, as in "my-recipe"',
        "line 2: Mine.video: is missing",
        "line 3: Mine.version: should be greater than or equal to 1",
        "line 4: Mine.descripton: no such key; did you mean description?",
        'line 6: Mine.image.Caption: an answer\'s name has lower-case letters, digits and "_", as in "alt_text"',
        "line 6: Mine.image.Caption.ask: {person} is none of {name}, {folder}, {date}; write {{ and }} for braces",
        "line 6: Mine.image.Caption.tokens: should be a valid integer",
        'line 7: Mine.image.figures: the heading "Figures" is taken by another part of the description',
        "line 7: Mine.image.figures.ask: is empty",
        "line 8: mine.version: is missing",
        "line 8: mine.video: is missing",
        "line 9: mine.image.caption.ask: is missing",
        "line 10: mine.image.caption.tokens: should be less than or equal to 2048",
        "line 11: mine.image.caption.sampling.min_p: not supported; sampling supports "
        "repetition_penalty, temperature, top_k, top_p, seed",
    ]


def sampled(keys: str) -> list[str]:
    return changed("tokens = 9 }", f"tokens = 9, sampling = {{ {keys} }} }}")


def test_sampling_that_the_engine_lacks_is_refused_by_name() -> None:
    (mistake,) = sampled("num_beams = 2")
    assert mistake == (
        "line 4: mine.image.caption.sampling.num_beams: not supported; sampling supports "
        "repetition_penalty, temperature, top_k, top_p, seed"
    )


@pytest.mark.parametrize(
    "keys",
    ["temperature = 0", "temperature = 0.7", "temperature = 1, top_k = 1, top_p = 0.01, seed = 0", "temperature = 2.0"],
)
def test_a_question_may_be_sampled(keys: str) -> None:
    assert sampled(keys) == []


@pytest.mark.parametrize(
    "keys",
    ["temperature = -0.1", "temperature = 2.1", "temperature = nan", 'temperature = "1"']
    + [f"temperature = 1, {odd}" for odd in ("top_k = 0", "top_k = 1.5", "top_p = 0", "top_p = 1.1", "seed = -1")],
)
def test_odd_sampling_is_refused(keys: str) -> None:
    assert len(sampled(keys)) == 1


@pytest.mark.parametrize("keys", ["top_k = 5", "top_p = 0.9", "seed = 3, temperature = 0"])
def test_keys_that_need_a_temperature_are_refused_without_one(keys: str) -> None:
    (mistake,) = sampled(keys)
    reason = f"needs a temperature above 0, since it has {keys.split()[0]}"
    assert mistake == f"line 4: mine.image.caption.sampling: {reason}"


@pytest.mark.parametrize("value", ["1", "1.1", "2.0"])
def test_a_repetition_penalty_is_allowed(value: str) -> None:
    assert changed("tokens = 9 }", f"tokens = 9, sampling = {{ repetition_penalty = {value} }} }}") == []


@pytest.mark.parametrize("value", ["0.9", "2.1", "nan", "inf", '"1.1"', "true"])
def test_an_odd_repetition_penalty_is_refused(value: str) -> None:
    assert len(changed("tokens = 9 }", f"tokens = 9, sampling = {{ repetition_penalty = {value} }} }}")) == 1


@pytest.mark.parametrize("context", ["true", '["name"]', '["date", "name"]'])
def test_a_question_may_hold_the_variables_that_its_recipe_allows(context: str) -> None:
    text = GOOD.replace("What is it?", "What is {name}?").replace("version = 1", f"version = 1\ncontext = {context}")
    assert mistakes_of(text) == []


@pytest.mark.parametrize("context", ["false", "[]", '["date"]'])
def test_a_question_may_hold_no_others(context: str) -> None:
    text = GOOD.replace("What is it?", "What is {name}?").replace("version = 1", f"version = 1\ncontext = {context}")
    assert mistakes_of(text) == [
        f'line {line}: mine.{kind}.caption.ask: {{name}} needs context = ["name"] in the recipe'
        for line, kind in ((5, "image"), (7, "video"))
    ]


@pytest.mark.parametrize("context", ['"name"', "1", '["place"]', "[1]", "[[]]", "{}"])
def test_a_context_that_is_neither_true_nor_false_nor_a_list_of_variables_is_refused(context: str) -> None:
    (mistake,) = changed("version = 1", f"version = 1\ncontext = {context}")
    assert mistake == "line 3: mine.context: must be true, false or a list of name, folder, date"


@pytest.mark.parametrize("token", ["<image>", "<|im_start|>", "<end_of_utterance>", "<row_1_col_1>", "</s>"])
def test_special_tokens_are_refused_in_every_part_of_the_prompt(token: str) -> None:
    reason = f"holds {token}, a special token of the model"
    assert changed("What is it?", token) == [f"line 4: mine.image.caption.ask: {reason}"]
    assert changed("version = 1", f'version = 1\nsystem = "x {token}"') == [f"line 3: mine.system: {reason}"]


@pytest.mark.parametrize("name", ["Caption", "alt-text", "1st", '"a b"', "über", "_x", '""', "image", "video"])
def test_a_name_that_cannot_be_an_answers_key_is_refused(name: str) -> None:
    quoted = name if name.isascii() else f'"{name}"'
    (mistake,) = changed("caption = ", f"{quoted} = ")
    assert mistake.startswith(f"line 4: mine.image.{name.strip(chr(34))}: ")


def test_two_answers_with_one_heading_and_headings_of_other_parts_are_refused() -> None:
    more = '{} = {{ ask = "What?", tokens = 9 }}\n[mine.video]'
    assert changed("[mine.video]", more.format("caption_")) == [
        'line 5: mine.image.caption_: the heading "Caption" is also that of caption'
    ]
    for name in ("timeline", "figures", "since_your_words_were_written"):
        (mistake,) = changed("[mine.video]", more.format(name))
        assert mistake.endswith("is taken by another part of the description")


@pytest.mark.parametrize("rule", [{"max_characters": 0}, {"max_characters": "1"}, {"avoid": []}, {"avoid": [1]}])
def test_odd_rules_for_an_answer_are_refused(rule: Mapping[str, object]) -> None:
    assert len(question(**rule)) == 1


def test_a_recipe_needs_questions_about_both_kinds() -> None:
    assert mistakes_of("[mine]\nversion = 1\n[mine.image]\n[mine.video]\n") == [
        "line 3: mine.image: Dictionary should have at least 1 item after validation, not 0",
        "line 4: mine.video: Dictionary should have at least 1 item after validation, not 0",
    ]


def test_a_broken_file_is_explained_with_its_line() -> None:
    assert mistakes_of("[mine]\nversion = one\n") == ['line 2: put the value in straight quotes: version = "one"']


@pytest.mark.parametrize("text", [f"x = {'9' * 5000}", f"x = {'[' * 5000}{']' * 5000}"])
def test_a_file_that_the_parser_itself_cannot_take_is_a_mistake(text: str) -> None:
    assert len(mistakes_of(text)) == 1


def test_keys_that_are_nested_deeply_crash_nothing() -> None:
    assert mistakes_of(f"{'.'.join('a' * 1000)} = 1")[0].startswith("line 1: a.a: no such key")


def test_an_answers_heading_is_its_name_as_words() -> None:
    assert [heading_of(name) for name in ("caption", "alt_text", "alt__text_")] == ["Caption", "Alt text", "Alt text"]


#: Values as TOML: what belongs there, and what does not.
ODD = st.sampled_from(("1", "0", "-1", "true", '""', '"x"', '"{name}"', '"{"', '"<image>"', "[]", "{}", "[1]", "1.5"))
NAMES = st.sampled_from(("caption", "alt_text", "A", "image", "figures", "_", "x1"))
QUESTION = st.dictionaries(
    st.sampled_from(("ask", "tokens", "sampling", "max_characters", "avoid", "odd")), ODD, max_size=5
)
KIND = st.one_of(ODD, st.dictionaries(NAMES, st.one_of(ODD, QUESTION), max_size=3))
RECIPE = st.dictionaries(
    st.sampled_from(("version", "description", "system", "context", "image", "video", "odd")),
    st.one_of(ODD, KIND),
    max_size=7,
)
FILE = st.dictionaries(st.sampled_from(("mine", "alt-text", "Bad", "a b")), st.one_of(ODD, RECIPE), max_size=3)


def toml(value: str | Mapping[str, Any]) -> str:
    """A value as TOML, tables inline."""
    if isinstance(value, str):
        return value
    return f"{{ {', '.join(f'{json.dumps(key)} = {toml(inner)}' for key, inner in value.items())} }}"


@given(FILE)
def test_malformed_tables_are_reported_and_crash_nothing(tables: Mapping[str, Any]) -> None:
    text = "".join(f"{json.dumps(name)} = {toml(recipe)}\n" for name, recipe in tables.items())
    recipes, mistakes = check_recipes(text)
    assert bool(mistakes) != (set(recipes) == set(tables)), "either mistakes, or every recipe"
    broken = {number for number, name in enumerate(tables, 1) if check_recipes(text.split("\n")[number - 1])[1]}
    assert {int(mistake.split(":")[0].removeprefix("line ")) for mistake in mistakes} == broken, "each on its line"


@given(st.sets(st.sampled_from(("version", "ask", "tokens", "context", "name"))))
def test_every_mistake_of_many_is_reported(kinds: set[str]) -> None:
    """Whatever combination of mistakes a recipe has, there is one report for each."""
    recipe: dict[str, Any] = {
        "version": "0" if "version" in kinds else "1",
        "context": '"x"' if "context" in kinds else "false",
        "image": {
            "Bad" if "name" in kinds else "caption": {
                "ask": '"{odd}"' if "ask" in kinds else '"What?"',
                "tokens": "-1" if "tokens" in kinds else "9",
            }
        },
        "video": {"caption": {"ask": '"What?"', "tokens": "9"}},
    }
    assert len(mistakes_of(f"mine = {toml(recipe)}")) == len(kinds)


@given(st.text())
def test_no_text_crashes_the_parser(text: str) -> None:
    recipes, mistakes = check_recipes(text)
    try:
        is_empty = tomllib.loads(text) == {}
    except tomllib.TOMLDecodeError:
        is_empty = False
    assert (recipes, mistakes == []) == ({}, is_empty)
