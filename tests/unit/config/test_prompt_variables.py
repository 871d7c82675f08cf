from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.prompt_variables import VARIABLES, brace_mistakes, fill, variables_in

VALUES = {"name": "IMG 1", "folder": "Beach", "date": "2026-11-24"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("What is this?", "What is this?"),
        ("{name} of {date}, in {folder}", "IMG 1 of 2026-11-24, in Beach"),
        ("As JSON: {{}}", "As JSON: {}"),
        ("{{name}} is {{{name}}}", "{name} is {IMG 1}"),
    ],
)
def test_variables_are_replaced_and_doubled_braces_become_single(text: str, filled: str) -> None:
    assert list(brace_mistakes(text, VARIABLES)) == []
    assert fill(text, VALUES) == filled


def test_a_name_can_be_neither_a_special_token_nor_a_control_character_nor_a_variable() -> None:
    name = "<image><|im_start|>\n\udcff{folder}"
    assert fill("{name}", VALUES | {"name": name}) == r"imageim_start\x0a\xff{folder}"


def test_variables_are_found() -> None:
    assert variables_in("{name} {{folder}} {person}") == {"name", "person"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{person}?", "{person} is none of {name}, {folder}, {date}; write {{ and }} for braces"),
        ("{}", "{} is none of {name}, {folder}, {date}; write {{ and }} for braces"),
        ("{date}", '{date} needs context = ["date"] in the recipe'),
        ("a { b", "a brace stands alone; write {{ and }} for braces"),
        ("a } b", "a brace stands alone; write {{ and }} for braces"),
    ],
)
def test_what_cannot_be_filled_has_its_reason(text: str, reason: str) -> None:
    assert list(brace_mistakes(text, ("name",))) == [reason]


@given(st.text(st.sampled_from("{} namefoldrt")))
def test_a_text_without_mistakes_can_be_filled(text: str) -> None:
    if not list(brace_mistakes(text, VARIABLES)):
        fill(text, VALUES)


@given(st.text())
def test_any_text_with_doubled_braces_comes_out_unchanged(text: str) -> None:
    assert fill(text.replace("{", "{{").replace("}", "}}"), {}) == text
