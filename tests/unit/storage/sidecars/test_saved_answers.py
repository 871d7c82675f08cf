"""Answers to a person's own questions in the sidecars."""

from __future__ import annotations

import json as plain
from dataclasses import replace
from typing import Any

import pytest

from config.settings import Existing
from storage.description import Description, SavedAnswer
from storage.sidecars import json, json_reader, markdown
from storage.sidecars.merging import Form
from storage.sidecars.recipe_parts import compose
from tests.fakes.clock import START
from tests.support.files import description_of, new_file

COUNT = SavedAnswer(
    question="How many *dogs*?", answer="Three.\nOne is black.", asked_at=START, model="m", revision="1"
)
COLOUR = replace(COUNT, question="Which colour?", answer="Red.", options={"seed": 5})
PLAIN = description_of(new_file())
FORMS: tuple[Form, ...] = (json, markdown)


def asked(*answers: SavedAnswer) -> Description:
    return replace(PLAIN, asked=answers)


def written(form: Form, *descriptions: Description, old: bytes | None = None, existing: Existing = "fill") -> bytes:
    for description in descriptions:
        old = compose(form, old, description, existing)
        assert old is not None
    assert old is not None
    return old


def record(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = plain.loads(content)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_one_that_is_saved_later_is_written_as_if_it_had_been_there(form: Form) -> None:
    later = written(form, PLAIN, asked(COUNT), asked(COUNT, COLOUR))
    if form is markdown:
        assert later == form.render(asked(COUNT, COLOUR))
    else:
        assert record(later) == record(form.render(asked(COUNT, COLOUR)))
    assert written(form, asked(COUNT, COLOUR), old=later) == later


@pytest.mark.parametrize("form", FORMS)
def test_a_new_answer_replaces_the_one_to_the_same_question(form: Form) -> None:
    content = written(form, asked(COUNT), asked(replace(COUNT, answer="Four.")))
    assert b"Four." in content
    assert b"Three." not in content


@pytest.mark.parametrize("form", FORMS)
def test_the_words_of_a_person_in_one_answer_stay_and_the_others_are_renewed(form: Form) -> None:
    edited = written(form, asked(COUNT)).replace(b"Three.", b"Three, I am sure.")
    content = written(form, asked(replace(COUNT, answer="Four."), COLOUR), old=edited)
    assert b"Three, I am sure." in content
    assert b"Red." in content
    assert b"Four." not in content


@pytest.mark.parametrize("form", FORMS)
def test_those_about_other_bytes_go_with_them(form: Form) -> None:
    changed = description_of(new_file(content=b"other"))
    assert b"Three." not in written(form, asked(COUNT), changed)


@pytest.mark.parametrize("form", FORMS)
def test_one_that_is_saved_later_is_also_there_where_sidecars_are_appended_to(form: Form) -> None:
    content = written(form, PLAIN, asked(COUNT), asked(COUNT), existing="append")
    assert content.count(b"Three.") == 1
    assert written(form, PLAIN, PLAIN, existing="append") == form.render(PLAIN)


def test_markdown_has_a_section_for_each_question_before_the_figures() -> None:
    text = written(markdown, asked(COUNT)).decode()
    section = "## Asked: How many \\*dogs\\*?\n\nThree.\\\nOne is black.\n\n## Figures"
    assert section in text


def test_json_has_each_answer_with_its_model_and_options_below_its_question() -> None:
    assert record(written(json, asked(COLOUR)))["asked"] == {
        "Which colour?": {
            "answer": "Red.",
            "asked_at": "2026-11-24T09:00:00Z",
            "model": "m",
            "revision": "1",
            "seed": 5,
        }
    }


def test_a_key_of_a_person_with_the_same_name_stays_as_it_is() -> None:
    old = json.encode(record(json.render(PLAIN)) | {"asked": "my own list"})
    assert record(written(json, asked(COUNT), old=old))["asked"] == "my own list"


def test_what_nobody_edited_can_be_read_back() -> None:
    content = json.render(asked(COUNT, COLOUR))
    (found,) = json_reader.parse(content, None, new_file()).descriptions
    assert found.asked == (COUNT, COLOUR)
    edited = content.replace(b"Red.", b"Pink, I think.")
    (found,) = json_reader.parse(edited, None, new_file()).descriptions
    assert found.asked == (COUNT,)
